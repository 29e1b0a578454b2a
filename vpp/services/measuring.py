"""Measuring: what an event delivered, from register differences in the archive and the frozen baselines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from vpp.domain.book import EventRecord
from vpp.domain.flexibility import Series
from vpp.domain.outcome import MATERIAL_KW, Waterfall, called_from, commanded_kw, graded_kw, waterfall
from vpp.domain.performance import Delivery, MeterResponse, measure_response
from vpp.domain.telemetry import Quality
from vpp.domain.timegrid import INTERVAL_H, TimeGrid
from vpp.ports import MeterArchive
from vpp.services.recorder import Recorder

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Final figures of one event.

    Attributes:
        called: Resources with a response asked in any interval, in order of registration with the event.
        energy_wh: Register differences over event and recovery, shape (called, H), ``nan`` where not metered.
        good: Whether all readings of the event interval were good, shape (called, T).
        response: Exact response of the commanded intervals, for settlement.
    """

    called: tuple[str, ...]
    grid: TimeGrid
    energy_wh: NDArray[np.float64]
    good: NDArray[np.bool_]
    waterfall: Waterfall
    response: MeterResponse

    def power_kw(self, count: int) -> Series:
        """Mean power per called resource, shape (called, count)."""
        return self.energy_wh[:, :count] / WH_PER_KWH / INTERVAL_H


class Measuring:
    """Reads the archive; decides nothing."""

    def __init__(self, recorder: Recorder, archive: MeterArchive) -> None:
        self._recorder = recorder
        self._archive = archive

    async def measure(self, event_id: str, *, recovery_intervals: int, committed_kw: Series) -> Measured:
        """The final five figures and the exact response of every commanded interval.

        Args:
            event_id: An event whose baselines are frozen.
            recovery_intervals: Intervals behind the event to read as well.
            committed_kw: Accepted response per interval.
        """
        record = self._recorder.book.event(event_id)
        count = len(record.grid)
        asked = commanded_kw(record)
        called = tuple(r for r, values in asked.items() if called_from(values) is not None)
        grid = TimeGrid(record.grid.start, count + recovery_intervals)
        energy = await self._archive.interval_energy(called, grid)
        good = await self._good(record, called) & np.isfinite(energy.energy_wh[:, :count])
        power = energy.energy_wh[:, :count] / WH_PER_KWH / INTERVAL_H
        figures = waterfall(
            record,
            power_kw={r: power[i] for i, r in enumerate(called)},
            good={r: good[i] for i, r in enumerate(called)},
            committed=committed_kw,
        )
        graded = graded_kw(record)
        commanded = np.array([graded[r] for r in called]).reshape(len(called), count)
        baseline = np.array([record.baseline_kw(r)[:count] for r in called]).reshape(len(called), count)
        delivery = Delivery(
            called,
            record.grid,
            baseline,
            np.where(good, energy.energy_wh[:, :count], np.nan),
            commanded,
            commanded > MATERIAL_KW,
        )
        response = measure_response(delivery, record.declaration.direction)
        return Measured(called, grid, energy.energy_wh, good, figures, response)

    async def _good(self, record: EventRecord, called: Sequence[str]) -> NDArray[np.bool_]:
        """Intervals without a single reading of less than good quality, shape (called, T)."""
        good = np.ones((len(called), len(record.grid)), dtype=np.bool_)
        row = {meter_id: i for i, meter_id in enumerate(called)}
        minute = timedelta(minutes=1)
        readings = await self._archive.readings(called, record.grid.start + minute, record.grid.end + minute)
        for reading in readings:
            if reading.quality is not Quality.GOOD:
                good[row[reading.meter_id], record.grid.index_of(reading.at - minute)] = False
        return good
