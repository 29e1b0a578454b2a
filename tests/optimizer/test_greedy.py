from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import plan_dispatch
from optimizer.aim import expected_aim
from optimizer.greedy import base_response, greedy_response
from optimizer.plan import plan_columns
from optimizer.problem import problem_arrays
from simulator.harness.dispatch_fleet import synthetic_fleet
from tests.optimizer.fleet_problem import fleet_problem
from tests.optimizer.small_problem import block, curtailable, node, problem, random_problem
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import Infeasible, Planned, Unreachable
from vpp.domain.feasibility import check_columns, check_plan
from vpp.domain.flexibility import Flexibility


def test_greedy_response__cheapest_first() -> None:
    offers: dict[str, Flexibility] = {
        name: curtailable(100.0, event=2, count=2, cost=cost) for name, cost in (("c", 0.5), ("a", 0.2), ("b", 0.3))
    }
    asked = problem(offers, 250.0, event=2)
    outcome = plan_dispatch(asked, method="greedy")
    assert isinstance(outcome, Planned)
    assert outcome.plan.cost_cny == pytest.approx(37.5)
    assert outcome.plan.response_kw["c"] == pytest.approx([50, 50])


def test_greedy_response__short_calls_take_turns() -> None:
    calls: dict[str, Flexibility] = {
        f"b{i}": block(100.0, event=4, count=4, min_run=2, max_run=2, cost=0.1 * i) for i in range(2)
    }
    outcome = plan_dispatch(problem(calls, 100.0, event=4), method="greedy")
    assert isinstance(outcome, Planned)
    assert outcome.plan.response_kw["b0"] == pytest.approx([100, 100, 0, 0])
    assert outcome.plan.response_kw["b1"] == pytest.approx([0, 0, 100, 100])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_greedy_response__whole_fleet_is_feasible(share: float) -> None:
    asked = fleet_problem(seed=4, target_share=share)
    outcome = plan_dispatch(asked, method="greedy")
    assert not isinstance(outcome, Infeasible)
    assert check_plan(asked, outcome.plan) == ()
    assert outcome.plan.source == "greedy"


def test_greedy_response__a_node_admits_short_calls_one_after_the_other() -> None:
    # Either call alone uses up the node's room, which is left again once it is over.
    tight = replace(node(4), forecast_kw=np.full(4, 100.0), export_limit_kw=np.zeros(4))
    calls: dict[str, Flexibility] = {
        f"b{i}": block(100.0, event=4, count=4, min_run=2, max_run=2, cost=0.1 * i) for i in range(2)
    }
    outcome = plan_dispatch(problem(calls, 150.0, event=4, nodes=(tight,)), method="greedy")
    assert isinstance(outcome, Unreachable)
    assert outcome.largest_kw == pytest.approx(np.full(4, 100.0))


def test_greedy_response__what_is_left_of_an_energy_budget_is_used_where_it_is_missing() -> None:
    # 25 kWh are 50 kW in both intervals; 30 kW suffice in the first one, so that 70 kW are left for the second.
    offers: dict[str, Flexibility] = {"c": curtailable(100.0, event=2, count=2, cost=0.1, energy_kwh=25.0)}
    outcome = plan_dispatch(problem(offers, [30.0, 70.0], event=2), method="greedy")
    assert isinstance(outcome, Planned)
    assert outcome.plan.response_kw["c"] == pytest.approx([30.0, 70.0])


@pytest.mark.parametrize("blocks", [True, False])
def test_greedy_response__a_large_fleet_reaches_nearly_all_that_there_is(blocks: bool) -> None:
    columns = synthetic_fleet(1000, blocks=blocks, seed=1)
    outcome = plan_columns(columns, method="greedy")
    assert not isinstance(outcome, Infeasible)
    assert outcome.plan.shortfall_kw.sum() <= 0.01 * columns.target_kw.sum()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_greedy_response__is_feasible_wherever_what_cannot_be_avoided_is(seed: int) -> None:
    asked = random_problem(seed)
    arrays = problem_arrays(columns_of(asked))
    base_sound = not check_columns(arrays.columns, base_response(arrays))
    found = greedy_response(arrays, expected_aim(arrays.columns))
    assert not base_sound or not check_columns(arrays.columns, found)
