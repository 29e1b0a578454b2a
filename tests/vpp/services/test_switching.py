"""What may be said about the network, what is refused, and what a running event makes of it."""

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.vpp.domain.event_samples import EARLY, END, EVENT, START, sample_declaration
from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES
from tests.vpp.services.metered_life import live_through, meters_of
from tests.vpp.services.service_rig import MINUTE, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.errors import ConflictError, InputError, UnknownThingError
from vpp.domain.events import EventKind
from vpp.domain.fleet import Fleet, Node
from vpp.domain.flexibility import Series
from vpp.domain.network import NetworkChanges
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.infra.store.ledger import open_ledger

FLOW_KW = {"root": 700.0, "sub-a": 300.0, "line": 250.0, "sub-b": 200.0}
REASSIGN = {"reason": "a line fault", "by": "olga"}


def two_substations() -> Fleet:
    """The sample fleet with its line below one of two substations."""
    root, line = NODES
    nodes = (
        root,
        Node("sub-a", "A", "root", 5_000.0, 0.0),
        Node("sub-b", "B", "root", 460.0, 0.0),
        Node("line", line.name, "sub-a", 1_000.0, 0.0),
    )
    return Fleet.of(nodes=nodes, participants=PARTICIPANTS, sites=SITES, resources=RESOURCES)


class TwoSubstations:
    """Implements ``NetworkForecasts``: the same flow always, on the registered tree."""

    async def node_flow_kw(self, grid: TimeGrid) -> dict[str, Series]:
        return {node_id: np.full(len(grid), kw) for node_id, kw in FLOW_KW.items()}


async def rig(**more: Any) -> tuple[Controller, Any]:
    controller, _, planner = await controller_rig(
        outside={"network": TwoSubstations()}, setup={"fleet": two_substations()}, **more
    )
    return controller, planner


async def declare(controller: Controller, **changes: object) -> None:
    await controller.intake.declare(sample_declaration(**changes))
    await controller.intake.approve(EVENT)
    await controller.runner.cycle()
    invitation = controller.recorder.book.event(EVENT).invitation
    assert invitation is not None
    for participant_id in invitation.participant_ids:
        await controller.intake.answer(EVENT, participant_id, accepted=True)


@pytest.mark.parametrize(
    ("node_id", "parent_id", "error", "message"),
    [
        ("moon", "sub-b", UnknownThingError, "unknown node 'moon'"),
        ("line", "moon", UnknownThingError, "unknown node 'moon'"),
        ("root", "sub-b", InputError, "node 'root' is a root of the network and cannot be moved below 'sub-b'"),
        ("sub-a", "line", InputError, "node 'sub-a' cannot be moved below 'line', which hangs below it"),
        ("line", "line", InputError, "node 'line' cannot be moved below 'line', which hangs below it"),
        ("line", "sub-a", ConflictError, "node 'line' hangs below 'sub-a' already"),
    ],
)
def test_reassign__refuses(node_id: str, parent_id: str, error: type[InputError], message: str) -> None:
    @virtual
    async def run() -> None:
        controller, _ = await rig()
        before = controller.recorder.position
        with pytest.raises(error, match=message):
            await controller.switching.reassign(node_id, parent_id, **REASSIGN)
        assert controller.recorder.position == before

    run()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"node_id": "moon"}, "unknown node 'moon'"),
        ({"import_limit_kw": 0.0}, "node 'sub-b': import limit 0.0 kW is not a finite number > 0"),
        ({"export_limit_kw": -1.0}, "node 'sub-b': export limit -1.0 kW is not a finite number >= 0"),
        ({"import_limit_kw": float("nan")}, "node 'sub-b': import limit nan kW is not a finite number > 0"),
        ({"end": START}, "the end is not after the start"),
        ({"end": START + MINUTE}, "is not a whole number of 15-minute intervals after the start"),
        ({"start": START + MINUTE, "end": END + MINUTE}, "is not on a 15-minute boundary"),
        (
            {"start": EARLY - INTERVAL},
            "the start lies before the running interval, 2026-07-22T04:00:00Z",
        ),
    ],
)
def test_limit__refuses(changes: dict[str, Any], message: str) -> None:
    @virtual
    async def run() -> None:
        controller, _ = await rig()
        told: dict[str, Any] = {
            "node_id": "sub-b",
            "start": START,
            "end": END,
            "import_limit_kw": 400.0,
            "export_limit_kw": None,
        }
        told |= {"reason": "an outage", "by": "olga"} | changes
        with pytest.raises(InputError, match=message):
            await controller.switching.limit(told.pop("node_id"), **told)
        assert controller.recorder.book.network == NetworkChanges()

    run()


@virtual
async def test_reassign__two_at_once_make_no_ring() -> None:
    controller, _ = await rig()
    results = await asyncio.gather(
        controller.switching.reassign("sub-a", "sub-b", **REASSIGN),
        controller.switching.reassign("sub-b", "sub-a", **REASSIGN),
        return_exceptions=True,
    )

    assert [type(result) for result in results if isinstance(result, Exception)] == [InputError]
    assert controller.registry.fleet.node_path("line") == ("line", "sub-a", "sub-b", "root")


@virtual
async def test_reassign__a_restart_sees_the_same_network() -> None:
    ledger = open_ledger("sqlite://")
    controller, _ = await rig(ledger=ledger)
    await controller.switching.reassign("line", "sub-b", **REASSIGN)
    await controller.switching.limit(
        "sub-b", start=START, end=END, import_limit_kw=500.0, export_limit_kw=None, reason="summer rating", by="olga"
    )

    again, _ = await rig(archive=controller.outside.archive, ledger=ledger, epoch=2)

    assert again.registry.fleet.nodes == controller.registry.fleet.nodes
    assert again.registry.network == controller.registry.network
    assert again.registry.in_scope("sub-b") == ["line-1", "line-2", "bat-1"]
    assert again.registry.in_scope("sub-a") == []


@virtual
async def test_cycle__a_moved_line_is_planned_anew_within_a_cycle_on_the_new_tree() -> None:
    controller, planner = await rig()
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START + 20 * MINUTE)
    record = controller.recorder.book.event(EVENT)
    revisions = len(record.plans)
    told = await controller.switching.reassign("line", "sub-b", **REASSIGN)

    await live_through(controller, meters, told.at + MINUTE)

    assert len(record.plans) == revisions + 1
    assert record.plans[-1].reason == "network changed: line moved from sub-a to sub-b: a line fault"
    assert record.plans[-1].at - told.at <= MINUTE
    nodes = {node.id: node for node in planner.problems[-1].nodes}
    assert nodes["line"].parent_id == "sub-b"
    assert nodes["sub-b"].forecast_kw[0] == pytest.approx(450.0)
    assert nodes["sub-a"].forecast_kw[0] == pytest.approx(50.0)
    assert nodes["root"].forecast_kw[0] == pytest.approx(700.0)
    await live_through(controller, meters, told.at + 5 * MINUTE)
    assert len(record.plans) == revisions + 1
    await live_through(controller, meters)
    report = await controller.views.report(EVENT)
    assert report["redispatches"][-1]["reason"].startswith("network changed")
    assert report["by_node"]["sub-b"]["forecast_kw"] == pytest.approx([200.0, 200.0, 450.0, 450.0])
    assert report["by_node"]["line"]["parent_id"] == "sub-b"


@virtual
async def test_cycle__other_limits_are_planned_for_as_well() -> None:
    controller, planner = await rig()
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START + 20 * MINUTE)
    record = controller.recorder.book.event(EVENT)
    await controller.switching.limit(
        "line", start=START + INTERVAL, end=END, import_limit_kw=240.0, export_limit_kw=None, reason="heat", by="olga"
    )

    await live_through(controller, meters, START + 21 * MINUTE)

    assert (
        record.plans[-1].reason == "network changed: limits of line changed (import 240 kW, export as registered): heat"
    )
    line = next(node for node in planner.problems[-1].nodes if node.id == "line")
    assert list(line.import_limit_kw[:4]) == [240.0, 240.0, 240.0, 1_000.0]


@virtual
async def test_cycle__what_concerns_nobody_called_changes_no_plan() -> None:
    controller, _ = await rig()
    meters = meters_of(controller)
    await declare(controller, scope_node_id="sub-a")
    await live_through(controller, meters, START + 20 * MINUTE)
    record = controller.recorder.book.event(EVENT)
    await controller.switching.limit(
        "sub-b", start=START + INTERVAL, end=END, import_limit_kw=1.0, export_limit_kw=None, reason="heat", by="olga"
    )

    await live_through(controller, meters, START + 25 * MINUTE)

    assert not any("network changed" in plan.reason for plan in record.plans)


@virtual
async def test_scope__an_event_of_one_node_commands_only_what_hangs_below_it() -> None:
    controller, _ = await rig()
    meters = meters_of(controller)
    await declare(controller, scope_node_id="sub-a")
    await live_through(controller, meters)

    record = controller.recorder.book.event(EVENT)
    assert record.invitation is not None
    assert record.commitment is not None
    assert set(record.invitation.participant_ids) == {"factory", "store"}
    assert set(record.commitment.resource_ids) == {"line-1", "line-2", "bat-1"}
    assert record.commands
    assert set(record.commands) <= {"line-1", "line-2", "bat-1"}


@virtual
async def test_scope__a_running_event_keeps_its_members_when_their_line_is_moved() -> None:
    controller, planner = await rig()
    meters = meters_of(controller)
    await declare(controller, scope_node_id="sub-a")
    await live_through(controller, meters, START + 20 * MINUTE)
    await controller.switching.reassign("line", "sub-b", **REASSIGN)
    await live_through(controller, meters, START + 22 * MINUTE)

    problem = planner.problems[-1]
    assert {resource.id for resource in problem.resources} == {"line-1", "line-2", "bat-1"}
    assert next(node for node in problem.nodes if node.id == "line").parent_id == "sub-b"
    record = controller.recorder.book.event(EVENT)
    assert record.commands.keys() == {"line-1", "line-2"}


@virtual
async def test_scope__before_the_commitment_the_scope_follows_the_tree() -> None:
    controller, _ = await rig()
    await controller.intake.declare(sample_declaration(scope_node_id="sub-b", kind=EventKind.EMERGENCY))
    await controller.intake.approve(EVENT)
    await controller.switching.reassign("line", "sub-b", **REASSIGN)
    await controller.runner.cycle()

    record = controller.recorder.book.event(EVENT)
    assert record.commitment is not None
    assert set(record.commitment.resource_ids) == {"line-1", "line-2", "bat-1"}


@virtual
async def test_scope__what_another_event_may_call_is_called_by_nobody_else() -> None:
    controller, _ = await rig()
    other = {"event_id": "event-2", "scope_node_id": "sub-b"}
    await controller.intake.declare(sample_declaration(scope_node_id="sub-a", kind=EventKind.EMERGENCY))
    await controller.intake.declare(sample_declaration(**other, kind=EventKind.EMERGENCY))
    await controller.intake.approve(EVENT)
    await controller.intake.approve("event-2")
    await controller.intake.commit(EVENT)
    await controller.switching.reassign("line", "sub-b", **REASSIGN)
    await controller.intake.commit("event-2")

    second = controller.recorder.book.event("event-2").commitment
    assert second is not None
    assert second.resource_ids == ()
    assert second.skipped == dict.fromkeys(("line-1", "line-2", "bat-1"), "other-event")
    await controller.intake.cancel("event-2", "a test")
    late = sample_declaration(event_id="event-3", scope_node_id="line", start=START + timedelta(minutes=30))
    with pytest.raises(ConflictError, match=r"event 'event-3' .* overlaps event 'event-1'"):
        await controller.intake.declare(late)
