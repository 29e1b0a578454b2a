"""What every meter archive does, in memory and on disk."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from tests.contract.postgres_process import Cluster
from vpp.domain.errors import InputError, StoreError
from vpp.domain.telemetry import Quality, Reading
from vpp.domain.timegrid import INTERVAL, TimeGrid, day_grid, day_start
from vpp.infra.memory.archive import MemoryArchive
from vpp.infra.store.archive import open_archive
from vpp.ports import MeterArchive

DAY = date(2026, 7, 20)
T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
NAN = float("nan")


class CountingArchive(MeterArchive, Protocol):
    """An archive that tells how many readings it set aside."""

    async def conflict_count(self) -> int:
        """Readings set aside."""


@pytest.fixture(params=["memory", "sqlite file", "sqlite in memory", "postgresql"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[CountingArchive]:
    """One of the archives, empty."""
    if request.param == "memory":
        yield MemoryArchive()
        return
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    else:
        url = "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/archive.db"
    opened = open_archive(url)
    yield opened
    opened.close()


def _minutes(meter_id: str, registers_wh: list[int], start: datetime = T0, step_min: int = 15) -> list[Reading]:
    return [
        Reading(meter_id, start + timedelta(minutes=step_min * number), 1.25, register_wh)
        for number, register_wh in enumerate(registers_wh)
    ]


def _energy(archive: MeterArchive, meter_ids: list[str], grid: TimeGrid) -> list[list[float]]:
    energy = asyncio.run(archive.interval_energy(meter_ids, grid))
    assert energy.meter_ids == tuple(meter_ids)
    assert energy.grid == grid
    rows: list[list[float]] = energy.energy_wh.tolist()
    return rows


def test_readings__half_open_and_ordered(archive: CountingArchive) -> None:
    readings = [
        Reading("b", T0, -3.5, 10),
        Reading("a", T0, 2.0, -7, Quality.ESTIMATED),
        Reading("a", T0 + timedelta(minutes=1), 2.0, 2**40, Quality.SUSPECT),
        Reading("c", T0, 1.0, 1),
    ]
    asyncio.run(archive.store(readings))
    found = asyncio.run(archive.readings(["b", "a", "unknown"], T0, T0 + timedelta(minutes=1)))
    assert found == [readings[1], readings[0]]
    later = asyncio.run(archive.readings(["a"], T0 + timedelta(microseconds=1), T0 + timedelta(hours=1)))
    assert later == [readings[2]]


def test_store__nothing_is_fine(archive: CountingArchive) -> None:
    asyncio.run(archive.store([]))
    assert asyncio.run(archive.conflict_count()) == 0


def test_store__equal_reading_again_changes_nothing(archive: CountingArchive) -> None:
    readings = _minutes("m", [0, 100, 200])
    asyncio.run(archive.store(readings))
    asyncio.run(archive.store([*readings, *readings]))
    assert asyncio.run(archive.readings(["m"], T0, T0 + timedelta(hours=1))) == readings
    assert asyncio.run(archive.conflict_count()) == 0


def test_store__different_reading_is_set_aside_and_counted(archive: CountingArchive) -> None:
    first, other = Reading("m", T0, 1.0, 100), Reading("m", T0, 1.0, 101)
    asyncio.run(archive.store([first]))
    asyncio.run(archive.store([other, Reading("m", T0 + INTERVAL, 1.0, 350)]))
    asyncio.run(archive.store([other, first]))
    assert asyncio.run(archive.readings(["m"], T0, T0 + timedelta(minutes=1))) == [first]
    assert _energy(archive, ["m"], TimeGrid(T0, 1)) == [[250.0]]
    assert asyncio.run(archive.conflict_count()) == 2


def test_store__conflict_inside_one_batch_keeps_the_first(archive: CountingArchive) -> None:
    first, other = Reading("m", T0, 1.0, 100), Reading("m", T0, 1.0, 100, Quality.SUSPECT)
    asyncio.run(archive.store([first, other]))
    assert asyncio.run(archive.readings(["m"], T0, T0 + INTERVAL)) == [first]
    assert asyncio.run(archive.conflict_count()) == 1


def test_store__fraction_of_a_second_is_refused_whole(archive: CountingArchive) -> None:
    bad = Reading("n", T0 + timedelta(milliseconds=500), 1.0, 1)
    with pytest.raises(InputError, match=r"reading at 2026-07-20T06:00:00.500000Z: .* whole seconds"):
        asyncio.run(archive.store([Reading("m", T0, 1.0, 1), bad]))
    assert asyncio.run(archive.readings(["m", "n"], T0, T0 + INTERVAL)) == []


def test_interval_energy__differences_of_registers(archive: CountingArchive) -> None:
    asyncio.run(archive.store(_minutes("m", [5, 12, 9, 109]) + _minutes("n", [0, 2**45])))
    grid = TimeGrid(T0, 3)
    np.testing.assert_array_equal(_energy(archive, ["n", "m"], grid), [[2.0**45, NAN, NAN], [7.0, -3.0, 100.0]])


def test_interval_energy__needs_good_registers_on_both_boundaries(archive: CountingArchive) -> None:
    readings = _minutes("m", [0, 10, 20, 30, 40], step_min=15)
    readings[2] = Reading("m", readings[2].at, 1.0, 20, Quality.SUSPECT)
    near = Reading("late", T0 + timedelta(minutes=1), 1.0, 0)
    asyncio.run(archive.store([*readings, near, *_minutes("late", [10, 20], T0 + INTERVAL)]))
    np.testing.assert_array_equal(
        _energy(archive, ["m", "late"], TimeGrid(T0, 4)), [[10.0, NAN, NAN, 10.0], [NAN, 10.0, NAN, NAN]]
    )


def test_interval_energy__unknown_meter_and_empty_grid(archive: CountingArchive) -> None:
    np.testing.assert_array_equal(_energy(archive, ["ghost"], TimeGrid(T0, 2)), [[NAN, NAN]])
    assert asyncio.run(archive.interval_energy(["ghost"], TimeGrid(T0, 0))).energy_wh.shape == (1, 0)
    assert asyncio.run(archive.interval_energy([], TimeGrid(T0, 2))).energy_wh.shape == (0, 2)


def test_interval_energy__meter_asked_for_twice(archive: CountingArchive) -> None:
    asyncio.run(archive.store(_minutes("m", [5, 12])))
    assert _energy(archive, ["m", "m"], TimeGrid(T0, 1)) == [[7.0], [7.0]]


def test_import_day__answers_over_day_boundaries(archive: CountingArchive) -> None:
    first = np.arange(192.0).reshape(2, 96)
    second = first + 1000.0
    first[1, 95] = NAN
    asyncio.run(archive.import_day(DAY, ["a", "b"], first))
    asyncio.run(archive.import_day(DAY + timedelta(days=1), ["b", "a"], second))
    grid = TimeGrid(day_start(DAY + timedelta(days=1)) - INTERVAL, 2)
    np.testing.assert_array_equal(_energy(archive, ["a", "b"], grid), [[95.0, 1096.0], [NAN, 1000.0]])
    assert _energy(archive, ["a"], day_grid(DAY)) == [first[0].tolist()]


def test_import_day__registers_come_first(archive: CountingArchive) -> None:
    asyncio.run(
        archive.import_day(trading := day_grid(DAY).start.date() + timedelta(days=1), ["m"], np.full((1, 96), 7.0))
    )
    asyncio.run(archive.store(_minutes("m", [100, 103], day_start(trading) + 2 * INTERVAL)))
    assert _energy(archive, ["m"], TimeGrid(day_start(trading), 5)) == [[7.0, 7.0, 3.0, 7.0, 7.0]]


def test_import_day__many_meters_few_asked(archive: CountingArchive) -> None:
    meter_ids = [f"m{number}" for number in range(1_200)]
    energy_wh = np.repeat(np.arange(1_200.0)[:, None], 96, axis=1)
    for back in range(3):
        asyncio.run(archive.import_day(DAY - timedelta(days=back), meter_ids, energy_wh + back))
    grid = TimeGrid(day_start(DAY - timedelta(days=2)), 3 * 96)
    few = np.asarray(_energy(archive, ["m1199", "m3"], grid))
    np.testing.assert_array_equal(few[:, [0, 96, 192]], [[1201.0, 1200.0, 1199.0], [5.0, 4.0, 3.0]])
    some = np.asarray(_energy(archive, meter_ids[1:601], grid))
    np.testing.assert_array_equal(some[:, 0], np.arange(3.0, 603.0))


def test_import_day__again_equal_is_fine_other_values_are_refused(archive: CountingArchive) -> None:
    energy_wh = np.full((2, 96), 7.0)
    energy_wh[0, 0] = NAN
    asyncio.run(archive.import_day(DAY, ["a", "b"], energy_wh))
    asyncio.run(archive.import_day(DAY, ["b", "a"], energy_wh[::-1]))
    with pytest.raises(StoreError, match="meter 'b' already has other values for imported day 2026-07-20"):
        asyncio.run(archive.import_day(DAY, ["c", "b"], energy_wh[::-1]))
    np.testing.assert_array_equal(_energy(archive, ["c"], TimeGrid(day_start(DAY), 1)), [[NAN]])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.5, r"meter 'm', interval 3: 1.5 Wh is not a whole number of at most 2147483647 Wh"),
        (float("inf"), r"interval 3: inf Wh is not a whole number"),
        (2.0**31, r"interval 3: 2147483648.0 Wh is not a whole number of at most"),
    ],
)
def test_import_day__what_cannot_be_kept_exactly_is_refused(
    archive: CountingArchive, value: float, message: str
) -> None:
    energy_wh = np.zeros((1, 96))
    energy_wh[0, 3] = value
    with pytest.raises(InputError, match=message):
        asyncio.run(archive.import_day(DAY, ["m"], energy_wh))


def test_import_day__wrong_shape_or_meter_named_twice(archive: CountingArchive) -> None:
    with pytest.raises(InputError, match=r"energy has shape \(1, 24\), expected \(meters, 96\) = \(1, 96\)"):
        asyncio.run(archive.import_day(DAY, ["m"], np.zeros((1, 24))))
    with pytest.raises(InputError, match="a meter is named more than once"):
        asyncio.run(archive.import_day(DAY, ["m", "m"], np.zeros((2, 96))))
