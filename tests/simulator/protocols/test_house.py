from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from simulator.protocols.errors import StateError
from simulator.protocols.house import House, Unit
from simulator.protocols.panel import RefusedWriteError
from simulator.rolling import RollingPlant
from simulator.scenario import Scenario
from tests.simulator.protocols.living_house import START, HandClock, living

HOLD_FREE = 10
SEED = 3


def first_unit(house: House, gateway_id: str) -> Unit:
    return house.units[gateway_id][1]


def registers_of(house: House) -> list[list[int]]:
    return [unit.holding() for units in house.units.values() for unit in units.values()]


async def trouble(house: House, clock: HandClock, *, until_min: int, every_min: int = 7) -> None:
    """Tells many devices something every few minutes, the same whenever it is called at the same minute."""
    lived = (clock.at - START) // timedelta(minutes=1)
    units = [unit for units in house.units.values() for unit in units.values()]
    for minute in range(lived, until_min):
        if minute % every_min == 0:
            for number, unit in enumerate(units):
                enable = (minute // every_min + number) % 3 != 0
                with suppress(RefusedWriteError):
                    await house.write(unit, HOLD_FREE, [int(enable), 0, 2000 + 10 * number + minute])
        clock.pass_minutes(1)
        house.refresh()


async def test_write__a_restarted_house_shows_the_registers_of_one_that_was_never_stopped(
    quick: Scenario, maps: Path, tmp_path: Path
) -> None:
    whole, parts = HandClock(START), HandClock(START)
    with living(RollingPlant(quick, SEED, start=START), maps, tmp_path / "whole", whole) as house:
        await trouble(house, whole, until_min=150)
        wanted = registers_of(house)
        wanted_wh = house.rolling.plant.register_wh

    for until_min in (35, 60, 61, 140, 150):
        with living(RollingPlant(quick, SEED, start=START), maps, tmp_path / "parts", parts) as house:
            await trouble(house, parts, until_min=until_min)

    with living(RollingPlant(quick, SEED, start=START), maps, tmp_path / "parts", parts) as house:
        assert registers_of(house) == wanted
        np.testing.assert_array_equal(house.rolling.plant.register_wh, wanted_wh)
    assert {path.name for path in (tmp_path / "parts").iterdir()} == {"identity.json", "day-1.npz", "controls-1.bin"}


async def test_refresh__days_without_a_process_are_lived_through_at_the_next_start(
    quick: Scenario, maps: Path, tmp_path: Path
) -> None:
    clock = HandClock(START)
    with living(RollingPlant(quick, SEED, start=START), maps, tmp_path / "state", clock) as house:
        await trouble(house, clock, until_min=30)
        before = house.rolling.plant.register_wh
    clock.at = START + timedelta(days=2, minutes=5)

    with living(RollingPlant(quick, SEED, start=START), maps, tmp_path / "state", clock) as house:
        assert house.now == clock.at
        assert house.rolling.day_number == 2
        loads = slice(0, quick.district.devices.kind_slices["storage"].start)
        assert (house.rolling.plant.register_wh[loads] >= before[loads]).all()


async def test_write__is_on_disk_before_it_returns(flawless: RollingPlant, maps: Path, tmp_path: Path) -> None:
    with living(flawless, maps, tmp_path, HandClock(START)) as house:
        await house.write(first_unit(house, "gw-factory-01"), HOLD_FREE, [1, 0, 500])

        assert (tmp_path / "controls-0.bin").stat().st_size == 18


async def test_write__saying_the_same_again_is_not_noted_again(
    flawless: RollingPlant, maps: Path, tmp_path: Path
) -> None:
    with living(flawless, maps, tmp_path, HandClock(START)) as house:
        for _ in range(3):
            await house.write(first_unit(house, "gw-factory-01"), HOLD_FREE, [1, 0, 500])

        assert (tmp_path / "controls-0.bin").stat().st_size == 18


async def test_write__several_devices_are_told_all_or_none(flawless: RollingPlant, maps: Path, tmp_path: Path) -> None:
    with living(flawless, maps, tmp_path, HandClock(START)) as house:
        unit = next(u for u in house.units["gw-factory-01"].values() if u.place.device_count > 1)
        before = unit.holding()

        with pytest.raises(RefusedWriteError, match=r"read only"):
            await house.write(unit, HOLD_FREE, [1, 0, 500, 0, 0])

        assert unit.holding() == before


def test_refresh__offline_devices_go_on_showing_their_last_minute(
    flawless: RollingPlant, maps: Path, tmp_path: Path
) -> None:
    clock = HandClock(START)
    with living(flawless, maps, tmp_path, clock) as house:
        unit = first_unit(house, "gw-factory-01")
        frozen = unit.holding()
        rows = np.arange(unit.place.resource.devices.start, unit.place.resource.devices.stop)
        flawless.plant.set_online(rows[:1], online=False)

        clock.pass_minutes(3)
        house.refresh()

        assert unit.holding()[:13] == frozen[:13]
        assert first_unit(house, "gw-charging-01").holding()[1] == (frozen[1] + 3) % 65_536


def test_refresh__nothing_changes_within_a_minute(flawless: RollingPlant, maps: Path, tmp_path: Path) -> None:
    clock = HandClock(START)
    with living(flawless, maps, tmp_path, clock) as house:
        before = first_unit(house, "gw-storage-01").holding()
        clock.at += timedelta(seconds=59)
        house.refresh()

        assert first_unit(house, "gw-storage-01").holding() is before


async def test_house__a_clock_that_was_set_back_is_refused(quick: Scenario, maps: Path, tmp_path: Path) -> None:
    clock = HandClock(START)
    with living(RollingPlant(quick, SEED, start=START), maps, tmp_path, clock) as house:
        await trouble(house, clock, until_min=30)

    early = HandClock(START + timedelta(minutes=5))
    message = r"memory reaches to 2026-07-22T15:28:00\+00:00, the clock shows 2026-07-22T23:05:00\+08:00"
    with (
        pytest.raises(StateError, match=message),
        living(RollingPlant(quick, SEED, start=START), maps, tmp_path, early),
    ):
        pass
