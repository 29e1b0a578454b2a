"""The live picture: the last minutes of every resource's meter, for tracking only.

Settlement never reads it. A reading that comes twice or late lands in its own minute once.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vpp.domain.flexibility import Series
from vpp.domain.telemetry import Quality, Reading

MINUTE = timedelta(minutes=1)
KEPT_MINUTES = 45
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(instant: datetime) -> int:
    """Number of whole minutes since 1970 up to ``instant``."""
    return (instant - _EPOCH) // MINUTE


class LivePicture:
    """A ring of ``KEPT_MINUTES`` minutes of one-minute means.

    Args:
        meter_ids: Meters that it watches, in the order of every returned array.
    """

    def __init__(self, meter_ids: Sequence[str]) -> None:
        self.meter_ids = tuple(meter_ids)
        self.index = {meter_id: i for i, meter_id in enumerate(self.meter_ids)}
        self._power = np.full((KEPT_MINUTES, len(self.meter_ids)), np.nan)
        self._good = np.zeros((KEPT_MINUTES, len(self.meter_ids)), dtype=bool)
        self._minute = np.full(KEPT_MINUTES, -1, dtype=np.int64)
        self.latest: datetime | None = None

    def add(self, readings: Iterable[Reading]) -> None:
        """Takes readings in; those older than the ring, or of other meters, are passed over."""
        for reading in readings:
            column = self.index.get(reading.meter_id)
            minute = minute_of(reading.at)
            row = minute % KEPT_MINUTES
            if column is None or minute < self._minute[row]:
                continue
            if self._minute[row] != minute:
                self._minute[row] = minute
                self._power[row] = np.nan
                self._good[row] = False
            if reading.quality is not Quality.MISSING:
                self._power[row, column] = reading.power_kw
                self._good[row, column] = reading.quality is Quality.GOOD
            if self.latest is None or reading.at > self.latest:
                self.latest = reading.at

    def mean_kw(self, start: datetime, end: datetime) -> tuple[Series, NDArray[np.bool_]]:
        """Mean power over the minutes of ``[start, end)``.

        Returns:
            Mean per meter over the minutes that have a reading, ``nan`` where none has, and whether all of these were
            good; both of shape (meters,).
        """
        minutes = np.arange(minute_of(start) + 1, minute_of(end) + 1)
        rows = minutes[-KEPT_MINUTES:] % KEPT_MINUTES
        held = self._minute[rows] == minutes[-KEPT_MINUTES:]
        rows = rows[held]
        power = self._power[rows]
        present = np.isfinite(power)
        count = present.sum(axis=0)
        mean = np.where(count > 0, np.where(present, power, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)
        return mean, (self._good[rows] | ~present).all(axis=0) & (count > 0)
