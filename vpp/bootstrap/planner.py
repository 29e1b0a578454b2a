"""The optimiser as a controller with a wall clock uses it: the best plan by the deadline, whatever the solver does."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from optimizer import WorkLimits, plan_dispatch
from optimizer.plan import improving_plans, plan_columns
from optimizer.validate import check_names
from optimizer.warm import warm_merit_order, warm_up
from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Infeasible, PlanningOutcome, TimedOut
from vpp.infra.anytime import AnytimeWorkers, Loss
from vpp.infra.anytime_call import Ending, Fallback, Newest
from vpp.ports import Metrics

FALLBACK_S = 0.05
FALLBACK_S_PER_CELL = 1e-6
SENDING_S = 0.004
SENDING_S_PER_CELL = 2e-8

Asked = tuple[DispatchColumns, DispatchPlan | None]


def solver_workers(count: int, metrics: Metrics) -> AnytimeWorkers:
    """Warm processes for ``count`` solves at once, and a spare one; losses are counted and logged."""

    def on_lost(how: Loss) -> None:
        metrics.count("planner_workers_lost", how=how)
        metrics.note("worker process of the planner lost; another one takes its place", how=how)

    for how in Loss:
        metrics.count("planner_workers_lost", 0.0, how=how)
    return AnytimeWorkers(count, warm_up=warm_up, preload=[__name__], on_lost=on_lost)


@dataclass(frozen=True, slots=True)
class DeadlinePlanner:
    """Plans in worker processes and is back by the deadline; blocks its caller until then, so give it a thread."""

    workers: AnytimeWorkers
    deadline_s: float

    def warm(self) -> None:
        """Returns once the first plan need not wait for anything to be loaded, here or in a worker.

        Raises:
            OutsideError: no worker became ready.
        """
        warm_merit_order()
        self.workers.warm()

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        """A plan that may still have to pass the feasibility check.

        Raises:
            InputError: the problem is malformed.
            OutsideError: the workers were closed meanwhile.
        """
        begun = time.monotonic()
        check_names(problem)
        columns = columns_of(problem)
        return plan_within(self.workers, columns, begun + self.deadline_s - time.monotonic(), previous=previous)


@dataclass(frozen=True, slots=True)
class CooperativePlanner:
    """Plans where it is called and trusts the solver to keep the deadline: for where there are no worker processes."""

    deadline_s: float

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        """A plan that may still have to pass the feasibility check.

        Raises:
            InputError: the problem is malformed.
        """
        return plan_dispatch(problem, limits=WorkLimits(deadline_s=self.deadline_s), previous=previous)


def plan_within(
    workers: AnytimeWorkers, columns: DispatchColumns, budget_s: float, *, previous: DispatchPlan | None = None
) -> PlanningOutcome:
    """The best outcome that there is after ``budget_s``, or the final one where that comes earlier.

    Raises:
        InputError: the problem is malformed.
        OutsideError: the workers were closed meanwhile.
    """
    begun = time.monotonic()

    def merit_order() -> PlanningOutcome:
        return plan_columns(columns, method="greedy", previous=previous)

    fallback = Fallback(merit_order, FALLBACK_S + FALLBACK_S_PER_CELL * columns.count * columns.intervals)
    newest = workers.newest(improve, (columns, previous), budget_s=budget_s, fallback=fallback)
    return told(newest, budget_s, time.monotonic() - begun)


def improve(asked: Asked, left_s: float) -> Iterator[PlanningOutcome]:
    """Runs in a worker process: outcomes as they are found, the last one early enough to be sent."""
    columns, previous = asked
    sending_s = SENDING_S + SENDING_S_PER_CELL * columns.count * columns.intervals
    limits = WorkLimits(deadline_s=max(left_s - sending_s, 0.0))
    yield from improving_plans(columns, limits=limits, previous=previous)


def told(newest: Newest[PlanningOutcome], budget_s: float, wall_s: float) -> PlanningOutcome:
    """The outcome with the reason why it is not the final one, where it is not."""
    outcome = newest.result
    if not isinstance(outcome, Infeasible):
        outcome = replace(outcome, plan=replace(outcome.plan, wall_s=wall_s))
    if newest.ending is Ending.FINISHED and newest.by_worker:
        return outcome
    reason = _why(newest, budget_s)
    if isinstance(outcome, Infeasible):
        return replace(outcome, reason=f"{outcome.reason} ({reason})")
    return TimedOut(outcome.plan, reason)


def _why(newest: Newest[PlanningOutcome], budget_s: float) -> str:
    match newest.ending:
        case Ending.FINISHED:
            reason = "the search brought nothing"
        case Ending.OUT_OF_TIME:
            reason = f"{budget_s:g} s were over before the search was"
        case Ending.WORKER_LOST:
            reason = "the worker process ended in the middle of the search"
        case Ending.NO_WORKER:
            reason = f"no worker process was free within {budget_s:g} s"
    return reason if newest.by_worker else f"{reason}; planned in merit order without it"
