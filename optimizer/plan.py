"""Plans a dispatch: a merit-order plan first, a better one where there is time for it, and never an unchecked one."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from optimizer.agree import agreed, rank_of
from optimizer.aim import Aim, aim_at, certain, expected_aim
from optimizer.cluster import clustered
from optimizer.coordinate.polish import polished
from optimizer.coordinate.run import coordinated
from optimizer.found import Found, higher_bound
from optimizer.greedy import base_response, greedy_response
from optimizer.judge import Candidate, candidate, judged, outcome_of, timed_out
from optimizer.limits import WorkLimits
from optimizer.problem import ProblemArrays, problem_arrays
from optimizer.search import Builder, search
from optimizer.validate import check_columns_sound, check_names
from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Planned, PlanningOutcome, Unreachable
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series

Method = Literal["auto", "exact", "coordinated", "greedy"]
NARROW_ROWS, NARROW_CELLS = 1500, 150_000
"""Rows of nodes from which, and resource intervals up to which, ``auto`` is exact at any number of resources."""
EXACT_BELOW = 300
"""Resources below which ``auto`` is exact; from here on price coordination is both quicker and near enough."""
MERIT_ORDER_UP_TO = 200_000
TAIL_S, TAIL_S_PER_CELL = 0.25, 2.5e-6
"""What price coordination needs after its last round, about: it stops pricing that long before the deadline."""
OVERSHOOT_S, OVERSHOOT = 0.05, 0.06
"""By what, and by which share of its time, HiGHS passes its own limit, about."""
ROUGH_GAP = 1e3
ANSWER_S, ANSWER_S_PER_CELL = 0.01, 2e-7
"""What checking and explaining the answer takes, about."""


def plan_dispatch(
    problem: DispatchProblem,
    *,
    method: Method = "auto",
    limits: WorkLimits | None = None,
    previous: DispatchPlan | None = None,
    builder: Builder = "direct",
) -> PlanningOutcome:
    """The cheapest plan that delivers the target, or the largest reachable one with the limits that bind.

    Args:
        problem: What is asked and what there is to answer it.
        method: ``exact`` (HiGHS), ``coordinated`` (prices), ``greedy`` (merit order), or ``auto``: exact below
            ``EXACT_BELOW`` resources, coordinated from there on.
        limits: How much work it may cost.
        previous: The plan in force, which may reach further back than ``problem`` but ends with it. It is returned
            where it is still feasible and nothing better was found in time; the search begins with its prices.
        builder: Of the exact model: ``direct`` from arrays, or ``pyomo``, the readable reference of the same model.

    Raises:
        InputError: the problem is malformed.
    """
    check_names(problem)
    return plan_columns(columns_of(problem), method=method, limits=limits, previous=previous, builder=builder)


def plan_columns(
    columns: DispatchColumns,
    *,
    method: Method = "auto",
    limits: WorkLimits | None = None,
    previous: DispatchPlan | None = None,
    builder: Builder = "direct",
) -> PlanningOutcome:
    """As ``plan_dispatch``, for a problem in columns."""
    *_, outcome = improving_plans(columns, method=method, limits=limits, previous=previous, builder=builder)
    return outcome


def improving_plans(
    columns: DispatchColumns,
    *,
    method: Method = "auto",
    limits: WorkLimits | None = None,
    previous: DispatchPlan | None = None,
    builder: Builder = "direct",
) -> Iterator[PlanningOutcome]:
    """Outcomes as they are found, each one to be preferred to those before it; the last one is the answer.

    The first is there within milliseconds, so that whoever stops waiting has a plan.
    """
    begun = time.perf_counter()
    limits = limits or WorkLimits()
    _check_known("method", method, get_args(Method))
    _check_known("builder", builder, get_args(Builder))
    contradiction = check_columns_sound(columns)
    if contradiction is not None:
        yield contradiction
        return
    arrays = problem_arrays(columns)
    fallback = _fallback(arrays, previous)
    if method == "greedy":
        yield outcome_of(arrays, fallback, begun)
        return
    deadline = None if limits.deadline_s is None else begun + limits.deadline_s
    if deadline is not None:
        deadline -= ANSWER_S + ANSWER_S_PER_CELL * columns.count * columns.intervals
        yield timed_out(outcome_of(arrays, fallback, begun), f"{limits.deadline_s:g} s were not enough for more")
        if time.perf_counter() + _tail_s(arrays) / 2 >= deadline:
            return
    packed = clustered(columns)
    if packed is None:
        task = _Task(arrays, fallback, limits, deadline, previous, builder)
    else:
        small = problem_arrays(packed.columns)
        task = _Task(small, _fallback(small, None), limits, deadline, previous, builder)
    chosen = _method_for(task.arrays, method)
    for answer, last in task.coordinated() if chosen == "coordinated" else task.exact():
        found = answer
        if packed is not None and answer.response_kw is not None:
            found = replace(answer, response_kw=packed.expanded(answer.response_kw))
        outcome = judged(arrays, fallback, found, begun)
        near = isinstance(outcome, Planned | Unreachable) and outcome.plan.gap <= limits.mip_gap
        yield outcome if last or near else timed_out(outcome, f"{limits.deadline_s:g} s were not enough for more")
        if near or last:
            return
        fallback = _better(arrays, fallback, found)


def _check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{name} {value!r} is not known, expected one of: {', '.join(known)}")


def _method_for(arrays: ProblemArrays, method: Method) -> Method:
    """Exact for small fleets, and where so many nodes limit a few resources each that prices have little to decide."""
    if method != "auto" and arrays.count:
        return method
    if arrays.count < EXACT_BELOW:
        return "exact"
    below, above = arrays.open_rows
    narrow = int((below | above).sum()) > NARROW_ROWS
    return "exact" if narrow and arrays.count * arrays.intervals <= NARROW_CELLS else "coordinated"


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    arrays: ProblemArrays
    fallback: Candidate
    limits: WorkLimits
    deadline: float | None
    previous: DispatchPlan | None
    builder: Builder

    def _aim(self, response_kw: Series) -> Aim:
        return aim_at(self.arrays.columns, response_kw)

    def exact(self) -> Iterator[tuple[Found, bool]]:
        """The solver's answers, and which is the last: under a deadline, calls are rounded before they are branched."""
        start_kw = self.fallback.response_kw
        if not certain(self.arrays.columns):
            # A search over the rows of an uncertain target may circle between plans: prices come from another side.
            near = self._coordinated(self._aim(start_kw))
            full = self._searched(near.response_kw if near.response_kw is not None else start_kw, self.limits)
            yield self._best_of(near, full), True
            return
        if self.deadline is not None and len(self.arrays.block.index):
            rough = self._searched(start_kw, replace(self.limits, mip_gap=ROUGH_GAP))
            yield rough, False
            if rough.response_kw is not None:
                full = self._searched(rough.response_kw, self.limits)
                if full.response_kw is not None:
                    yield full, True
                return
        yield self._searched(start_kw, self.limits), True

    def _searched(self, start_kw: Series, limits: WorkLimits) -> Found:
        deadline = self.deadline
        if deadline is not None:
            deadline -= OVERSHOOT_S + OVERSHOOT * max(deadline - time.perf_counter(), 0.0)

        def solve(aim: Aim, start_kw: Series) -> Found:
            return search(self.arrays, aim, start_kw, limits, deadline=deadline, builder=self.builder)

        return agreed(self.arrays, self._aim(start_kw), start_kw, solve)

    def _best_of(self, near: Found, full: Found) -> Found:
        """The one that misses less, or as little for less; with the better bound of both."""
        best = full if rank_of(self.arrays, full) <= rank_of(self.arrays, near) else near
        return replace(best, bound_cny=higher_bound(full.bound_cny, near.bound_cny), source="exact")

    def coordinated(self) -> Iterator[tuple[Found, bool]]:
        """Price coordination's answer, the only one."""
        aim = self._aim(self.fallback.response_kw)
        found = self._coordinated(aim)
        yield polished(self.arrays, aim, found, self.limits, deadline=self.deadline), True

    def _coordinated(self, aim: Aim) -> Found:
        return coordinated(
            self.arrays,
            aim,
            self.fallback.response_kw,
            deadline=None if self.deadline is None else self.deadline - _tail_s(self.arrays),
            previous=self.previous,
            threads=self.limits.threads,
        )


def _better(arrays: ProblemArrays, fallback: Candidate, found: Found) -> Candidate:
    if found.response_kw is None:
        return fallback
    made = candidate(arrays, found.response_kw, found.source, found.status)
    return made if made.beats(fallback) else fallback


def _tail_s(arrays: ProblemArrays) -> float:
    return TAIL_S + TAIL_S_PER_CELL * arrays.count * arrays.intervals


def _fallback(arrays: ProblemArrays, previous: DispatchPlan | None) -> Candidate:
    """The better of the merit-order plan and what is left of the plan in force."""
    if arrays.count > MERIT_ORDER_UP_TO:
        greedy = candidate(arrays, base_response(arrays), "greedy", "nothing but what cannot be avoided")
    else:
        greedy = candidate(arrays, _merit_order(arrays), "greedy", "merit order")
    if previous is None:
        return greedy
    response_kw = np.zeros((arrays.count, arrays.intervals))
    for i, name in enumerate(arrays.columns.ids):
        series = previous.response_kw.get(name)
        if series is not None and len(series) >= arrays.intervals:
            response_kw[i] = series[len(series) - arrays.intervals :]
    kept = candidate(arrays, response_kw, "previous", "plan in force")
    return kept if greedy.violations or kept.beats(greedy) else greedy


def _merit_order(arrays: ProblemArrays) -> Series:
    """The merit-order plan; with uncertain delivery, again with the aim that its own spread asks for."""
    columns = arrays.columns
    response_kw = greedy_response(arrays, expected_aim(columns))
    if certain(columns):
        return response_kw
    return greedy_response(arrays, aim_at(columns, response_kw))
