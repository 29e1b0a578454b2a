"""Answers that need no solver of ours: closed forms and what must hold whatever the figures are."""

from dataclasses import replace

import numpy as np
import pytest

from optimizer import plan_dispatch
from optimizer.plan import Method
from tests.optimizer.small_problem import curtailable, node, problem
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Planned
from vpp.domain.events import Direction
from vpp.domain.flexibility import Flexibility
from vpp.domain.timegrid import INTERVAL_H

METHODS: tuple[Method, ...] = ("exact", "coordinated", "greedy")


def stack(seed: int, count: int = 25) -> tuple[dict[str, Flexibility], np.ndarray, np.ndarray]:
    """Divisible curtailment in one interval: sizes and prices."""
    rng = np.random.default_rng(seed)
    size, price = rng.uniform(10.0, 200.0, count), rng.permutation(np.linspace(0.1, 2.0, count))
    offers: dict[str, Flexibility] = {
        f"c{i:02d}": curtailable(size[i], event=1, count=1, cost=price[i]) for i in range(count)
    }
    return offers, size, price


def planned(asked: DispatchProblem, method: Method) -> DispatchPlan:
    outcome = plan_dispatch(asked, method=method)
    assert isinstance(outcome, Planned), outcome
    return outcome.plan


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(5))
def test_plan_dispatch__merit_order_in_closed_form(seed: int, method: Method) -> None:
    offers, size, price = stack(seed)
    target = 0.55 * size.sum()
    order = np.argsort(price)
    before = np.cumsum(size[order]) - size[order]
    taken = np.clip(target - before, 0.0, size[order])
    plan = planned(problem(offers, target, event=1), method)
    assert plan.cost_cny == pytest.approx(float(taken @ price[order]) * INTERVAL_H, rel=1e-9)
    for position, i in enumerate(order.tolist()):
        assert plan.response_kw[f"c{i:02d}"][0] == pytest.approx(taken[position], abs=1e-6)


@pytest.mark.parametrize("method", ["exact", "coordinated"])
@pytest.mark.parametrize("seed", range(5))
def test_plan_dispatch__price_of_the_target_is_the_marginal_resources(seed: int, method: Method) -> None:
    offers, size, price = stack(seed)
    target = 0.55 * size.sum()
    order = np.argsort(price)
    marginal = int(order[np.searchsorted(np.cumsum(size[order]), target)])
    plan = planned(problem(offers, target, event=1), method)
    assert plan.marginals is not None
    assert plan.marginals.target_cny_per_kw == pytest.approx([price[marginal] * INTERVAL_H], rel=1e-6)
    used = {name for name, code in plan.reasons.items() if code == "cheaper"}
    assert used == {f"c{i:02d}" for i in order[: int(np.searchsorted(np.cumsum(size[order]), target)) + 1].tolist()}
    assert all(plan.reasons[name] == "price" for name in offers if name not in used)


@pytest.mark.parametrize("method", METHODS)
def test_plan_dispatch__filling_is_curtailing_with_the_sign_turned(method: Method) -> None:
    offers, size, _ = stack(3)
    target = 0.4 * size.sum()
    less = planned(problem(offers, target, event=1), method)
    more = planned(replace(problem(offers, target, event=1), direction=Direction.FILL), method)
    assert more.cost_cny == pytest.approx(less.cost_cny, rel=1e-9)


def test_plan_dispatch__filling_keeps_the_import_limit() -> None:
    offers: dict[str, Flexibility] = {"a": curtailable(100.0, event=1, count=1, cost=1.0)}
    tight = replace(node(1), forecast_kw=np.array([500.0]), import_limit_kw=np.array([540.0]))
    asked = replace(problem(offers, 100.0, event=1, nodes=(tight,)), direction=Direction.FILL)
    outcome = plan_dispatch(asked)
    assert not isinstance(outcome, Planned)
    assert outcome.binding[0].text == "node root: import limit 540 kW binds at 14:00"  # type: ignore[union-attr]


@pytest.mark.parametrize("method", ["exact", "coordinated"])
def test_plan_dispatch__dear_energy_is_curtailed_beyond_the_target(method: Method) -> None:
    offers, size, price = stack(4)
    asked = replace(problem(offers, 1.0, event=1), energy_price_cny_per_kwh=np.array([1.0]))
    plan = planned(asked, method)
    assert sum(kw[0] for kw in plan.response_kw.values()) == pytest.approx(size[price < 1.0].sum(), rel=1e-6)
    earned = float(((1.0 - price) * size)[price < 1.0].sum()) * INTERVAL_H
    assert plan.objective_cny == pytest.approx(-earned, rel=1e-6)
    assert plan.cost_cny == pytest.approx(float((price * size)[price < 1.0].sum()) * INTERVAL_H, rel=1e-6)


@pytest.mark.parametrize("method", ["exact", "coordinated"])
def test_plan_dispatch__prices_of_use_steer_and_are_not_paid(method: Method) -> None:
    offers: dict[str, Flexibility] = {
        name: curtailable(100.0, event=1, count=1, cost=cost) for name, cost in (("a", 0.5), ("b", 0.6))
    }
    asked = problem(offers, 100.0, event=1)
    dear = replace(asked, resources=(replace(asked.resources[0], use_price_cny_per_kwh=0.3), asked.resources[1]))
    assert planned(asked, method).response_kw["a"] == pytest.approx([100.0])
    plan = planned(dear, method)
    assert plan.response_kw["b"] == pytest.approx([100.0])
    assert plan.cost_cny == pytest.approx(15.0)
    assert plan.objective_cny == pytest.approx(15.0)
