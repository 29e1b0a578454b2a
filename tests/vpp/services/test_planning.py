"""What a revision hands to the planner, and what it does when the planner cannot give what was asked."""

from dataclasses import dataclass

from tests.vpp.domain.event_samples import EVENT, START, sample_declaration
from tests.vpp.services.service_rig import EvenPlanner, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.dispatch import BindingLimit, DispatchPlan, DispatchProblem, Infeasible, PlanningOutcome
from vpp.domain.facts import PlanIssued
from vpp.services.planning import PlanRequest


@dataclass
class StubbornPlanner(EvenPlanner):
    """Cannot plan with a resource that contradicts itself."""

    contradictory: str = ""

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        if any(resource.id == self.contradictory for resource in problem.resources):
            self.problems.append(problem)
            limit = BindingLimit(f"resource:{self.contradictory}:energy", None, "its floor lies above its ceiling")
            return Infeasible("a floor lies above its ceiling", (limit,))
        return super().__call__(problem, previous)


async def revised(planner: EvenPlanner) -> tuple[Controller, PlanIssued]:
    controller, _, _ = await controller_rig(planner=planner)
    await controller.intake.declare(sample_declaration())
    await controller.intake.approve(EVENT)
    await controller.intake.invite(EVENT)
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await controller.intake.commit(EVENT)
    await controller.forecasting.freeze(EVENT, controller.intake.program("sample"), recovery_intervals=8)
    request = PlanRequest("a test", START, None)
    plan = await controller.planning.revise(EVENT, request)
    assert plan is not None
    return controller, plan


@virtual
async def test_revise__a_self_contradicting_offer_stops_nobody_else() -> None:
    planner = StubbornPlanner(contradictory="cool-1")
    controller, plan = await revised(planner)

    assert plan.reasons["cool-1"] == "bad-offer"
    assert set(plan.response_kw) == {"line-1", "line-2"}
    assert controller.recorder.book.event(EVENT).plans == [plan]
