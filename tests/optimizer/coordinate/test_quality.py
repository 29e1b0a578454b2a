"""How near price coordination comes: exact HiGHS judges, where it can still solve the whole problem."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer import WorkLimits, plan_columns
from optimizer.aim import expected_aim
from optimizer.direct import direct_model
from optimizer.penalty import shortfall_price
from optimizer.problem import problem_arrays
from optimizer.solve import run
from simulator.harness.dispatch_fleet import synthetic_fleet
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import DispatchPlan, Infeasible
from vpp.domain.feasibility import check_columns


def coordinated(columns: DispatchColumns, previous: DispatchPlan | None = None) -> DispatchPlan:
    outcome = plan_columns(columns, method="coordinated", previous=previous)
    assert not isinstance(outcome, Infeasible)
    response_kw = np.array([outcome.plan.response_kw[name] for name in columns.ids])
    assert check_columns(columns, response_kw, shortfall_kw=outcome.plan.shortfall_kw) == ()
    assert outcome.plan.source == "coordinated"
    return outcome.plan


def relaxed_optimum(columns: DispatchColumns) -> float:
    """The optimum of the exact model, calls divisible; of a fleet without blocks the optimum itself."""
    arrays = problem_arrays(columns)
    model = direct_model(arrays, expected_aim(columns), shortfall_price=shortfall_price(arrays))
    nothing = np.zeros(0, dtype=np.int32), np.zeros(0)
    return model.objective(run(model, WorkLimits(), fixed=nothing, relaxed=True).values)


@pytest.mark.parametrize(("count", "event"), [(300, 8), (300, 16), pytest.param(1000, 16, marks=pytest.mark.slow)])
def test_coordinated__divisible_fleet_within_half_a_percent_of_exact(count: int, event: int) -> None:
    columns = synthetic_fleet(count, event=event, blocks=False, seed=11)
    plan, optimum = coordinated(columns), relaxed_optimum(columns)
    assert plan.shortfall_kw.max() <= 1e-3
    assert plan.bound_cny <= optimum * (1 + 1e-7)
    assert optimum * (1 - 1e-7) <= plan.objective_cny <= 1.005 * optimum


@pytest.mark.parametrize(("count", "event"), [(300, 8), (600, 16), pytest.param(1000, 16, marks=pytest.mark.slow)])
def test_coordinated__fleet_with_blocks_near_its_bound(count: int, event: int) -> None:
    columns = synthetic_fleet(count, event=event, blocks=True, seed=12)
    plan = coordinated(columns)
    assert plan.shortfall_kw.max() <= 1e-3
    # No integer plan undercuts the relaxation, so that a bound above it says more than the relaxation does.
    assert plan.bound_cny >= 0.99 * relaxed_optimum(columns)
    assert plan.objective_cny <= 1.006 * plan.bound_cny


def test_coordinated__again_from_its_own_prices() -> None:
    columns = synthetic_fleet(600, event=16, blocks=True, seed=13)
    first = coordinated(columns)
    rng = np.random.default_rng(1)
    changed = replace(columns, target_kw=columns.target_kw * rng.uniform(0.97, 1.03, 16))
    again = coordinated(changed, previous=first)
    assert again.objective_cny <= 1.01 * again.bound_cny
    assert again.shortfall_kw.max() <= 1e-3


def test_coordinated__the_number_of_threads_changes_nothing() -> None:
    columns = synthetic_fleet(4000, event=8, blocks=True, seed=14)
    plans = []
    for threads in (1, 2):
        outcome = plan_columns(columns, method="coordinated", limits=WorkLimits(threads=threads))
        assert not isinstance(outcome, Infeasible)
        plans.append(outcome.plan)
    one, two = (np.array([plan.response_kw[name] for name in columns.ids]) for plan in plans)
    np.testing.assert_array_equal(one, two)
