"""What each meter usually takes at a time of day: the mean of its last days of the same kind."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np

from vpp.domain.flexibility import Series
from vpp.domain.load_history import Mask
from vpp.domain.timegrid import INTERVAL_H, TimeGrid, day_grid, day_start, trading_day
from vpp.domain.working_days import days_between
from vpp.ports import MeterArchive
from vpp.services.forecasting import Calendar

LOOKBACK = timedelta(days=14)
DAYS_MOST = 5
"""Working days, or days off, that count: the latest."""
WH_PER_KWH = 1000.0


class UsualLoad:
    """Reads the archive once a day and meter; means are kept."""

    def __init__(self, archive: MeterArchive, calendar: Calendar) -> None:
        self._archive = archive
        self._calendar = calendar
        self._today: date | None = None
        self._mean_kw: dict[str, Series] = {}

    async def on(self, meter_ids: Sequence[str], grid: TimeGrid) -> Mapping[str, Series]:
        """Usual power on ``grid`` by meter, shape (len(grid),), ``nan`` where no day of the kind was metered."""
        today = trading_day(grid.start)
        mean_kw = await self._read(meter_ids, today)
        days = days_between(today, trading_day(grid.end))
        kinds = self._calendar(days).working_mask(days).astype(np.intp)
        first = TimeGrid(day_start(today), 0).index_of(grid.start)
        return {meter_id: mean_kw[meter_id][kinds].reshape(-1)[first : first + grid.count] for meter_id in meter_ids}

    async def _read(self, meter_ids: Sequence[str], today: date) -> Mapping[str, Series]:
        """Means of that day by meter; whoever asks for another day meanwhile has means of its own."""
        if self._today != today:
            self._today, self._mean_kw = today, {}
        mean_kw = self._mean_kw
        missing = [meter_id for meter_id in meter_ids if meter_id not in mean_kw]
        if not missing:
            return mean_kw
        past = days_between(today - LOOKBACK, today - timedelta(days=1))
        whole = TimeGrid.between(day_start(past[0]), day_grid(past[-1]).end)
        energy = await self._archive.interval_energy(missing, whole)
        power_kw = energy.energy_wh.reshape(len(missing), len(past), -1) / WH_PER_KWH / INTERVAL_H
        working = self._calendar(past).working_mask(past)
        means_kw = np.stack([_latest_mean(power_kw, ~working), _latest_mean(power_kw, working)], axis=1)
        mean_kw |= dict(zip(missing, means_kw, strict=True))
        return mean_kw


def _latest_mean(power_kw: Series, days: Mask) -> Series:
    """Mean over the latest of ``days`` that have any reading, shape (meters, slots), of power (meters, days, slots)."""
    metered = np.isfinite(power_kw)
    usable = metered.any(axis=2) & days
    latest = usable & (np.cumsum(usable[:, ::-1], axis=1)[:, ::-1] <= DAYS_MOST)
    counted = metered & latest[:, :, None]
    total_kw = np.where(counted, power_kw, 0.0).sum(axis=1)
    count = counted.sum(axis=1)
    return np.asarray(np.divide(total_kw, count, out=np.full(total_kw.shape, np.nan), where=count > 0))
