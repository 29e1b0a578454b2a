from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulator.clock import ClockFile, PlantClock, strict_instant
from simulator.files import ScenarioFileError, read_model

AT = datetime(2026, 7, 22, 6, 0, tzinfo=UTC)


def test_strict_instant__takes_text_with_an_offset_and_gives_utc() -> None:
    assert strict_instant("2026-07-22T14:00:00+08:00") == AT
    assert strict_instant(AT) == AT


@pytest.mark.parametrize("wrong", [0, "1", 1769.5, "2026-07-22", "noon", None])
def test_strict_instant__numbers_and_other_text_are_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"expected an instant"):
        strict_instant(wrong)


def test_strict_instant__without_an_offset_is_refused_with_the_value() -> None:
    with pytest.raises(ValueError, match=r"with a UTC offset, found 2026-07-22T14:00:00"):
        strict_instant("2026-07-22T14:00:00")


def test_now__runs_speed_times_as_fast_from_at() -> None:
    wall = PlantClock().now()
    clock = PlantClock(ClockFile(at=AT, wall_at=wall - timedelta(seconds=10), speed=60.0))

    before, told, after = PlantClock().now(), clock.now(), PlantClock().now()

    assert AT + 60.0 * (before - wall + timedelta(seconds=10)) <= told
    assert told <= AT + 60.0 * (after - wall + timedelta(seconds=10))


async def test_sleep_until__returns_at_the_instant_and_at_once_when_it_is_past() -> None:
    clock = PlantClock(ClockFile(at=AT, wall_at=PlantClock().now(), speed=3600.0))

    await clock.sleep_until(AT + timedelta(minutes=2))
    reached = clock.now()
    await clock.sleep_until(AT)

    assert reached >= AT + timedelta(minutes=2)


def test_clock_file__speed_beyond_its_limit_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "clock.yaml"
    file.write_text("{at: 2026-07-22T14:00:00+08:00, wall_at: 2026-11-01T08:00:00Z, speed: 4000}")

    with pytest.raises(ScenarioFileError, match=r"speed: Input should be less than or equal to 3600 \(found 4000\)"):
        read_model(file, ClockFile)
