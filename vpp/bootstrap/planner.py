"""The optimiser as a controller with a wall clock uses it."""

from dataclasses import dataclass

from optimizer import WorkLimits, plan_dispatch
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome


@dataclass(frozen=True, slots=True)
class DeadlinePlanner:
    """The optimiser bounded by wall time; goes to a worker process together with the problem."""

    deadline_s: float

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        """A plan that may still have to pass the feasibility check."""
        return plan_dispatch(problem, limits=WorkLimits(deadline_s=self.deadline_s), previous=previous)
