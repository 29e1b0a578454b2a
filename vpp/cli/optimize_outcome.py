"""What ``vpp optimize`` says of an outcome, and whether it counts as reached."""

from typing import assert_never

from vpp.domain.dispatch import Infeasible, Planned, PlanningOutcome, TimedOut, Unreachable

REACHED_KW = 1e-3


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
    """What people read on the terminal, one line each."""
    match outcome:
        case Planned():
            return [f"planned ({outcome.plan.source}, {outcome.plan.status}): {outcome.plan.cost_cny:.2f} CNY"]
        case TimedOut():
            short_kw = outcome.plan.shortfall_kw.max(initial=0.0)
            return [f"timed out ({outcome.reason}): {outcome.plan.source} plan, largest shortfall {short_kw:.0f} kW"]
        case Unreachable():
            short_kw = outcome.plan.shortfall_kw.max(initial=0.0)
            heading = (
                f"unreachable: largest shortfall {short_kw:.0f} kW; at least {outcome.largest_kw.min():.0f} kW are"
            )
            return [f"{heading} reached in every interval", *(limit.text for limit in outcome.binding)]
        case Infeasible():
            return [f"infeasible: {outcome.reason}", *(limit.text for limit in outcome.binding)]
        case other:
            assert_never(other)
