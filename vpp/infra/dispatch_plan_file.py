"""The answer to a dispatch problem as a JSON file."""

import math
from dataclasses import dataclass
from typing import Literal, assert_never

from vpp.domain.dispatch import (
    BindingLimit,
    DispatchPlan,
    DispatchProblem,
    Infeasible,
    Marginals,
    Planned,
    PlanningOutcome,
    TimedOut,
    Unreachable,
)
from vpp.domain.reasons import texts_of
from vpp.domain.timegrid import format_instant
from vpp.infra.dispatch_schema import BindingFile, MarginalsFile, PlanFile, ReasonTextFile


def plan_file(problem: DispatchProblem, outcome: PlanningOutcome, *, explain: bool) -> PlanFile:
    """The file form of an outcome; with ``explain``, a reason per resource, as code and in both languages."""
    match outcome:
        case Planned(plan):
            return _plan(problem, plan, _Answer("planned", plan.status, plan.binding), explain=explain)
        case Unreachable(plan, largest_kw, binding):
            answer = _Answer("unreachable", plan.status, binding, largest_kw.tolist())
            return _plan(problem, plan, answer, explain=explain)
        case TimedOut(plan, reason):
            return _plan(problem, plan, _Answer("timed_out", reason, plan.binding), explain=explain)
        case Infeasible():
            return _no_plan(problem, outcome)
        case other:
            assert_never(other)


@dataclass(frozen=True, slots=True)
class _Answer:
    outcome: Literal["planned", "unreachable", "timed_out"]
    status: str
    binding: tuple[BindingLimit, ...]
    largest_kw: list[float] | None = None


def _plan(problem: DispatchProblem, plan: DispatchPlan, answer: _Answer, *, explain: bool) -> PlanFile:
    forecasts = {resource.id: resource.forecast_kw for resource in problem.resources}
    sign = problem.direction.sign
    return PlanFile(
        outcome=answer.outcome,
        start=format_instant(problem.grid.start),
        source=plan.source,
        status=answer.status,
        gap=_known(plan.gap),
        cost_cny=plan.cost_cny,
        objective_cny=_known(plan.objective_cny),
        bound_cny=_known(plan.bound_cny),
        response_kw={name: series.tolist() for name, series in plan.response_kw.items()},
        setpoint_kw={name: (forecasts[name] - sign * series).tolist() for name, series in plan.response_kw.items()},
        shortfall_kw=plan.shortfall_kw.tolist(),
        rebound_excess_kw=plan.rebound_excess_kw.tolist(),
        delivery_mean_kw=plan.delivery_mean_kw.tolist(),
        delivery_q05_kw=plan.delivery_q05_kw.tolist(),
        joint_probability=_known(plan.joint_probability),
        marginals=_marginals(plan.marginals),
        largest_kw=answer.largest_kw,
        binding=_binding(answer.binding),
        reasons=dict(plan.reasons) if explain else None,
        reason_texts={name: _texts(code) for name, code in plan.reasons.items()} if explain else None,
        wall_s=plan.wall_s,
    )


def _no_plan(problem: DispatchProblem, outcome: Infeasible) -> PlanFile:
    return PlanFile(
        outcome="infeasible",
        start=format_instant(problem.grid.start),
        source=None,
        status=outcome.reason,
        gap=None,
        cost_cny=None,
        objective_cny=None,
        bound_cny=None,
        response_kw={},
        setpoint_kw={},
        shortfall_kw=[],
        rebound_excess_kw=[],
        delivery_mean_kw=[],
        delivery_q05_kw=[],
        joint_probability=None,
        marginals=None,
        largest_kw=None,
        binding=_binding(outcome.binding),
        reasons=None,
        reason_texts=None,
        wall_s=None,
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _binding(limits: tuple[BindingLimit, ...]) -> list[BindingFile]:
    return [
        BindingFile(
            name=limit.name, interval=limit.interval, text=limit.text, saves_cny_per_kw=_known(limit.saves_cny_per_kw)
        )
        for limit in limits
    ]


def _marginals(marginals: Marginals | None) -> MarginalsFile | None:
    if marginals is None:
        return None
    return MarginalsFile(
        target_cny_per_kw=marginals.target_cny_per_kw.tolist(),
        rebound_cny_per_kw=marginals.rebound_cny_per_kw.tolist(),
        node_cny_per_kw={name: series.tolist() for name, series in marginals.node_cny_per_kw.items()},
    )


def _texts(code: str) -> ReasonTextFile:
    english, chinese = texts_of(code)
    return ReasonTextFile(en=english, zh=chinese)
