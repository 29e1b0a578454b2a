import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer import WorkLimits, plan_dispatch
from tests.optimizer.small_problem import (
    block,
    curtailable,
    node,
    padded,
    problem,
    random_problem,
    series,
    with_target,
)
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Infeasible, Planned, TimedOut, Unreachable
from vpp.domain.errors import InputError
from vpp.domain.feasibility import check_plan
from vpp.domain.flexibility import Block, Charging, Cooling, Flexibility, Storage

PROVEN = WorkLimits(mip_gap=0.0, node_limit=100_000)
COVERS = json.loads((Path(__file__).parent / "data" / "block_dispatch_cover.json").read_text(encoding="utf-8"))


def planned(asked: DispatchProblem) -> DispatchPlan:
    outcome = plan_dispatch(asked, method="exact", limits=PROVEN)
    assert isinstance(outcome, Planned), outcome
    assert check_plan(asked, outcome.plan) == ()
    return outcome.plan


@pytest.mark.parametrize("cover", COVERS["instances"], ids=lambda cover: str(cover["name"]))
def test_plan_dispatch__published_covering_optimum(cover: dict[str, list[float]]) -> None:
    # Target i becomes event interval i; a call lasts the whole event and gives relief[i][j] in interval i.
    target = np.maximum(np.array(cover["target"]), 0.0)
    relief, event = np.array(cover["relief"]), len(cover["target"])
    calls: dict[str, Flexibility] = {
        f"b{j}": block(relief[:, j], event=event, count=event, cost=0.0, start_cost=price, min_run=event)
        for j, price in enumerate(cover["cost"])
    }
    plan = planned(problem(calls, target, event=event))
    assert plan.cost_cny == pytest.approx(cover["optimal_cost"], abs=1e-6)
    assert plan.source == "exact"


@pytest.mark.parametrize("seed", range(4))
def test_plan_dispatch__cheapest_of_all_subsets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size, price, start = rng.uniform(20, 200, 9), rng.uniform(0.1, 2, 9), rng.uniform(0, 80, 9)
    target = 0.55 * size.sum()
    calls: dict[str, Flexibility] = {
        f"b{j}": block(size[j], event=2, count=2, cost=price[j], start_cost=start[j], min_run=2) for j in range(9)
    }
    cheapest = min(
        float(sum(start[j] + 0.5 * price[j] * size[j] for j in chosen))
        for number in range(10)
        for chosen in itertools.combinations(range(9), number)
        if size[list(chosen)].sum() >= target
    )
    assert planned(problem(calls, target, event=2)).cost_cny == pytest.approx(cheapest, abs=1e-6)


def test_plan_dispatch__divisible_resources_follow_the_merit_order() -> None:
    # 100 kW at 0.2, then 100 kW at 0.3, then 50 of 100 kW at 0.5 CNY/kWh, for half an hour: 0.5 * (20 + 30 + 25).
    offers: dict[str, Flexibility] = {
        name: curtailable(100.0, event=2, count=2, cost=cost) for name, cost in (("c", 0.5), ("a", 0.2), ("b", 0.3))
    }
    plan = planned(problem(offers, 250.0, event=2))
    assert plan.cost_cny == pytest.approx(37.5)
    assert plan.response_kw["a"] == pytest.approx([100, 100])
    assert plan.response_kw["c"] == pytest.approx([50, 50])


def test_plan_dispatch__delivery_fraction_scales_what_counts_for_the_target() -> None:
    asked = problem({"a": curtailable(200.0, event=1, count=1, cost=0.2)}, 100.0, event=1)
    asked = replace(asked, resources=(replace(asked.resources[0], delivery_fraction=0.8),))
    assert planned(asked).response_kw["a"] == pytest.approx([125.0])


def test_plan_dispatch__charging_keeps_its_promise() -> None:
    envelope = Charging(np.zeros(4), series(400.0, 4), series([0, 0, 100, 200], 4), series([50, 100, 150, 200], 4), 0.1)
    asked = problem({"ev": envelope}, 200.0, event=2, recovery=2, forecast=200.0)
    assert planned(asked).response_kw["ev"] == pytest.approx([200, 200, -200, -200])


def test_plan_dispatch__cooling_pays_back_within_the_rebound_cap() -> None:
    cooling = Cooling(padded(100.0, 2, 6), 80.0, 0.95, 0.01, 2.0, 0.0, 0.2, 0.01)
    asked = problem({"chiller": cooling}, 80.0, event=2, recovery=4, rebound_cap=35.0)
    plan = planned(asked)
    assert plan.response_kw["chiller"][:2] == pytest.approx([80, 80])
    assert plan.response_kw["chiller"][2:].min() >= -35.0 - 1e-6
    assert plan.rebound_excess_kw == pytest.approx(np.zeros(4), abs=1e-6)


def test_plan_dispatch__storage_never_charges_and_discharges_at_once() -> None:
    # Burning energy would make room below the import limit that a real battery does not have.
    battery = Storage(100.0, 100.0, 95.0, 10.0, 95.0, 0.8, 0.0, True)
    asked = problem({"battery": battery}, 30.0, event=2, recovery=4, forecast=np.array([0, 0, 60, 60, 60, 60]))
    outcome = plan_dispatch(asked, method="exact", limits=PROVEN)
    assert not isinstance(outcome, Infeasible)
    assert outcome.plan.source == "exact"
    assert check_plan(asked, outcome.plan) == ()


def test_plan_dispatch__running_call_goes_on_without_a_new_start() -> None:
    going = block(100.0, event=3, count=3, cost=0.1, start_cost=90.0, min_run=3, max_run=4, running=1)
    other = block(100.0, event=3, count=3, cost=0.1, start_cost=90.0, min_run=1)
    plan = planned(problem({"going": going, "other": other}, [100.0, 100.0, 0.0], event=3))
    assert plan.response_kw["going"] == pytest.approx([100, 100, 0])
    assert plan.response_kw["other"] == pytest.approx([0, 0, 0])
    assert plan.cost_cny == pytest.approx(5.0)
    assert plan.reasons["going"] == "min-run"
    assert plan.reasons["other"] == "price"


def test_plan_dispatch__reserved_resource_stays_out() -> None:
    asked = problem({name: curtailable(100.0, event=1, count=1, cost=1.0) for name in "ab"}, 150.0, event=1)
    held = replace(asked, resources=(replace(asked.resources[0], reserved=True), asked.resources[1]))
    outcome = plan_dispatch(held)
    assert isinstance(outcome, Unreachable)
    assert outcome.largest_kw == pytest.approx([100.0])
    assert outcome.plan.reasons == {"a": "reserve", "b": "cheaper"}


def test_plan_dispatch__unreachable_names_capability() -> None:
    outcome = plan_dispatch(problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 150.0, event=2))
    assert isinstance(outcome, Unreachable)
    assert outcome.largest_kw == pytest.approx([100.0, 100.0])
    assert outcome.plan.shortfall_kw == pytest.approx([50.0, 50.0])
    assert outcome.binding[0].name == "capability"
    assert outcome.binding[0].text == "capability: all resources together reach at most 100 kW of 150 kW at 14:00"


def test_plan_dispatch__unreachable_names_the_node() -> None:
    # The line may import 330 kW; cars that wait must charge 100 kWh more afterwards, beside a forecast of 300 kW.
    envelope = Charging(np.zeros(4), series(400.0, 4), series([0, 0, 0, 200], 4), series([50, 100, 150, 200], 4), 0.1)
    line = replace(node(4, name="ring-line-07", parent="root", forecast=300.0), import_limit_kw=series(330.0, 4))
    asked = problem({"ev": envelope}, 100.0, event=2, recovery=2, forecast=200.0, nodes=(node(4), line))
    outcome = plan_dispatch(asked, limits=PROVEN)
    assert isinstance(outcome, Unreachable)
    assert outcome.largest_kw.sum() == pytest.approx(60.0)
    assert outcome.binding[0].text == "node ring-line-07: import limit 330 kW binds at 14:30"


def test_plan_dispatch__unreachable_names_energy_limits() -> None:
    offers: dict[str, Flexibility] = {"a": curtailable(100.0, event=2, count=2, cost=1.0, energy_kwh=30.0)}
    outcome = plan_dispatch(problem(offers, 100.0, event=2))
    assert isinstance(outcome, Unreachable)
    assert outcome.largest_kw.sum() == pytest.approx(120.0)
    assert outcome.binding[0].name == "kind:curtailable"
    assert outcome.binding[0].text.startswith("curtailable: energy budgets keep ")


def test_plan_dispatch__contradiction_is_infeasible_and_named() -> None:
    broken = Charging(np.zeros(2), series(100.0, 2), series([0, 80], 2), series([50, 90], 2), 0.1)
    outcome = plan_dispatch(problem({"ev": broken}, 10.0, event=2))
    assert isinstance(outcome, Infeasible)
    assert outcome.reason == (
        "resource 'ev': charged energy must be at least 55 kWh and at most 25 kWh by the end of interval 0 "
        "(floor 0, ceiling 50 kWh)"
    )


def test_plan_dispatch__node_against_promise_is_infeasible() -> None:
    due = Charging(np.zeros(2), series(400.0, 2), series([0, 100], 2), series([100, 200], 2), 0.1)
    line = replace(node(2, name="line", parent="root", forecast=100.0), import_limit_kw=series(110.0, 2))
    outcome = plan_dispatch(problem({"ev": due}, 0.0, event=1, recovery=1, forecast=100.0, nodes=(node(2), line)))
    assert isinstance(outcome, Infeasible)
    assert outcome.reason.startswith("hard limits contradict each other; the nearest plan breaks one: node 'line'")


def test_plan_dispatch__short_deadline_returns_the_greedy_plan() -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    outcome = plan_dispatch(asked, method="exact", limits=WorkLimits(deadline_s=1e-6))
    assert isinstance(outcome, TimedOut)
    assert outcome.plan.source == "greedy"
    assert outcome.plan.response_kw["a"] == pytest.approx([50, 50])
    assert outcome.reason == "1e-06 s were not enough for more"


def test_plan_dispatch__malformed_problem_is_refused() -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    with pytest.raises(InputError, match=r"target_kw has shape \(3,\), expected \(2,\)"):
        plan_dispatch(replace(asked, target_kw=np.zeros(3)))


def test_plan_dispatch__previous_plan_is_kept_where_it_is_better() -> None:
    offers: dict[str, Flexibility] = {
        "long": block(100.0, event=4, count=4, cost=0.1, start_cost=10.0, min_run=4),
        "short": block(100.0, event=4, count=4, cost=0.1, start_cost=1.0, max_run=1),
    }
    whole = planned(problem(offers, 100.0, event=4))
    rest: dict[str, Flexibility] = {
        name: replace(b, available_kw=b.available_kw[1:], minimum_kw=b.minimum_kw[1:], running_intervals=running)
        for (name, b), running in zip(offers.items(), (1, 0), strict=True)
        if isinstance(b, Block)
    }
    outcome = plan_dispatch(
        problem(rest, 100.0, event=3), method="exact", limits=WorkLimits(deadline_s=1e-6), previous=whole
    )
    assert isinstance(outcome, TimedOut)
    assert outcome.plan.response_kw["long"] == pytest.approx([100, 100, 100])
    assert outcome.plan.shortfall_kw.sum() == 0.0


def test_plan_dispatch__same_problem_same_plan() -> None:
    one, two = (plan_dispatch(random_problem(3), method="exact") for _ in range(2))
    assert not isinstance(one, Infeasible)
    assert not isinstance(two, Infeasible)
    for name, response in one.plan.response_kw.items():
        assert np.array_equal(response, two.plan.response_kw[name])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_plan_dispatch__every_plan_is_feasible_and_exact_never_worse(seed: int) -> None:
    asked = random_problem(seed)
    quick, exact = plan_dispatch(asked, method="greedy"), plan_dispatch(asked, method="exact")
    for outcome in (quick, exact):
        if not isinstance(outcome, Infeasible):
            assert check_plan(asked, outcome.plan) == ()
        if isinstance(outcome, Unreachable):
            assert outcome.binding or outcome.plan.source == "greedy"
    if not isinstance(quick, Infeasible):
        assert not isinstance(exact, Infeasible)
        missed = exact.plan.shortfall_kw.sum() - quick.plan.shortfall_kw.sum()
        assert missed <= 0.02
        if abs(missed) <= 0.01:
            assert exact.plan.cost_cny <= quick.plan.cost_cny + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from([-1e5, 1e5, np.nan]), st.data())
def test_plan_dispatch__a_tampered_plan_is_caught(seed: int, change: float, data: st.DataObject) -> None:
    asked = random_problem(seed)
    outcome = plan_dispatch(asked, method="greedy")
    if isinstance(outcome, Infeasible):
        return
    victim = data.draw(st.sampled_from(sorted(outcome.plan.response_kw)))
    interval = data.draw(st.integers(0, asked.grid.count - 1))
    changed = outcome.plan.response_kw[victim].copy()
    changed[interval] += change
    found = check_plan(asked, replace(outcome.plan, response_kw={**outcome.plan.response_kw, victim: changed}))
    assert f"resource:{victim}" in {violation.subject for violation in found}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.1, 0.95))
def test_plan_dispatch__higher_target_never_costs_less(seed: int, share: float) -> None:
    asked = random_problem(seed)
    high = plan_dispatch(asked, method="exact", limits=PROVEN)
    low = plan_dispatch(with_target(asked, share * asked.target_kw), method="exact", limits=PROVEN)
    if isinstance(high, Planned):
        assert isinstance(low, Planned)
        assert low.plan.cost_cny <= high.plan.cost_cny + 1e-4


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000))
def test_plan_dispatch__one_more_resource_never_costs_more(seed: int) -> None:
    # A resource that must do nothing: one whose own promises are due may well cost something.
    asked = random_problem(seed)
    extra = curtailable(50.0, event=asked.event_intervals, count=asked.grid.count, cost=0.3)
    more = replace(asked.resources[0], id="extra", flexibility=extra, reserved=False)
    few = plan_dispatch(asked, method="exact", limits=PROVEN)
    many = plan_dispatch(replace(asked, resources=(*asked.resources, more)), method="exact", limits=PROVEN)
    if isinstance(few, Planned):
        assert isinstance(many, Planned)
        assert many.plan.cost_cny <= few.plan.cost_cny + 1e-4
