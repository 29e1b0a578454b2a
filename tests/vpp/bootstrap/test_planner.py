"""The planner under a deadline: what it tells of how a plan came about, with real worker processes."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from optimizer.plan import plan_columns
from simulator.harness.dispatch_fleet import synthetic_fleet
from tests.optimizer.small_problem import curtailable, node, problem
from vpp.bootstrap.planner import DeadlinePlanner, plan_within, solver_workers, told
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import Infeasible, Planned, TimedOut, Unreachable
from vpp.domain.errors import InputError
from vpp.domain.feasibility import check_columns
from vpp.infra.anytime import AnytimeWorkers, Loss
from vpp.infra.anytime_call import Ending, Newest
from vpp.infra.memory.metrics import MemoryMetrics

AMPLE_S = 120.0
FLEET = synthetic_fleet(40, blocks=False, seed=3)


@pytest.fixture(scope="module")
def workers() -> Iterator[AnytimeWorkers]:
    with solver_workers(1, MemoryMetrics()) as made:
        made.warm()
        yield made


def _feasible(columns: DispatchColumns, outcome: TimedOut) -> bool:
    response_kw = np.array([outcome.plan.response_kw[name] for name in columns.ids])
    return not check_columns(columns, response_kw, shortfall_kw=outcome.plan.shortfall_kw)


def test_plan_within__the_final_answer_where_there_is_time(workers: AnytimeWorkers) -> None:
    begun = time.perf_counter()
    outcome = plan_within(workers, FLEET, AMPLE_S)
    expected = plan_columns(FLEET)
    assert isinstance(outcome, Planned)
    assert isinstance(expected, Planned)
    assert outcome.plan.source == "exact"
    assert outcome.plan.objective_cny == pytest.approx(expected.plan.objective_cny, rel=1e-3)
    assert 0.0 < outcome.plan.wall_s <= time.perf_counter() - begun


def test_plan_within__a_feasible_plan_and_the_reason_where_there_is_no_time(workers: AnytimeWorkers) -> None:
    outcome = plan_within(workers, FLEET, 0.0)
    assert isinstance(outcome, TimedOut)
    assert outcome.plan.source == "greedy"
    assert _feasible(FLEET, outcome)
    assert "0 s" in outcome.reason


def test_plan_within__a_malformed_problem_is_refused(workers: AnytimeWorkers) -> None:
    with pytest.raises(InputError, match="target_kw"):
        plan_within(workers, replace(FLEET, target_kw=FLEET.target_kw * np.nan), AMPLE_S)


def test_deadline_planner__takes_a_problem(workers: AnytimeWorkers) -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=0.3)}, 60.0, event=2)
    planner = DeadlinePlanner(workers, AMPLE_S)
    planner.warm()
    outcome = planner(asked, None)
    assert isinstance(outcome, Planned)
    assert outcome.plan.response_kw["a"] == pytest.approx([60.0, 60.0])
    with pytest.raises(InputError, match="names unknown node"):
        planner(replace(asked, nodes=(node(2, name="elsewhere"),)), None)


@pytest.mark.parametrize(
    ("ending", "by_worker", "reason"),
    [
        (Ending.OUT_OF_TIME, True, "0.5 s were over before the search was"),
        (Ending.OUT_OF_TIME, False, "0.5 s were over before the search was; planned in merit order without it"),
        (Ending.WORKER_LOST, True, "the worker process ended in the middle of the search"),
        (Ending.NO_WORKER, False, "no worker process was free within 0.5 s; planned in merit order without it"),
        (Ending.FINISHED, False, "the search brought nothing; planned in merit order without it"),
    ],
)
def test_told__why_the_plan_is_not_the_final_one(ending: Ending, by_worker: bool, reason: str) -> None:
    merit_order = plan_columns(FLEET, method="greedy")
    assert isinstance(merit_order, Planned | Unreachable)
    result = TimedOut(merit_order.plan, "") if by_worker else merit_order
    outcome = told(Newest(result, ending, by_worker), 0.5, 0.6)
    assert isinstance(outcome, TimedOut)
    assert outcome.reason == reason
    assert outcome.plan.wall_s == pytest.approx(0.6)


def test_told__no_plan_found_in_time_is_not_said_to_be_none_at_all() -> None:
    found: Newest[PlanningOutcome] = Newest(Infeasible("no feasible plan was found", ()), Ending.OUT_OF_TIME)
    outcome = told(found, 0.5, 0.6)
    assert isinstance(outcome, Infeasible)
    assert outcome.reason == "no feasible plan was found (0.5 s were over before the search was)"


def test_solver_workers__losses_are_counted_from_the_start() -> None:
    metrics = MemoryMetrics()
    with solver_workers(1, metrics):
        assert {labels for (name, labels) in metrics.counts if name == "planner_workers_lost"} == {
            (("how", str(how)),) for how in Loss
        }
    assert metrics.total("planner_workers_lost") == 0
