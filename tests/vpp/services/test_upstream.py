"""Calls become drafts once, are confirmed at every turn of the event's life, and reported interval by interval."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.vpp.domain.event_samples import EARLY, END, START
from tests.vpp.services.metered_life import OVER, live_through, meters_of
from tests.vpp.services.service_rig import MINUTE, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.events import Direction, EventKind, EventState
from vpp.domain.facts import UpstreamCallReceived
from vpp.domain.upstream import Confirmation, Delivery, UpstreamCall
from vpp.infra.memory.upstream import MemoryUpstream
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.services.upstream import Liaison

CALL = UpstreamCall(
    call_id="c-1", program_id="sample", direction=Direction.CURTAIL, start=START, end=END, target_mw=0.05
)
EVENT = "up-c-1"


async def connected(
    upstream: MemoryUpstream, ledger: SqlLedger | None = None, epoch: int = 1
) -> tuple[Controller, Liaison]:
    controller, _, _ = await controller_rig(ledger=ledger, epoch=epoch, outside={"upstream": upstream})
    assert controller.liaison is not None
    return controller, controller.liaison


def told(upstream: MemoryUpstream) -> list[str]:
    return [confirmation.status.value for confirmation in upstream.confirmations]


async def live_told(controller: Controller, liaison: Liaison, until: datetime) -> None:
    """The runner's minutes, with the liaison's cycle behind each."""
    meters = meters_of(controller, EVENT)
    while controller.clock.now() < until:
        await live_through(controller, meters, controller.clock.now() + MINUTE)
        await liaison.cycle()


@virtual
async def test_a_call__from_draft_to_statement() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(CALL)
    await liaison.cycle()
    record = controller.recorder.book.event(EVENT)
    assert record.state is EventState.DRAFT
    assert record.declaration == CALL.declaration("memory")
    assert record.declaration.declared_by == "upstream:memory"

    await controller.intake.approve(EVENT, by="li")
    await controller.runner.cycle()
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=True)
    await live_told(controller, liaison, OVER + 2 * MINUTE)

    assert told(upstream) == ["received", "approved", "settled"]
    statement = record.statements[0].total_response_kwh
    assert upstream.confirmations[-1].message == f"{statement} kWh of response"
    assert [name for _, name in upstream.curves] == ["curve-1", "curve-2", "curve-3", "curve-4", "curve-final"]
    final = upstream.curves["c-1", "curve-final"]
    report = await controller.views.report(EVENT)
    assert [p.response_kw for p in final.points] == pytest.approx(report["waterfall"]["verified_kw"], abs=0.001)
    assert [p.start for p in final.points] == list(record.grid)
    assert [(c.final, len(c.points)) for c in upstream.curves.values()] == [
        (False, 1), (False, 2), (False, 3), (False, 4), (True, 4),
    ]  # fmt: skip
    early = upstream.curves["c-1", "curve-2"]
    assert early.at < START + timedelta(minutes=33)
    assert [p.response_kw for p in early.points] == [p.response_kw for p in final.points[:2]]


@virtual
async def test_a_call__the_same_again_changes_nothing() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(CALL)
    upstream.call(CALL)
    await liaison.cycle()
    position = controller.recorder.position
    upstream.call(CALL)
    await liaison.cycle()

    assert controller.recorder.position == position
    assert list(controller.recorder.book.events) == [EVENT]
    assert told(upstream) == ["received"]
    assert await upstream.receive() == []


@virtual
async def test_a_call__another_under_the_same_id_is_a_conflict() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(CALL)
    await liaison.cycle()
    upstream.call(replace(CALL, target_mw=0.5))
    await liaison.cycle()

    assert told(upstream) == ["received", "conflict"]
    assert upstream.confirmations[-1].message == (
        "call id 'c-1' stands for another call already, which is left as it is"
    )
    assert controller.recorder.book.event(EVENT).declaration.target_mw == 0.05


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (replace(CALL, program_id="lottery"), "unknown programme 'lottery'"),
        (replace(CALL, target_mw=None), "event 'up-c-1': give exactly one of target_percent and target_mw"),
        (replace(CALL, scope_node_id="moon"), "unknown node 'moon'"),
        (
            replace(CALL, start=EARLY + timedelta(minutes=15)),
            "event 'up-c-1': 15 minutes of notice, programme 'sample' asks for 30",
        ),
        (replace(CALL, start=START + MINUTE), "is not a whole number of 15-minute intervals after the start"),
        (
            replace(CALL, start=END, end=START),
            "event 'up-c-1': end 2026-07-22T06:00:00Z lies before start 2026-07-22T07:00:00Z",
        ),
    ],
)
@virtual
async def test_a_call__against_the_rules_is_refused_once(call: UpstreamCall, message: str) -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    for _ in range(2):
        upstream.call(call)
        await liaison.cycle()

    assert controller.recorder.book.events == {}
    (refused,) = upstream.confirmations
    assert (refused.status.value, refused.event_id) == ("refused", None)
    assert message in refused.message


@virtual
async def test_a_call__whose_event_id_an_operator_took_is_refused() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    await controller.intake.declare(replace(CALL.declaration("memory"), declared_by="operator"))
    upstream.call(CALL)
    await liaison.cycle()

    assert [(c.status.value, c.message) for c in upstream.confirmations] == [("refused", "event id 'up-c-1' is taken")]


@pytest.mark.parametrize("cancel_at", [EARLY, START + timedelta(minutes=35)])
@virtual
async def test_a_call__that_is_cancelled(cancel_at: datetime) -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(replace(CALL, kind=EventKind.EMERGENCY))
    await liaison.cycle()
    await controller.intake.approve(EVENT)
    await live_told(controller, liaison, cancel_at)
    await controller.intake.cancel(EVENT, "the grid has recovered", by="li")
    await live_told(controller, liaison, OVER + 2 * MINUTE)

    ran = cancel_at > START
    assert told(upstream) == ["received", "approved", "cancelled", *(["settled"] if ran else [])]
    assert upstream.confirmations[2].message == "the grid has recovered"
    assert [name for _, name in upstream.curves] == (["curve-1", "curve-2", "curve-final"] if ran else [])


@virtual
async def test_a_call__that_nobody_approves_ends_with_its_start() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(CALL)
    await live_told(controller, liaison, START + 2 * MINUTE)

    assert controller.recorder.book.event(EVENT).state is EventState.CANCELLED
    assert told(upstream) == ["received", "cancelled"]


@virtual
async def test_cycle__goes_on_when_the_platform_is_back() -> None:
    upstream = MemoryUpstream()
    controller, liaison = await connected(upstream)
    upstream.call(CALL)
    upstream.reachable = False
    await liaison.cycle()
    assert controller.recorder.book.events == {}

    upstream.reachable = True
    await liaison.cycle()
    upstream.reachable = False
    await controller.intake.approve(EVENT)
    await liaison.cycle()
    assert told(upstream) == ["received"]
    upstream.reachable = True
    await liaison.cycle()
    assert told(upstream) == ["received", "approved"]


class OneBadDelivery(MemoryUpstream):
    """Fails over its first delivery in a way that no connection should; so does telling of one call."""

    async def take(self, delivery: Delivery) -> None:
        if delivery.ref == "delivery-000001":
            raise UnicodeError("a surrogate")
        await super().take(delivery)

    async def confirm(self, confirmation: Confirmation) -> None:
        if confirmation.call_id == "c-1":
            raise KeyError("c-1")
        await super().confirm(confirmation)


@virtual
async def test_cycle__no_error_of_one_delivery_or_call_stops_the_others() -> None:
    upstream = OneBadDelivery()
    controller, metrics, _ = await controller_rig(outside={"upstream": upstream})
    upstream.call(CALL)
    upstream.call(replace(CALL, call_id="c-2"))
    assert controller.liaison is not None
    await controller.liaison.cycle()

    assert [delivery.ref for delivery in await upstream.receive()] == ["delivery-000001"]
    assert [(c.call_id, c.status.value) for c in upstream.confirmations] == [("c-2", "received")]
    assert metrics.total("upstream_failures") == 2
    noted = [details for message, details in metrics.notes if message == "upstream: failed, to be tried again"]
    assert noted == [
        {"upstream": "memory", "reason": "UnicodeError: a surrogate", "delivery": "delivery-000001"},
        {"upstream": "memory", "reason": "KeyError: 'c-1'", "call": "c-1"},
    ]


class Deaf(MemoryUpstream):
    """Cannot even be listened to."""

    async def receive(self) -> Sequence[Delivery]:
        raise ValueError("what is this?")


@virtual
async def test_cycle__an_error_of_the_connection_itself_does_not_end_the_task() -> None:
    controller, metrics, _ = await controller_rig(outside={"upstream": Deaf()})
    assert controller.liaison is not None
    await controller.liaison.cycle()

    assert metrics.notes[-1] == (
        "upstream: failed, to be tried again",
        {"upstream": "memory", "reason": "ValueError: what is this?"},
    )


@virtual
async def test_cycle__after_a_stop_between_draft_and_receipt() -> None:
    upstream, ledger = MemoryUpstream(), open_ledger("sqlite://")
    first, _ = await connected(upstream, ledger)
    await first.intake.declare(CALL.declaration("memory"))

    controller, liaison = await connected(upstream, ledger, epoch=2)
    upstream.call(CALL)
    await liaison.cycle()

    assert told(upstream) == ["received"]
    received = [stored.fact async for stored in ledger.read() if isinstance(stored.fact, UpstreamCallReceived)]
    assert [(fact.event_id, fact.refused) for fact in received] == [(EVENT, "")]
    assert list(controller.recorder.book.events) == [EVENT]


@virtual
async def test_cycle__a_new_start_tells_nothing_twice() -> None:
    upstream, ledger = MemoryUpstream(), open_ledger("sqlite://")
    _, before = await connected(upstream, ledger)
    upstream.call(CALL)
    await before.cycle()
    again = MemoryUpstream()
    _, after = await connected(again, ledger, epoch=2)
    await after.cycle()

    assert told(again) == []
