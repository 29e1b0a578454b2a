"""Judges what the methods found: only a checked plan leaves, and never one in disguise."""

import time
from dataclasses import dataclass, replace

import numpy as np

from optimizer.cost import cost_cny, rebound_excess_kw, shortfall_kw
from optimizer.explain import binding_limits, reasons
from optimizer.problem import ProblemArrays
from optimizer.search import Found
from optimizer.solve import Verdict
from vpp.domain.dispatch import DispatchPlan, Infeasible, Planned, PlanningOutcome, TimedOut, Unreachable
from vpp.domain.feasibility import Violation, check_plan
from vpp.domain.flexibility import Series

REACHED_KW = 1e-3
SAME_KW = 1e-2
SAME_CNY = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A plan with what the independent check says about it."""

    plan: DispatchPlan
    response_kw: Series
    violations: tuple[Violation, ...]

    def beats(self, other: "Candidate") -> bool:
        """Whether this one is feasible and misses less, or as little and costs less."""
        saved_kw = float(other.plan.shortfall_kw.sum() - self.plan.shortfall_kw.sum())
        if self.violations or saved_kw < -SAME_KW:
            return False
        return saved_kw > SAME_KW or self.plan.cost_cny < other.plan.cost_cny - SAME_CNY


def candidate(arrays: ProblemArrays, response_kw: Series, source: str, status: str, gap: float = np.nan) -> Candidate:
    """A candidate whose cost, shortfall and rebound are figured from ``response_kw``, shape (N, H), alone."""
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
    return Candidate(plan, response_kw, check_plan(arrays.problem, plan))


def judged(
    arrays: ProblemArrays, fallback: Candidate, found: Found, ceiling_kw: Series, begun: float
) -> PlanningOutcome:
    """The outcome of an exact search, with ``fallback`` in its place wherever it cannot be trusted or is worse.

    Args:
        arrays: The problem.
        fallback: A plan that needed no solver.
        found: What the search ended with.
        ceiling_kw: Largest expected response that may be committed, shape (T,).
        begun: ``time.perf_counter()`` at the start of planning.
    """
    if found.response_kw is None:
        if found.verdict is Verdict.INFEASIBLE and fallback.violations:
            nearest = fallback.violations[0]
            return Infeasible(f"hard limits contradict each other; the nearest plan breaks one: {nearest.text}", ())
        if found.verdict is Verdict.STOPPED:
            return timed_out(outcome_of(arrays, fallback, ceiling_kw, begun), f"solver: {found.status}")
        return outcome_of(arrays, _restated(fallback, f"solver: {found.status}"), ceiling_kw, begun)
    exact = candidate(arrays, found.response_kw, "exact", found.status, found.gap)
    if exact.violations:
        refused = _restated(fallback, f"exact plan refused: {exact.violations[0].text}")
        return outcome_of(arrays, refused, ceiling_kw, begun)
    # A cheaper plan than the exact one lies within the gap of the same bound.
    known = replace(fallback, plan=replace(fallback.plan, gap=found.gap))
    best = known if fallback.beats(exact) else exact
    outcome = outcome_of(arrays, best, ceiling_kw, begun)
    return timed_out(outcome, f"solver: {found.status}") if found.verdict is Verdict.STOPPED else outcome


def _restated(candidate: Candidate, status: str) -> Candidate:
    return replace(candidate, plan=replace(candidate.plan, status=status))


def timed_out(outcome: PlanningOutcome, reason: str) -> PlanningOutcome:
    """The same plan with the reason why planning stopped before its end; an infeasible outcome stays as it is."""
    if isinstance(outcome, Infeasible):
        return outcome
    return TimedOut(outcome.plan, reason)


def outcome_of(arrays: ProblemArrays, best: Candidate, ceiling_kw: Series, begun: float) -> PlanningOutcome:
    """Planned or unreachable, or infeasible where ``best`` breaks a limit."""
    if best.violations:
        return Infeasible(f"no feasible plan was found; the nearest breaks a limit: {best.violations[0].text}", ())
    why = reasons(arrays, best.response_kw)
    plan = replace(best.plan, wall_s=time.perf_counter() - begun, reasons=why)
    if plan.shortfall_kw.max(initial=0.0) <= REACHED_KW:
        return Planned(plan)
    expected_kw = arrays.delivery @ best.response_kw[:, : arrays.event_intervals]
    return Unreachable(plan, expected_kw, binding_limits(arrays, best.response_kw, ceiling_kw))
