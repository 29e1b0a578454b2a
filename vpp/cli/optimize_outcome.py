"""What ``vpp optimize`` says of an outcome, and whether it counts as reached."""

import math
from typing import assert_never

from vpp.domain.dispatch import BindingLimit, DispatchPlan, Infeasible, Planned, PlanningOutcome, TimedOut, Unreachable

REACHED_KW = 1e-3
MOST_LIMITS = 10


def reached(outcome: PlanningOutcome) -> bool:
    """Whether the target is reached in every interval, within 1 W."""
    match outcome:
        case Planned():
            return True
        case TimedOut():
            return bool(outcome.plan.shortfall_kw.max(initial=0.0) <= REACHED_KW)
        case Unreachable() | Infeasible():
            return False
        case other:
            assert_never(other)


def summary(outcome: PlanningOutcome) -> list[str]:
    """What people read on the terminal, one line each: the answer, and where it comes from and how good it is."""
    match outcome:
        case Planned(plan):
            return [f"planned ({plan.source}, {plan.status}): {plan.cost_cny:.2f} CNY", *_worth(plan)]
        case TimedOut(plan, reason):
            short_kw = plan.shortfall_kw.max(initial=0.0)
            heading = f"timed out ({reason}): {plan.source} plan, largest shortfall {short_kw:.0f} kW"
            return [heading, *_worth(plan)]
        case Unreachable(plan, largest_kw, _):
            short_kw = plan.shortfall_kw.max(initial=0.0)
            heading = f"unreachable: largest shortfall {short_kw:.0f} kW; at least {largest_kw.min():.0f} kW are"
            return [f"{heading} reached in every interval", *_worth(plan)]
        case Infeasible(reason, _):
            return [f"infeasible: {reason}"]
        case other:
            assert_never(other)


def stops(outcome: PlanningOutcome) -> list[str]:
    """The limits that keep the target from being reached, one line each, ``MOST_LIMITS`` at most."""
    match outcome:
        case Unreachable(_, _, binding) | Infeasible(_, binding):
            return shortened([limit.text for limit in binding])
        case Planned() | TimedOut():
            return []
        case other:
            assert_never(other)


def shortened(lines: list[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - MOST_LIMITS
    return lines if more <= 0 else [*lines[:MOST_LIMITS], f"and {more} more, which are in the plan file"]


def limits_of(outcome: PlanningOutcome) -> tuple[BindingLimit, ...]:
    """The limits that an outcome names: those that stop more, or keep the plan from being cheaper."""
    match outcome:
        case Planned(plan) | TimedOut(plan, _):
            return plan.binding
        case Unreachable(_, _, binding) | Infeasible(_, binding):
            return binding
        case other:
            assert_never(other)


def plan_of(outcome: PlanningOutcome) -> DispatchPlan | None:
    """The plan of an outcome, if it has one."""
    return None if isinstance(outcome, Infeasible) else outcome.plan


def _worth(plan: DispatchPlan) -> list[str]:
    lines = [f"source {plan.source}: {_bound(plan)}"]
    if plan.delivery_mean_kw.size and plan.delivery_q05_kw.size:
        mean_kw, low_kw = plan.delivery_mean_kw.min(), plan.delivery_q05_kw.min()
        lines.append(f"delivers at least {mean_kw:.0f} kW per interval on average, {low_kw:.0f} kW in 95 of 100 calls")
    if not math.isnan(plan.joint_probability):
        lines.append(f"reaches the target in all intervals at once in {100 * plan.joint_probability:.1f} % of calls")
    return lines


def _bound(plan: DispatchPlan) -> str:
    gap = "gap unknown" if math.isnan(plan.gap) else f"gap {100 * plan.gap:.3f} %"
    if math.isnan(plan.bound_cny):
        return f"{gap}, no bound"
    return f"{gap}, objective {plan.objective_cny:.2f} CNY, bound {plan.bound_cny:.2f} CNY"
