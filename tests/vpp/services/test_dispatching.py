"""Commands on their way out: once, in order, and again where somebody may not have heard."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.vpp.domain.event_samples import (
    EARLY,
    END,
    EVENT,
    START,
    acked,
    advanced,
    committed_facts,
    frozen,
    planned,
)
from tests.vpp.services.service_rig import Rig, virtual
from vpp.domain.commands import AckState
from vpp.domain.events import EventStep
from vpp.domain.facts import CommandsIssued, ControllerStarted, PlanIssued
from vpp.services.dispatching import hash_order

BASELINES = {"line-1": [100.0] * 12, "cool-1": [120.0] * 12}
RESPONSE = {"line-1": [40.0] * 4, "cool-1": [20.0] * 4}


async def planned_rig(plan: PlanIssued | None = None) -> tuple[Rig, PlanIssued]:
    rig = Rig()
    made = plan or planned(RESPONSE)
    for fact in [*committed_facts(), frozen(BASELINES), made]:
        await rig.recorder.record(fact)
    return rig, made


async def issued_count(rig: Rig) -> int:
    return sum([isinstance(stored.fact, CommandsIssued) async for stored in rig.ledger.read()])


@virtual
async def test_issue__one_message_per_gateway_staged_before_the_event() -> None:
    rig, plan = await planned_rig()

    assert await rig.dispatching.issue(EVENT, plan) == 2

    assert [(gateway_id, [c.resource_id for c in batch]) for gateway_id, batch in rig.gateways.sent] == [
        ("gw-1", ["line-1"]),
        ("gw-2", ["cool-1"]),
    ]
    command = rig.gateways.commands[0]
    assert command.setpoints_kw == (60.0,) * 4
    assert (command.valid_from, command.expires_at) == (START - timedelta(minutes=6), END)
    assert [c.sequence for c in rig.gateways.commands] == [1, 2]
    assert {c.release_after_s for c in rig.gateways.commands} <= {0.0, 600.0, 1200.0, 1800.0}


@virtual
async def test_issue__the_same_plan_twice_issues_nothing() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)

    assert await rig.dispatching.issue(EVENT, plan) == 0
    assert len(rig.gateways.sent) == 2
    assert await issued_count(rig) == 2


@virtual
async def test_issue__a_revision_sends_only_what_changes() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    later = planned({"line-1": [40.0] * 3, "cool-1": [30.0] * 3}, revision=2, first=START + timedelta(minutes=15))
    await rig.recorder.record(later)

    assert await rig.dispatching.issue(EVENT, later) == 1

    command = rig.gateways.commands[-1]
    assert (command.resource_id, command.setpoints_kw, command.sequence) == ("cool-1", (90.0,) * 3, 3)
    assert command.valid_from == command.schedule_start == START + timedelta(minutes=15)


@virtual
async def test_issue__a_crash_between_plan_and_commands_heals() -> None:
    before, plan = await planned_rig()

    rig = Rig(ledger=before.ledger)
    await rig.recorder.replay()
    await rig.recorder.record(ControllerStarted(at=EARLY, epoch=2))
    assert await rig.dispatching.issue(EVENT, rig.event.plans[-1]) == 2

    assert [c.order for c in rig.gateways.commands] == [(2, 1), (2, 2)]
    assert plan == rig.event.plans[-1]


@virtual
async def test_resend_in_force__says_the_newest_again_with_its_number() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    first = list(rig.gateways.sent)
    rig.gateways.sent.clear()

    assert await rig.dispatching.resend_in_force() == 2
    assert rig.gateways.sent == first
    assert await issued_count(rig) == 2


@virtual
async def test_resend_in_force__leaves_out_what_is_done_or_over() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    line = rig.event.commands["line-1"][0].command.command_id
    await rig.recorder.record(acked(1, (line, "line-1", AckState.REFUSED)))
    assert await rig.dispatching.resend_in_force() == 1

    await rig.clock.sleep_until(END)
    assert await rig.dispatching.resend_in_force() == 0


@virtual
async def test_resend_unanswered__only_after_a_while() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    line = rig.event.commands["line-1"][0].command.command_id
    await rig.recorder.record(acked(1, (line, "line-1", AckState.RECEIVED)))
    rig.gateways.sent.clear()

    await rig.dispatching.resend_unanswered(rig.event, timedelta(minutes=2))
    assert rig.gateways.sent == []

    await rig.clock.sleep_until(EARLY + timedelta(minutes=2))
    await rig.dispatching.resend_unanswered(rig.event, timedelta(minutes=2))
    assert [c.resource_id for c in rig.gateways.commands] == ["cool-1"]
    assert rig.metrics.total("commands_resent") == 1


@virtual
async def test_release__frees_every_called_resource_by_its_stagger() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    now = START + timedelta(minutes=20)
    await rig.clock.sleep_until(now)
    await rig.recorder.record(advanced(EventStep.ACTIVATE), advanced(EventStep.CANCEL, now))
    rig.gateways.sent.clear()

    await rig.dispatching.release(EVENT)

    assert {c.resource_id: c.setpoints_kw for c in rig.gateways.commands} == {"line-1": (60.0,), "cool-1": (100.0,)}
    assert {c.expires_at for c in rig.gateways.commands} == {now + timedelta(minutes=1)}


def test_hash_order__is_fixed() -> None:
    assert hash_order("") == 2166136261
    assert hash_order("a") == 0xE40C292C


@virtual
@pytest.mark.parametrize("reason", ["gateway-offline", "unavailable", "no-offer"])
async def test_issue__who_is_out_of_reach_keeps_what_it_was_told(reason: str) -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    later = replace(planned({"cool-1": [30.0] * 4}, revision=2), reasons={"line-1": reason})
    await rig.recorder.record(later)

    assert await rig.dispatching.issue(EVENT, later) == 1

    assert [command.resource_id for command in rig.gateways.commands] == ["line-1", "cool-1", "cool-1"]


@virtual
async def test_issue__who_is_dearer_now_is_released() -> None:
    rig, plan = await planned_rig()
    await rig.dispatching.issue(EVENT, plan)
    later = replace(planned({"cool-1": [20.0] * 4}, revision=2), reasons={"line-1": "cheaper"})
    await rig.recorder.record(later)

    assert await rig.dispatching.issue(EVENT, later) == 1

    assert rig.gateways.commands[-1].resource_id == "line-1"
    assert min(rig.gateways.commands[-1].setpoints_kw) >= 100.0
