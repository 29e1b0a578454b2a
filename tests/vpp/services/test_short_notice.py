"""Events declared a quarter of an hour ahead, resources that are too slow for them, and bids that plans respect."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.vpp.domain.event_samples import EARLY, END, EVENT, START, sample_declaration
from tests.vpp.domain.program_samples import figure, sample_program
from tests.vpp.services.metered_life import live_through, meters_of
from tests.vpp.services.service_rig import controller_rig, offer, virtual
from vpp.bootstrap import Controller
from vpp.domain.book import EventRecord
from vpp.domain.events import EventState
from vpp.domain.outcome import commanded_kw
from vpp.services.planning import PlanRequest

QUARTER = timedelta(minutes=15)


async def declared_at(at: datetime) -> Controller:
    """An event declared and approved at ``at``, its programme asking for 10 minutes of notice."""
    program = sample_program()
    program = replace(program, limits=replace(program.limits, notice_minutes=figure("limits.notice_minutes", 10)))
    controller, _, _ = await controller_rig(program=program)
    await controller.clock.sleep_until(at)
    await controller.intake.declare(sample_declaration())
    await controller.intake.approve(EVENT)
    await controller.runner.cycle()
    return controller


def event(controller: Controller) -> EventRecord:
    return controller.recorder.book.event(EVENT)


@virtual
async def test_an_event_in_15_minutes__is_answered_planned_and_settled() -> None:
    controller = await declared_at(START - QUARTER)
    record = event(controller)
    assert record.invitation is not None
    assert record.invitation.reply_by == START - QUARTER / 2
    await controller.clock.sleep_until(START - QUARTER / 2 - timedelta(minutes=1))
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await live_through(controller, meters_of(controller))

    assert record.state is EventState.SETTLED
    assert record.plans[0].at < START
    assert (await controller.views.report(EVENT))["attainment"]["met"] is True


@pytest.mark.parametrize(
    ("at", "notice_min", "reason"),
    [
        (START - QUARTER, 10.0, None),
        (START - QUARTER, 20.0, "too-slow"),
        (START - timedelta(minutes=59), 59.0, None),
        (START - timedelta(minutes=59), 62.0, "too-slow"),
        (START + timedelta(minutes=5), 9.0, None),
        (START + timedelta(minutes=5), 11.0, "too-slow"),
    ],
)
@virtual
async def test_candidates__leave_out_who_needs_longer_notice(
    at: datetime, notice_min: float, reason: str | None
) -> None:
    controller = await declared_at(EARLY)
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await controller.intake.commit(EVENT)
    await controller.forecasting.freeze(EVENT, controller.intake.program("sample"), recovery_intervals=8)
    await controller.clock.sleep_until(at)
    slow = replace(offer("line-1", at), notice_s=60.0 * notice_min)
    controller.registry.take_offers("gw-1", [slow])

    chosen, skipped = controller.planning.candidates(event(controller), PlanRequest("a test", START, None))

    assert skipped.get("line-1") == reason
    assert ("line-1" in {c.offer.resource_id for c in chosen}) is (reason is None)


@virtual
async def test_candidates__who_is_called_already_is_never_too_slow() -> None:
    controller = await declared_at(EARLY)
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await live_through(controller, meters_of(controller), START + timedelta(minutes=5))
    controller.registry.take_offers("gw-1", [replace(offer("line-1", START), notice_s=7200.0)])

    _, skipped = controller.planning.candidates(event(controller), PlanRequest("a test", START, None))

    assert "line-1" in event(controller).commands
    assert "line-1" not in skipped


@pytest.mark.parametrize("bid_kw", [12.5, 60.0, 90.0])
@virtual
async def test_a_bid__is_never_exceeded_in_any_interval(bid_kw: float) -> None:
    controller = await declared_at(EARLY)
    await controller.intake.bid(EVENT, "factory", quantity_kw=bid_kw)
    for participant_id in ("mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=False)
    await live_through(controller, meters_of(controller), END)

    record = event(controller)
    own = ("line-1", "line-2")
    asked = sum(kw for r, kw in commanded_kw(record).items() if r in own)
    assert not isinstance(asked, int)
    assert max(asked) <= bid_kw + 0.001
    assert max(asked) == pytest.approx(min(bid_kw, max(asked)))
    assert all(max(plan.offered_kw) <= bid_kw + 1e-6 for plan in record.plans)
    assert max(controller.tracking.committed_kw(record)) == pytest.approx(bid_kw)
    assert record.commitment is not None
    assert ("line-2" in record.commitment.skipped) is (bid_kw <= 60.0)
    invariants = (await controller.views.report(EVENT))["invariants"]
    assert invariants["bids_never_exceeded"] == "ok"


@virtual
async def test_invariants__tell_of_a_bid_that_was_exceeded() -> None:
    controller = await declared_at(EARLY)
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await live_through(controller, meters_of(controller), START)
    record = event(controller)
    record.replies["mall"] = replace(record.replies["mall"], quantity_kw=1.0)

    invariants = (await controller.views.report(EVENT))["invariants"]

    assert re.fullmatch(r"'mall' bid 1 kW and was asked for \d+\.?\d* kW", invariants["bids_never_exceeded"])
