"""Plans a dispatch: the greedy plan first, the exact one where there is room for it, and never an unchecked one."""

import time
from typing import Literal

import numpy as np

from optimizer.greedy import base_response, greedy_response
from optimizer.judge import Candidate, candidate, judged, outcome_of, timed_out
from optimizer.limits import WorkLimits
from optimizer.problem import ProblemArrays, problem_arrays
from optimizer.search import search
from optimizer.validate import check_problem
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome
from vpp.domain.flexibility import Series

Method = Literal["auto", "exact", "greedy"]
EXACT_CELLS = 64_000
"""Resources x intervals up to which ``auto`` uses the exact method; beyond, only the greedy one is quick enough."""
BUILD_S_PER_CELL = 1e-4


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
        previous: The plan in force, which may reach further back than ``problem`` but ends with it. It is returned
            where it is still feasible and nothing better was found in time; the search begins with its calls.

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
    greedy = candidate(arrays, greedy_response(arrays, ceiling_kw), "greedy", "merit order")
    fallback = _fallback(arrays, greedy, previous)
    if method == "greedy" or (method == "auto" and arrays.forecast_kw.size > EXACT_CELLS):
        return outcome_of(arrays, fallback, ceiling_kw, begun)
    deadline = None if limits.deadline_s is None else begun + limits.deadline_s
    if deadline is not None and time.perf_counter() + BUILD_S_PER_CELL * arrays.forecast_kw.size > deadline:
        late = outcome_of(arrays, fallback, ceiling_kw, begun)
        return timed_out(late, f"{limits.deadline_s:g} s do not suffice to build the exact model")
    found = search(arrays, ceiling_kw, fallback.response_kw, limits, deadline=deadline)
    return judged(arrays, fallback, found, ceiling_kw, begun)


def commitment_ceiling(arrays: ProblemArrays) -> Series:
    """Largest expected response that leaves the reserve uncommitted, shape (T,); ``inf`` without a reserve.

    What cannot be avoided, such as calls already running, may pass it.
    """
    if arrays.problem.reserve_fraction <= 0:
        return np.full(arrays.event_intervals, np.inf)
    unavoidable_kw = arrays.delivery @ base_response(arrays)[:, : arrays.event_intervals]
    return np.asarray(np.maximum((1.0 - arrays.problem.reserve_fraction) * arrays.reachable_kw, unavoidable_kw))


def _fallback(arrays: ProblemArrays, greedy: Candidate, previous: DispatchPlan | None) -> Candidate:
    """The better of the greedy plan and what is left of the plan in force."""
    if previous is None:
        return greedy
    response_kw = np.zeros_like(arrays.forecast_kw)
    for i, resource in enumerate(arrays.problem.resources):
        series = previous.response_kw.get(resource.id)
        if series is not None and len(series) >= arrays.intervals:
            response_kw[i] = series[len(series) - arrays.intervals :]
    kept = candidate(arrays, response_kw, "previous", "plan in force")
    return kept if greedy.violations or kept.beats(greedy) else greedy
