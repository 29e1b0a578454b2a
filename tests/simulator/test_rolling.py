from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.history import ZONE
from simulator.plant import Plant, PlantState
from simulator.rolling import RollingPlant, StartError, moved, quarter_before
from simulator.scenario import Scenario

Ints = NDArray[np.int64]
EVENING = datetime(2026, 7, 22, 23, 0, tzinfo=ZONE)
MIDNIGHT = datetime(2026, 7, 23, 0, 0, tzinfo=ZONE)


@pytest.fixture(scope="module")
def lived(quick: Scenario) -> list[tuple[datetime, Ints]]:
    """Registers every hour from an evening through three nights."""
    rolling = RollingPlant(quick, 3, start=EVENING)
    found = []
    for hour in range(74):
        rolling.advance(EVENING + timedelta(hours=hour))
        found.append((rolling.now, rolling.plant.register_wh))
    return found


def test_advance__days_follow_each_other_without_end(
    lived: list[tuple[datetime, Ints]],
) -> None:
    assert [at for at, _ in lived] == [EVENING + timedelta(hours=hour) for hour in range(74)]


def test_advance__registers_of_loads_never_fall_over_midnight(
    quick: Scenario, lived: list[tuple[datetime, Ints]]
) -> None:
    loads = np.ones(lived[0][1].size, dtype=bool)
    loads[quick.district.devices.kind_slices["storage"]] = False
    registers = np.array([register[loads] for _, register in lived])

    assert (np.diff(registers, axis=0) >= 0).all()
    assert (registers[-1] > registers[0]).mean() > 0.9


def test_advance__the_first_day_is_the_scenario_s_own(quick: Scenario) -> None:
    plant = quick.make_plant(3)
    rolling = RollingPlant(quick, 3, start=quick.window.start)
    for _ in range(180):
        plant.step()
    rolling.advance(quick.window.start + timedelta(minutes=180))

    np.testing.assert_array_equal(rolling.plant.power_kw, plant.power_kw)
    np.testing.assert_array_equal(rolling.plant.register_wh, plant.register_wh)


def test_advance__cars_stay_over_midnight_with_what_they_still_need(quick: Scenario) -> None:
    rolling = RollingPlant(quick, 3, start=EVENING)
    rolling.advance(MIDNIGHT - timedelta(minutes=1))
    before = rolling.plant
    part = before.district.devices.pile_slice
    before.set_limit(np.arange(part.start, part.stop), 0.0)
    states: list[PlantState] = []

    rolling.advance(MIDNIGHT, lambda _, state: states.append(state))
    rolling.advance(MIDNIGHT + timedelta(minutes=1))

    stays = states[0]["pile_departure"] > 1
    assert stays.sum() > 10
    assert rolling.plant is not before
    assert rolling.plant.piles.plugged[stays].all()
    paused = stays & states[0]["moves"][part] & (before._late[part] == 0)
    np.testing.assert_array_equal(rolling.plant.piles.needed_kwh[paused], states[0]["pile_needed_kwh"][paused])


def test_advance__limits_and_states_of_charge_go_over_midnight(quick: Scenario) -> None:
    rolling = RollingPlant(quick, 3, start=EVENING)
    rolling.advance(EVENING + timedelta(minutes=10))
    part = rolling.plant.district.devices.kind_slices["factory_process"]
    rows = np.arange(part.start, part.stop)
    rolling.plant.set_limit(rows, 1.0)
    soc_kwh = rolling.plant.batteries.soc_kwh

    rolling.advance(MIDNIGHT + timedelta(minutes=5))

    np.testing.assert_array_equal(rolling.plant.limit_kw[rows], 1.0)
    assert (rolling.plant.processes.ratio < 1.0).all()
    np.testing.assert_allclose(rolling.plant.batteries.soc_kwh, soc_kwh)


def test_advance__a_late_command_of_the_evening_takes_effect_after_midnight(quick: Scenario) -> None:
    rolling = RollingPlant(quick, 3, start=EVENING)
    late = np.flatnonzero(rolling.plant._late >= 2)
    rolling.advance(MIDNIGHT - timedelta(minutes=1))
    rolling.plant.set_limit(late, 1.0)

    rolling.advance(MIDNIGHT)
    pending = np.isinf(rolling.plant._applied_kw[late])
    rolling.advance(MIDNIGHT + timedelta(minutes=10))

    assert late.size > 0
    assert pending.all()
    np.testing.assert_array_equal(rolling.plant._applied_kw[late], 1.0)


def test_prepare_tomorrow__drawing_ahead_changes_nothing(quick: Scenario) -> None:
    ahead, unprepared = RollingPlant(quick, 3, start=EVENING), RollingPlant(quick, 3, start=EVENING)
    ahead.prepare_tomorrow()
    ahead.prepare_tomorrow()
    for rolling in (ahead, unprepared):
        rolling.advance(MIDNIGHT + timedelta(hours=1))

    np.testing.assert_array_equal(ahead.plant.power_kw, unprepared.plant.power_kw)


def test_moved__the_scenario_keeps_its_order_on_another_day(quick: Scenario) -> None:
    start = datetime(2027, 3, 9, 12, 15, tzinfo=UTC)
    there = moved(quick, start)

    assert there.window.day.isoformat() == "2027-03-09"
    assert there.window.end == datetime(2027, 3, 10, tzinfo=ZONE)
    assert there.event.start.astimezone(ZONE).isoformat() == "2027-03-09T14:00:00+08:00"
    assert there.make_plant(1).exogenous.weather.days[-1] == there.window.day


def test_tmax_c__the_season_goes_on_from_the_scenario_s_day_wherever_it_starts(quick: Scenario) -> None:
    winter = RollingPlant(quick, 3, start=datetime(2027, 1, 12, 23, 0, tzinfo=ZONE))

    assert winter.tmax_c(0) == quick.weather.tmax_c[-1]
    assert all(24.0 < winter.tmax_c(number) < 40.0 for number in range(1, 8))


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (datetime(2026, 7, 22, 12, 7, tzinfo=ZONE), r"expected a quarter-hour, such as 2026-07-22T12:00:00\+08:00"),
        (datetime(2026, 7, 22, 12, 0), r"expected an instant with a UTC offset"),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_moved__a_start_off_the_grid_is_refused(quick: Scenario, start: datetime, message: str) -> None:
    with pytest.raises(StartError, match=message):
        moved(quick, start)


def test_quarter_before__gives_local_quarter_hours() -> None:
    assert quarter_before(datetime(2026, 7, 22, 6, 44, 59, 5, tzinfo=UTC)) == datetime(2026, 7, 22, 14, 30, tzinfo=ZONE)


def test_hand_over__before_the_day_s_end_is_refused(quick_plant: Plant) -> None:
    with pytest.raises(ValueError, match=r"only the end of 2026-07-22 can be handed over"):
        quick_plant.hand_over()


def test_take_over__in_the_middle_of_a_day_is_refused(quick_plant: Plant) -> None:
    with pytest.raises(ValueError, match=r"only the beginning of a day can take over"):
        quick_plant.take_over({})
