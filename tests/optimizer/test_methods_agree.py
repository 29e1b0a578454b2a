"""200 random problems of every kind mix: the builders agree, coordination keeps its bound, every plan is feasible."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer import WorkLimits, plan_dispatch
from optimizer.penalty import shortfall_price
from optimizer.problem import problem_arrays
from tests.optimizer.small_problem import random_problem
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Infeasible, PlanningOutcome
from vpp.domain.events import Direction
from vpp.domain.feasibility import check_plan
from vpp.domain.timegrid import INTERVAL_H

PROVEN = WorkLimits(mip_gap=0.0, node_limit=100_000)


def varied(seed: int) -> DispatchProblem:
    """Up to 60 resources of all kinds; some problems ask for filling, some price energy."""
    asked = random_problem(seed)
    rng = np.random.default_rng(seed)
    if seed % 10 == 0:
        more = tuple(
            replace(resource, id=f"{resource.id}-{copy}", delivery_fraction=float(rng.uniform(0.5, 1.2)))
            for copy in range(60 // max(len(asked.resources), 1))
            for resource in asked.resources
        )
        factor = len(more) / max(len(asked.resources), 1)
        nodes = tuple(
            replace(
                node,
                forecast_kw=node.forecast_kw * factor,
                import_limit_kw=node.import_limit_kw * factor,
                export_limit_kw=node.export_limit_kw * factor,
            )
            for node in asked.nodes
        )
        asked = replace(asked, resources=more, nodes=nodes, target_kw=asked.target_kw * factor)
    if seed % 3 == 1:
        asked = replace(asked, direction=Direction.FILL)
    if seed % 4 == 2:
        asked = replace(asked, energy_price_cny_per_kwh=rng.uniform(0.0, 1.0, asked.grid.count))
    return asked


def plan_of(outcome: PlanningOutcome, asked: DispatchProblem) -> DispatchPlan:
    assert not isinstance(outcome, Infeasible), outcome.reason
    assert check_plan(asked, outcome.plan) == ()
    return outcome.plan


def priced(asked: DispatchProblem, plan: DispatchPlan) -> float:
    """The objective with what is missing of the target, as every method minimises it."""
    price = shortfall_price(problem_arrays(columns_of(asked)))
    return plan.objective_cny + price * INTERVAL_H * float(plan.shortfall_kw.sum())


@pytest.mark.parametrize("seed", range(200))
def test_plan_dispatch__methods_agree(seed: int) -> None:
    asked = varied(seed)
    direct = plan_dispatch(asked, method="exact", limits=PROVEN)
    pyomo = plan_dispatch(asked, method="exact", limits=PROVEN, builder="pyomo")
    coordinated = plan_dispatch(asked, method="coordinated")
    greedy = plan_dispatch(asked, method="greedy")
    if not isinstance(greedy, Infeasible):
        plan_of(greedy, asked)
    assert type(direct) is type(pyomo)
    if isinstance(direct, Infeasible):
        assert isinstance(coordinated, Infeasible)
        return
    exact = priced(asked, plan_of(direct, asked))
    assert priced(asked, plan_of(pyomo, asked)) == pytest.approx(exact, rel=1e-6, abs=1e-4)
    near = plan_of(coordinated, asked)
    slack = 1e-6 * abs(exact) + 1e-4
    found = priced(asked, near)
    # The bound that the gap speaks of: no plan has a smaller objective, what is missing of the target included.
    assert found - near.gap * max(abs(found), 1e-6) <= exact + slack
    assert found >= exact - slack
    reached = near.shortfall_kw.max(initial=0.0) <= 1e-3
    assert reached == bool(np.isfinite(near.bound_cny))
    assert not reached or near.bound_cny <= near.objective_cny + slack
