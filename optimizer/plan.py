"""Plans a dispatch: the greedy plan first, the exact one where there is room for it, and never an unchecked one."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from optimizer.cost import cost_cny, rebound_excess_kw, shortfall_kw
from optimizer.explain import binding_limits, reasons
from optimizer.greedy import base_response, greedy_response
from optimizer.limits import WorkLimits
from optimizer.problem import ProblemArrays, problem_arrays
from optimizer.search import Found, search
from optimizer.solve import Verdict
from optimizer.validate import check_problem
from vpp.domain.dispatch import (
    DispatchPlan,
    DispatchProblem,
    Infeasible,
    Planned,
    PlanningOutcome,
    TimedOut,
    Unreachable,
)
from vpp.domain.feasibility import Violation, check_plan
from vpp.domain.flexibility import Series

Method = Literal["auto", "exact", "greedy"]
REACHED_KW = 1e-3
EXACT_CELLS = 64_000
"""Resources x intervals up to which ``auto`` uses the exact method; beyond, only the greedy one is quick enough."""
BUILD_S_PER_CELL = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    plan: DispatchPlan
    response_kw: Series
    violations: tuple[Violation, ...]

    def order(self) -> tuple[float, float]:
        """Smaller is better: what is missed first, then what it costs."""
        missing_kw = float(self.plan.shortfall_kw.sum())
        return (missing_kw if missing_kw > REACHED_KW else 0.0, self.plan.cost_cny)


def plan_dispatch(
    problem: DispatchProblem,
    *,
    method: Method = "auto",
    limits: WorkLimits | None = None,
    previous: DispatchPlan | None = None,
) -> PlanningOutcome:
    """The cheapest plan that reaches the target, or the largest reachable one with the limits that bind.

    Args:
        problem: What is asked and what there is to answer it.
        method: ``exact`` (Pyomo and HiGHS), ``greedy`` (merit order), or ``auto``: exact up to ``EXACT_CELLS``.
        limits: How much work it may cost.
        previous: The plan in force; its calls are where the search begins. It may reach further back than ``problem``.

    Raises:
        InputError: the problem is malformed.
    """
    begun = time.perf_counter()
    limits = limits or WorkLimits()
    contradiction = check_problem(problem)
    if contradiction is not None:
        return contradiction
    arrays = problem_arrays(problem)
    ceiling_kw = commitment_ceiling(arrays)
    greedy = _candidate(arrays, greedy_response(arrays, ceiling_kw), "greedy", "merit order")
    if method == "greedy" or (method == "auto" and arrays.forecast_kw.size > EXACT_CELLS):
        return _outcome(arrays, greedy, ceiling_kw, begun)
    deadline = None if limits.deadline_s is None else begun + limits.deadline_s
    if deadline is not None and time.perf_counter() + BUILD_S_PER_CELL * arrays.forecast_kw.size > deadline:
        late = _outcome(arrays, greedy, ceiling_kw, begun)
        return _timed_out(late, f"{limits.deadline_s:g} s do not suffice to build the exact model")
    start_kw = _start(arrays, previous, greedy)
    found = search(arrays, ceiling_kw, start_kw, limits, deadline=deadline)
    return _judged(arrays, greedy, found, ceiling_kw, begun)


def commitment_ceiling(arrays: ProblemArrays) -> Series:
    """Largest expected response that leaves the reserve uncommitted, shape (T,); ``inf`` without a reserve.

    What cannot be avoided, such as calls already running, may pass it.
    """
    if arrays.problem.reserve_fraction <= 0:
        return np.full(arrays.event_intervals, np.inf)
    unavoidable_kw = arrays.delivery @ base_response(arrays)[:, : arrays.event_intervals]
    return np.asarray(np.maximum((1.0 - arrays.problem.reserve_fraction) * arrays.reachable_kw, unavoidable_kw))


def _start(arrays: ProblemArrays, previous: DispatchPlan | None, greedy: _Candidate) -> Series:
    if previous is None:
        return greedy.response_kw
    start_kw = greedy.response_kw.copy()
    for i, resource in enumerate(arrays.problem.resources):
        series = previous.response_kw.get(resource.id)
        if series is not None and len(series) >= arrays.intervals:
            start_kw[i] = series[len(series) - arrays.intervals :]
    return start_kw


def _candidate(arrays: ProblemArrays, response_kw: Series, source: str, status: str, gap: float = np.nan) -> _Candidate:
    plan = DispatchPlan(
        {resource.id: response_kw[i] for i, resource in enumerate(arrays.problem.resources)},
        source,
        status,
        cost_cny(arrays, response_kw),
        gap,
        shortfall_kw(arrays, response_kw),
        rebound_excess_kw(arrays, response_kw),
        0.0,
    )
    return _Candidate(plan, response_kw, check_plan(arrays.problem, plan))


def _judged(
    arrays: ProblemArrays, greedy: _Candidate, found: Found, ceiling_kw: Series, begun: float
) -> PlanningOutcome:
    if found.response_kw is None:
        if found.verdict is Verdict.INFEASIBLE and greedy.violations:
            return Infeasible("node limits and what the resources must do contradict each other", ())
        if found.verdict is Verdict.STOPPED:
            return _timed_out(_outcome(arrays, greedy, ceiling_kw, begun), f"solver: {found.status}")
        return _outcome(arrays, _restated(greedy, f"solver: {found.status}"), ceiling_kw, begun)
    exact = _candidate(arrays, found.response_kw, "exact", found.status, found.gap)
    if exact.violations:
        refused = _restated(greedy, f"exact plan refused: {exact.violations[0].text}")
        return _outcome(arrays, refused, ceiling_kw, begun)
    best = greedy if not greedy.violations and greedy.order() < exact.order() else exact
    outcome = _outcome(arrays, best, ceiling_kw, begun)
    return _timed_out(outcome, f"solver: {found.status}") if found.verdict is Verdict.STOPPED else outcome


def _restated(candidate: _Candidate, status: str) -> _Candidate:
    return replace(candidate, plan=replace(candidate.plan, status=status))


def _timed_out(outcome: PlanningOutcome, reason: str) -> PlanningOutcome:
    if isinstance(outcome, Infeasible):
        return outcome
    return TimedOut(outcome.plan, reason)


def _outcome(arrays: ProblemArrays, best: _Candidate, ceiling_kw: Series, begun: float) -> PlanningOutcome:
    if best.violations:
        return Infeasible(f"no feasible plan was found: {best.violations[0].text}", ())
    why = reasons(arrays, best.response_kw)
    plan = replace(best.plan, wall_s=time.perf_counter() - begun, reasons=why)
    if plan.shortfall_kw.max(initial=0.0) <= REACHED_KW:
        return Planned(plan)
    expected_kw = arrays.delivery @ best.response_kw[:, : arrays.event_intervals]
    return Unreachable(plan, expected_kw, binding_limits(arrays, best.response_kw, ceiling_kw))
