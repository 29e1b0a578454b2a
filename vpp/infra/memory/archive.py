"""A meter archive in the process's memory, with the rules of the one on disk."""

from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import StoreError
from vpp.domain.telemetry import Quality, Reading
from vpp.domain.timegrid import INTERVAL_S, TimeGrid
from vpp.infra.interval_series import (
    days_of,
    fill_from_day,
    pack_days,
    require_boundaries,
    unpack_days,
    whole_second,
)
from vpp.ports import IntervalEnergy


class MemoryArchive:
    """Implements ``MeterArchive``; see ``vpp.infra.store.archive.SqlMeterArchive`` for the rules."""

    def __init__(self) -> None:
        """An empty archive."""
        self._readings: dict[str, dict[int, Reading]] = {}
        self._days: dict[date, dict[str, bytes]] = {}
        self._conflicts: dict[Reading, int] = {}

    async def store(self, readings: Sequence[Reading]) -> None:
        """Stores readings; of two that differ for one meter and instant the first stays, the other is set aside.

        Raises:
            InputError: an instant has a fraction of a second; nothing was stored.
        """
        timed = [(whole_second(reading.at), reading) for reading in readings]
        for at_s, reading in timed:
            kept = self._readings.setdefault(reading.meter_id, {}).setdefault(at_s, reading)
            if kept != reading:
                self._conflicts[reading] = self._conflicts.get(reading, 0) + 1

    async def import_day(self, day: date, meter_ids: Sequence[str], energy_wh: NDArray[np.float64]) -> None:
        """Stores a past day's interval energy, shape (meters, 96), ``nan`` for missing.

        Raises:
            InputError: wrong shape, or values that are not whole Wh.
            StoreError: a meter has this day already with other values; nothing was stored.
        """
        packed = [row.tobytes() for row in pack_days(day, meter_ids, energy_wh)]
        known = self._days.setdefault(day, {})
        for meter_id, blob in zip(meter_ids, packed, strict=True):
            if known.get(meter_id, blob) != blob:
                raise StoreError(f"archive: meter {meter_id!r} already has other values for imported day {day}")
        known.update(zip(meter_ids, packed, strict=True))

    async def interval_energy(self, meter_ids: Sequence[str], grid: TimeGrid) -> IntervalEnergy:
        """Interval energy from good registers on both boundaries, else from imported days, else ``nan``."""
        start_s = require_boundaries(grid)
        register_wh = np.full((len(meter_ids), len(grid) + 1), np.nan)
        for row, meter_id in enumerate(meter_ids):
            found = self._readings.get(meter_id)
            for column in range(len(grid) + 1) if found else ():
                reading = found.get(start_s + column * int(INTERVAL_S)) if found else None
                if reading is not None and reading.quality is Quality.GOOD:
                    register_wh[row, column] = reading.register_wh
        energy_wh = np.diff(register_wh, axis=1)
        for day in days_of(grid):
            blobs = self._days.get(day, {})
            rows = [row for row, meter_id in enumerate(meter_ids) if meter_id in blobs]
            day_wh = unpack_days([blobs[meter_ids[row]] for row in rows])
            fill_from_day(energy_wh, grid, day, np.array(rows, dtype=np.intp), day_wh)
        return IntervalEnergy(tuple(meter_ids), grid, energy_wh)

    async def readings(self, meter_ids: Sequence[str], start: datetime, end: datetime) -> list[Reading]:
        """Readings in ``[start, end)``, ordered by instant, then meter id."""
        found = (
            reading
            for meter_id in dict.fromkeys(meter_ids)
            for reading in self._readings.get(meter_id, {}).values()
            if start <= reading.at < end
        )
        return sorted(found, key=lambda reading: (reading.at, reading.meter_id))

    async def conflict_count(self) -> int:
        """How often a reading came that differs from the one kept for its meter and instant."""
        return sum(self._conflicts.values())
