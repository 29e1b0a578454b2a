"""Judges what the methods found: only a checked plan leaves, and never one in disguise."""

import time
from dataclasses import dataclass, replace

import numpy as np

from optimizer.aim import delivered, z_of
from optimizer.cost import cost_of, rebound_excess_kw
from optimizer.explain import binding_limits, marginals_of, price_limits, reasons
from optimizer.found import Found
from optimizer.greedy import base_response
from optimizer.joint import joint_probability
from optimizer.penalty import shortfall_price
from optimizer.problem import ProblemArrays
from optimizer.solve import Verdict
from vpp.domain.dispatch import DispatchPlan, Infeasible, Planned, PlanningOutcome, TimedOut, Unreachable
from vpp.domain.feasibility import Violation, check_columns
from vpp.domain.flexibility import Series
from vpp.domain.rows import RowsById
from vpp.domain.timegrid import INTERVAL_H

REACHED_KW = 1e-3
SAME_KW = 1e-2
SAME_CNY = 1e-6
LOW_QUANTILE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A plan with what the independent check says about it."""

    plan: DispatchPlan
    response_kw: Series
    violations: tuple[Violation, ...]

    def beats(self, other: "Candidate") -> bool:
        """Whether this one is feasible and misses less, or as little at a smaller objective."""
        saved_kw = float(other.plan.shortfall_kw.sum() - self.plan.shortfall_kw.sum())
        if self.violations or saved_kw < -SAME_KW:
            return False
        return bool(other.violations) or saved_kw > SAME_KW or self._cheaper(other)

    def _cheaper(self, other: "Candidate") -> bool:
        return self.plan.objective_cny < other.plan.objective_cny - SAME_CNY


def candidate(arrays: ProblemArrays, response_kw: Series, source: str, status: str) -> Candidate:
    """A candidate whose cost, delivery and rebound are figured from ``response_kw``, shape (N, H), alone."""
    columns = arrays.columns
    cost, plan = cost_of(arrays, response_kw), delivered(columns, response_kw)
    shortfall_kw = np.maximum(columns.target_kw - plan.covered_kw(columns), 0.0)
    rebound_kw = rebound_excess_kw(arrays, response_kw)
    made = DispatchPlan(
        RowsById(columns.ids, response_kw),
        source,
        status,
        cost.cost_cny,
        float("nan"),
        shortfall_kw,
        rebound_kw,
        0.0,
        objective_cny=cost.objective_cny,
        delivery_mean_kw=plan.mean_kw,
        delivery_q05_kw=plan.mean_kw - z_of(LOW_QUANTILE) * plan.sd_kw(columns.class_sd),
    )
    violations = check_columns(columns, response_kw, shortfall_kw=shortfall_kw, rebound_excess_kw=rebound_kw)
    return Candidate(made, response_kw, violations)


def judged(arrays: ProblemArrays, fallback: Candidate, found: Found, begun: float) -> PlanningOutcome:
    """The outcome of a search, with ``fallback`` in its place wherever it cannot be trusted or is worse.

    Args:
        arrays: The problem.
        fallback: A plan that needed no solver.
        found: What the search ended with.
        begun: ``time.perf_counter()`` at the start of planning.
    """
    if found.response_kw is None:
        if found.verdict is Verdict.INFEASIBLE and fallback.violations:
            apart = candidate(arrays, base_response(arrays.unfolded), "greedy", "")
            nearest = (apart.violations or fallback.violations)[0]
            return Infeasible(f"hard limits contradict each other; the nearest plan breaks one: {nearest.text}", ())
        if found.verdict is Verdict.STOPPED:
            return timed_out(outcome_of(arrays, fallback, begun), f"solver: {found.status}")
        return outcome_of(arrays, _restated(fallback, f"solver: {found.status}"), begun)
    made = candidate(arrays, found.response_kw, found.source, found.status)
    if made.violations:
        refused = _restated(fallback, f"{found.source} plan refused: {made.violations[0].text}")
        return outcome_of(arrays, refused, begun)
    best = fallback if fallback.beats(made) else made
    outcome = outcome_of(arrays, _priced(arrays, best, found), begun, found)
    return timed_out(outcome, f"solver: {found.status}") if found.verdict is Verdict.STOPPED else outcome


def _priced(arrays: ProblemArrays, best: Candidate, found: Found) -> Candidate:
    """``best`` with the bound and the prices that the search brought."""
    missing_cny = shortfall_price(arrays) * INTERVAL_H * float(best.plan.shortfall_kw.sum())
    priced_cny = best.plan.objective_cny + missing_cny
    distance = priced_cny - found.bound_cny
    gap = distance if np.isnan(distance) else max(distance, 0.0) / max(abs(priced_cny), SAME_CNY)
    # What is missing weighs so much more than any cost that a bound on both says nothing about the cost.
    reached = best.plan.shortfall_kw.max(initial=0.0) <= REACHED_KW
    bound = float(np.minimum(found.bound_cny, best.plan.objective_cny)) if reached else float("nan")
    priced = replace(best.plan, bound_cny=bound, gap=gap, marginals=marginals_of(arrays, found))
    return replace(best, plan=priced)


def _restated(candidate: Candidate, status: str) -> Candidate:
    return replace(candidate, plan=replace(candidate.plan, status=status))


def timed_out(outcome: PlanningOutcome, reason: str) -> PlanningOutcome:
    """The same plan with the reason why planning stopped before its end; an infeasible outcome stays as it is."""
    if isinstance(outcome, Infeasible):
        return outcome
    return TimedOut(outcome.plan, reason)


def outcome_of(arrays: ProblemArrays, best: Candidate, begun: float, found: Found | None = None) -> PlanningOutcome:
    """Planned or unreachable, or infeasible where ``best`` breaks a limit."""
    if best.violations:
        return Infeasible(f"no feasible plan was found; the nearest breaks a limit: {best.violations[0].text}", ())
    reached = bool(best.plan.shortfall_kw.max(initial=0.0) <= REACHED_KW)
    plan = replace(
        best.plan,
        joint_probability=joint_probability(arrays.columns, best.response_kw),
        reasons=reasons(arrays, best.response_kw, found, reached=reached),
        binding=price_limits(arrays, best.plan.marginals) if reached else (),
        wall_s=time.perf_counter() - begun,
    )
    if reached:
        return Planned(plan)
    covered_kw = arrays.columns.target_kw - plan.shortfall_kw
    return Unreachable(plan, covered_kw, binding_limits(arrays, best.response_kw, plan))
