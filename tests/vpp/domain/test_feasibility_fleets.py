"""Properties of the check over random fleets: nobody is judged by the others, and filling mirrors curtailing."""

from dataclasses import replace

import numpy as np
import pytest

from tests.optimizer.small_problem import plan_of, random_problem
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.feasibility import check_plan
from vpp.domain.flexibility import Charging, Storage


def random_plan(given: DispatchProblem, seed: int) -> DispatchPlan:
    """Responses that keep some limits and break others, 0 in many intervals."""
    rng = np.random.default_rng([seed, 1])
    count = given.grid.count
    responses = {
        resource.id: rng.uniform(-0.2, 0.6, count) * resource.forecast_kw.max() * (rng.random(count) < 0.6)
        for resource in given.resources
    }
    return plan_of(given, **responses)


@pytest.mark.parametrize("seed", range(60))
def test_check_plan__no_resource_is_judged_by_its_neighbours(seed: int) -> None:
    given = random_problem(seed)
    plan = random_plan(given, seed)
    together = [violation for violation in check_plan(given, plan) if violation.subject.startswith("resource:")]
    alone = []
    for resource in given.resources:
        single = replace(given, resources=(resource,))
        own = plan_of(single, **{resource.id: plan.response_kw[resource.id]})
        alone += [violation for violation in check_plan(single, own) if violation.subject.startswith("resource:")]
    assert sorted(together, key=str) == sorted(alone, key=str)
    assert alone


@pytest.mark.parametrize("seed", range(60))
def test_check_plan__filling_by_less_is_curtailing_by_more(seed: int) -> None:
    """A battery or a charging cluster sees its power alone, and so do the nodes above it."""
    given = random_problem(seed)
    resources = tuple(r for r in given.resources if isinstance(r.flexibility, Charging | Storage))
    curtailing = replace(given, resources=resources)
    plan = random_plan(curtailing, seed)
    filling = replace(curtailing, direction=Direction.FILL)
    turned = plan_of(filling, **{name: -series for name, series in plan.response_kw.items()})
    assert check_plan(filling, turned) == check_plan(curtailing, plan)


@pytest.mark.parametrize("seed", range(60))
def test_check_plan__stated_figures_agree_with_plain_sums(seed: int) -> None:
    rng = np.random.default_rng([seed, 2])
    given = random_problem(seed)
    given = replace(
        given,
        resources=tuple(_uncertain(resource, rng) for resource in given.resources),
        common_sd={"": 0.05, "warm": 0.1},
        coverage=float(rng.uniform(0.5, 0.99)),
    )
    plan = random_plan(given, seed)
    assert [violation for violation in check_plan(given, plan) if violation.subject == "plan"] == []
    wrong = replace(plan, shortfall_kw=plan.shortfall_kw + 0.002)
    assert [violation.limit for violation in check_plan(given, wrong) if violation.subject == "plan"] == ["shortfall"]


def _uncertain(resource: DispatchResource, rng: np.random.Generator) -> DispatchResource:
    group = str(rng.choice(["", "warm", "unnamed"]))
    return replace(resource, delivery_sd=float(rng.uniform(0.0, 0.3)), delivery_class=group)
