from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from vpp.domain.timegrid import INTERVAL, TimeGrid, day_start
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.archive import MemoryArchive
from vpp.ports import IntervalEnergy
from vpp.services.usual_load import UsualLoad

FRIDAY = date(2026, 7, 24)


class CountingArchive(MemoryArchive):
    asked = 0

    async def interval_energy(self, meter_ids: Sequence[str], grid: TimeGrid) -> IntervalEnergy:
        self.asked += 1
        return await super().interval_energy(meter_ids, grid)


async def filled(working_kw: float, off_kw: float, *, days: int = 14) -> CountingArchive:
    """Steady loads; working days six and more back at four times as much, and the noon of the last day missing."""
    archive = CountingArchive()
    for back in range(1, days + 1):
        day = FRIDAY - timedelta(days=back)
        kw = off_kw if day.weekday() >= 5 else working_kw * (1.0 if back <= 7 else 4.0)
        energy = np.full((1, 96), kw * 250.0)
        if back == 1:
            energy[0, 48] = np.nan
        await archive.import_day(day, ["m"], energy)
    return archive


async def test_on__the_latest_days_of_the_same_kind() -> None:
    usual = UsualLoad(await filled(80.0, 20.0), chinese_working_days)
    grid = TimeGrid(day_start(FRIDAY) + 40 * INTERVAL, 100)

    found = (await usual.on(["m"], grid))["m"]

    # Friday is like the five working days before it, Saturday like the last four days off.
    assert found[:56].tolist() == [80.0] * 56
    assert found[56:].tolist() == [20.0] * 44


async def test_on__unknown_where_nothing_was_metered_and_read_once_a_day() -> None:
    archive = await filled(80.0, 20.0, days=3)
    usual = UsualLoad(archive, chinese_working_days)
    grid = TimeGrid(day_start(FRIDAY), 120)

    found = await usual.on(["m", "new"], grid)
    await usual.on(["m"], grid)

    assert np.isnan(found["new"]).all()
    assert np.isnan(found["m"][96:]).all()
    assert found["m"][:96].tolist() == [80.0] * 96
    assert archive.asked == 1
    await usual.on(["m"], TimeGrid(day_start(FRIDAY + timedelta(days=1)), 4))
    assert archive.asked == 2
