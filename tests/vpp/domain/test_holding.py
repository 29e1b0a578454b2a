"""What a portfolio holds, in cases worked by hand, in every limit, and against the exact answer."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer import WorkLimits, plan_dispatch
from tests.vpp.domain.table_samples import NOW, RECOVERY, table_problem
from tests.vpp.domain.table_windows import whole_response_kw, window_problem
from vpp.domain.capability_table import event_intervals, table_grid
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource, Planned, Unreachable
from vpp.domain.events import Direction
from vpp.domain.feasibility import check_columns
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Storage
from vpp.domain.holding import Held, hold
from vpp.domain.reachable_portfolio import portfolio_of
from vpp.domain.reservoirs import Windows

GRID = table_grid(NOW, RECOVERY)
EVENT, COUNT = event_intervals(), event_intervals() + RECOVERY


def portfolio(*flexibilities: Flexibility, forecast_kw: float = 100.0, export_kw: float = np.inf) -> DispatchProblem:
    """Resources of the same steady load on one node."""
    resources = tuple(
        DispatchResource(f"r{i}", "root", np.full(COUNT, 0.0 if isinstance(f, Storage) else forecast_kw), f)
        for i, f in enumerate(flexibilities)
    )
    flow_kw = np.full(COUNT, forecast_kw * len(resources))
    root = DispatchNode("root", None, flow_kw, np.full(COUNT, 1e6), np.full(COUNT, export_kw))
    return DispatchProblem(GRID, EVENT, np.zeros(EVENT), np.zeros(RECOVERY), resources, (root,))


def held(problem: DispatchProblem, length: int, start: int = 1) -> Held:
    columns = columns_of(problem)
    windows = Windows(np.array([start], dtype=np.intp), length, RECOVERY)
    return hold(portfolio_of(columns), windows, np.ones((1, columns.count), dtype=np.bool_))


def level_kw(problem: DispatchProblem, length: int, start: int = 1) -> float:
    return float((held(problem, length, start).response_kw @ columns_of(problem).delivery_mean).min())


def curtailable(kw: float, energy_kwh: float = 1e6) -> Curtailable:
    return Curtailable(np.full(COUNT, kw), np.zeros(COUNT), 0.5, 1.0, energy_kwh)


def block(kw: float, longest: int, *, calls: int = 1, rest: int = 1, shortest: int = 1, running: int = 0) -> Block:
    full_kw = np.full(COUNT, kw)
    return Block(full_kw, full_kw, 0.5, 1.0, shortest, longest, calls, running, rest)


def battery(power_kw: float, energy_kwh: float) -> Storage:
    return Storage(power_kw, 1_000.0, 500.0, 500.0 - energy_kwh, 500.0 - energy_kwh, 1.0, 0.3, export_allowed=True)


@pytest.mark.parametrize(("length", "kw"), [(1, 100.0), (4, 100.0), (8, 50.0), (16, 25.0)])
def test_hold__an_hour_of_energy_lasts_longer_at_less(length: int, kw: float) -> None:
    assert level_kw(portfolio(curtailable(100.0, 100.0)), length) == pytest.approx(kw, rel=2e-3)
    assert level_kw(portfolio(battery(100.0, 100.0)), length) == pytest.approx(kw, rel=2e-3)


def test_hold__unequal_batteries_share_so_that_none_is_empty_too_soon() -> None:
    # 50 kW for an hour and 50 kW for three: together 200 kWh, 50 kW for four hours; for two hours 75 kW, since the
    # second one never gives more than 50 kW: 2 h x 75 kW = 50 kWh + 100 kWh.
    problem = portfolio(battery(50.0, 50.0), battery(50.0, 150.0))

    assert level_kw(problem, 16) == pytest.approx(50.0, rel=2e-3)
    assert level_kw(problem, 8) == pytest.approx(75.0, rel=2e-3)


def test_hold__short_blocks_take_turns() -> None:
    # Two blocks of one hour hold 60 kW for two hours, none of them alone.
    assert level_kw(portfolio(block(60.0, 4), block(60.0, 4)), 8) == pytest.approx(60.0)
    assert level_kw(portfolio(block(60.0, 4)), 8) == 0.0


def test_hold__a_battery_fills_the_rest_between_two_calls() -> None:
    # Three intervals on, one at rest, four on: the battery's 15 kWh are 60 kW for the one interval.
    problem = portfolio(block(60.0, 4, calls=2), battery(60.0, 15.0))

    assert level_kw(problem, 8) == pytest.approx(60.0, rel=2e-3)
    assert level_kw(portfolio(block(60.0, 4, calls=2)), 8) == 0.0


def test_hold__a_call_that_runs_already_must_end_and_rest_first() -> None:
    running = portfolio(block(60.0, 4, running=1, rest=2))

    # Three more intervals at most, then two of rest.
    assert level_kw(running, 1, start=4) == 0.0
    assert level_kw(running, 1, start=5) == pytest.approx(60.0)


def test_hold__a_call_shorter_than_the_shortest_run_fills_a_short_window() -> None:
    assert level_kw(portfolio(block(60.0, 8, shortest=4)), 1) == pytest.approx(60.0)
    assert level_kw(portfolio(block(60.0, 8, shortest=4, calls=0)), 1) == 0.0


def test_hold__a_building_warms_to_its_band_and_no_further() -> None:
    # Without leaving anything, 0.02 K per kW and interval: 1 K is reached by 50 kW intervals; a quarter of the band
    # may be left after the recovery, the rest comes back evenly within eight intervals.
    cooling = Cooling(np.full(COUNT, 40.0), 20.0, 1.0, 0.02, 1.0, 0.0, 0.2, 0.0)

    found = held(portfolio(cooling), 4)

    assert found.response_kw[:, 0, 0].sum() == pytest.approx(50.0, rel=2e-3)
    assert found.payback_kw[0, 0] == pytest.approx(0.75 / 0.02 / 8, rel=5e-3)


def test_hold__a_building_that_cannot_cool_again_in_time_gives_less() -> None:
    # 1 kW of payback takes 0.16 K off in eight intervals: 0.41 K at most.
    cooling = Cooling(np.full(COUNT, 40.0), 1.0, 1.0, 0.02, 1.0, 0.0, 0.2, 0.0)

    found = held(portfolio(cooling), 1)

    assert found.response_kw[0, 0, 0] == pytest.approx(0.41 / 0.02, rel=2e-3)
    assert found.payback_kw[0, 0] == pytest.approx(1.0, rel=2e-2)


def test_hold__charging_waits_as_long_as_its_promise_allows() -> None:
    ceiling = np.cumsum(np.full(COUNT, 100.0)) * 0.25
    floor = np.concatenate([np.zeros(4), ceiling[:-4]])
    charging = Charging(np.zeros(COUNT), np.full(COUNT, 150.0), floor, ceiling, 0.4)

    # Four intervals of 25 kWh may wait; 50 kW of free piles bring them back within the two hours that follow.
    found = held(portfolio(charging), 4)

    assert found.response_kw[:, 0, 0] == pytest.approx([100.0] * 4)
    assert found.payback_kw[0, 0] == pytest.approx(50.0)
    assert level_kw(portfolio(charging), 8) == pytest.approx(50.0, rel=2e-3)


def test_hold__what_the_node_does_not_bear_is_not_counted() -> None:
    # Load of 200 kW, and 20 kW may flow back: 220 kW less at most.
    problem = portfolio(curtailable(150.0), curtailable(150.0), export_kw=20.0)

    assert level_kw(problem, 4) == pytest.approx(220.0)


def test_hold__filling_charges_until_the_battery_is_full() -> None:
    problem = replace(portfolio(battery(400.0, 100.0)), direction=Direction.FILL)

    # 500 kWh of room: 400 kW for an hour, 250 kW for two; what was taken in need not come back.
    assert level_kw(problem, 4) == pytest.approx(400.0)
    assert level_kw(problem, 8) == pytest.approx(250.0, rel=2e-3)


def test_hold__nothing_there_holds_nothing() -> None:
    problem = portfolio()

    found = held(problem, 4)

    assert found.response_kw.shape == (4, 1, 0)


@pytest.mark.parametrize("tight", [1.0, 0.8])
@pytest.mark.parametrize("length", [1, 4, 8, 16])
@pytest.mark.parametrize("seed", range(1, 6))
def test_hold__is_a_plan_that_passes_the_independent_check(seed: int, length: int, tight: float) -> None:
    problem = table_problem(60, seed=seed, tight=tight)
    for start in np.random.default_rng(seed).integers(1, 97, 4).tolist():
        window = window_problem(problem, start, length)

        found = whole_response_kw(window, held(problem, length, start))

        assert check_columns(columns_of(window), found) == ()


@pytest.mark.parametrize(("seed", "length", "start"), [(1, 1, 82), (1, 4, 62), (1, 8, 50), (2, 1, 30), (2, 4, 4)])
def test_hold__the_exact_optimum_plans_it_and_hardly_more(seed: int, length: int, start: int) -> None:
    problem = replace(table_problem(60, seed=seed), common_sd={}, coverage=0.5)
    certain = replace(problem, resources=tuple(replace(r, delivery_sd=0.0) for r in problem.resources))
    level = level_kw(certain, length, start)

    held_to, beyond = (
        plan_dispatch(window_problem(certain, start, length, share * level), method="exact", limits=WorkLimits())
        for share in (0.99, 1.10)
    )

    assert isinstance(held_to, Planned)
    assert isinstance(beyond, Unreachable)
