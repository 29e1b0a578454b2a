"""A small problem of two resources, and hand-made answers to it as the optimiser gives them."""

from dataclasses import replace

import numpy as np

from tests.optimizer.small_problem import curtailable, plan_of, problem, series
from vpp.domain.dispatch import BindingLimit, DispatchPlan, DispatchProblem, Marginals

LINE = BindingLimit("node:line:import", 1, "node line: import limit 900 kW binds at 14:15", 0.125)
ENERGY = BindingLimit("resource:a:energy", None, "resource a: energy of 12 kWh is used up", 0.5)
TARGET = BindingLimit("target", 0, "target: 60 kW at 14:00")


def asked(target_kw: float = 60.0) -> DispatchProblem:
    offers = {name: curtailable(50.0, event=2, count=3, cost=1.0) for name in ("a", "b", "c")}
    return problem(dict(offers), target_kw, event=2, recovery=1)


def planned() -> DispatchPlan:
    """60 kW in both intervals, priced, with limits that bind and reasons."""
    return replace(
        plan_of(asked(), a=[50, 50, 0], b=[10, 10, 0]),
        source="coordinated",
        status="optimal",
        cost_cny=30.0,
        gap=0.0125,
        objective_cny=32.0,
        bound_cny=31.6,
        delivery_mean_kw=series([66, 65], 2),
        delivery_q05_kw=series([60, 59], 2),
        joint_probability=0.934,
        marginals=Marginals(
            series([0.25, 0.75], 2), np.zeros(1), {"line": series([0, -0.125, -0.02], 3), "hall": series(2e-5, 3)}
        ),
        binding=(TARGET, LINE, ENERGY),
        reasons={"a": "cheaper", "b": "cheaper", "c": "limit:line"},
    )


def without_prices() -> DispatchPlan:
    """As the greedy method answers: no bound, no prices, nothing said of its delivery."""
    return replace(plan_of(asked(), a=[50, 50, 0], b=[10, 10, 0]), source="greedy", status="feasible", cost_cny=30.0)
