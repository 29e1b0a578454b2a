"""The controller's side of the wire: what cannot be read is counted and named, and never stops the rest."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.vpp.domain.event_samples import EARLY, END, START, committed_facts, issued, sample_command
from tests.vpp.services.service_rig import Rig, virtual
from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import AckState
from vpp.domain.errors import StoreError
from vpp.domain.facts import AckEntry
from vpp.domain.telemetry import Reading
from vpp.infra.memory.bus import MemoryBroker, MemorySession
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.mqtt.gateway_link import GatewayLink
from vpp.infra.virtual_time import VirtualClock
from vpp.ports import BusMessage, ClockReading, GatewayStart

SECOND = timedelta(seconds=1)
GOOD: dict[str, Any] = {
    "gateway_id": "gw-1",
    "seq": 1,
    "at": "2026-07-22T12:00:00+08:00",
    "readings": [{"resource_id": "line-1", "power_kw": 90.5, "register_wh": 12, "quality": "good"}],
}


@dataclass
class Listener:
    """Implements ``GatewayListener`` by writing down what it is told."""

    heard: list[tuple[str, Any]] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    links: int = 0

    async def on_birth(self, gateway_id: str, resource_ids: Sequence[str], start: GatewayStart) -> None:
        self.heard.append(("birth", (gateway_id, list(resource_ids), start)))

    async def on_status(self, gateway_id: str, *, online: bool) -> None:
        self.heard.append(("status", (gateway_id, online)))

    async def on_telemetry(self, gateway_id: str, seq: int, readings: Sequence[Reading]) -> None:
        self.heard.append(("telemetry", (gateway_id, seq, list(readings))))

    async def on_not_kept(self, gateway_id: str, *, telemetry_through: int | None, ack_through: int | None) -> None:
        self.heard.append(("not_kept", (gateway_id, telemetry_through, ack_through)))

    async def on_offers(self, gateway_id: str, offers: Sequence[CapabilityOffer]) -> None:
        self.heard.append(("offers", (gateway_id, [offer.resource_id for offer in offers])))

    async def on_acks(self, gateway_id: str, seq: int, acks: Sequence[AckEntry]) -> None:
        self.heard.append(("acks", (gateway_id, seq, list(acks))))

    async def on_rejected(self, topic: str, reason: str) -> None:
        self.rejected.append((topic, reason))

    async def on_link(self) -> None:
        self.links += 1


def link_on(bus: MemoryBroker, clock_sync: ClockReading | None = None) -> GatewayLink:
    return GatewayLink(
        bus,
        client_id="controller",
        clock=VirtualClock(),
        metrics=MemoryMetrics(),
        epoch=lambda: 7,
        clock_sync=lambda: clock_sync,
    )


async def receive(topic: str, payload: bytes) -> Listener:
    listener = Listener()
    await link_on(MemoryBroker()).receive(listener, BusMessage(topic, payload))
    return listener


def changed(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def with_power(text: str) -> bytes:
    return json.dumps(GOOD).replace("90.5", text).encode()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "telemetry of gateway 'gw-1': "),
        (b"\xff\xfe", "telemetry of gateway 'gw-1': "),
        (b"{", "telemetry of gateway 'gw-1': "),
        (b"null", "telemetry of gateway 'gw-1': "),
        (b"[" * 100_000, "telemetry of gateway 'gw-1': "),
        (with_power("NaN"), "$.readings[0].power_kw = nan: not a finite number"),
        (with_power("Infinity"), "$.readings[0].power_kw = inf: not a finite number"),
        (with_power('"90.5"'), '$.readings[0].power_kw = "90.5": Expected `float`, got `str`'),
        (with_power("null"), "$.readings[0].power_kw = null: Expected `float`, got `null`"),
        (changed(at="2026-07-22T12:00:00"), '$.at = "2026-07-22T12:00:00"'),
        (changed(at=0), "$.at = 0"),
        (changed(seq=0), "$.seq = 0"),
        (changed(seq="1"), '$.seq = "1"'),
        (changed(gateway_id="gw-2"), "telemetry of gateway 'gw-1': payload names gateway 'gw-2'"),
        (b" " * (4 * 1024 * 1024 + 1), "payload of 4194305 bytes is over the limit of 4194304 bytes"),
    ],
)
@virtual
async def test_receive__malformed_telemetry_is_rejected_by_name(payload: bytes, message: str) -> None:
    listener = await receive("vpp/v1/gw-1/telemetry", payload)

    assert listener.heard == []
    ((topic, reason),) = listener.rejected
    assert topic == "vpp/v1/gw-1/telemetry"
    assert message in reason


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("vpp/v1/gw-1/gossip", "topic 'vpp/v1/gw-1/gossip' has unknown type 'gossip'"),
        ("vpp/v2/gw-1/telemetry", "is not of the form vpp/v1/<gateway_id>/<type>"),
        ("vpp/v1/../telemetry", "gateway id '..' is not 1 to 64 letters"),
    ],
)
@virtual
async def test_receive__unknown_topics_are_rejected(topic: str, message: str) -> None:
    listener = await receive(topic, changed())

    assert message in listener.rejected[0][1]


@virtual
async def test_receive__commands_and_notices_of_a_stranger_are_rejected() -> None:
    command = await receive("vpp/v1/gw-1/command", b'{"gateway_id": "gw-1", "commands": []}')
    notice = await receive("vpp/v1/gw-1/notice", b'{"gateway_id": "gw-1", "epoch": 99, "through_seq": 1000}')

    assert command.rejected == [("vpp/v1/gw-1/command", "only the controller sends this")]
    assert notice.rejected == [("vpp/v1/gw-1/notice", "only the controller sends this")]
    assert command.heard == notice.heard == []


@virtual
async def test_receive__good_messages_reach_the_listener() -> None:
    listener = Listener()
    link = link_on(MemoryBroker())
    at = "2026-07-22T12:00:00+08:00"
    ack = {"command_id": "c1", "resource_id": "line-1", "epoch": 1, "sequence": 2, "state": "applied", "at": at}
    birth = {
        "gateway_id": "gw-1",
        "software": "s",
        "boot": 3,
        "started_at": at,
        "next_telemetry_seq": 8,
        "next_ack_seq": 4,
        "resources": [
            {"id": "line-1", "site_id": "s-factory", "kind": "factory_line", "rated_kw": 200.0, "devices": 2}
        ],
    }
    reply = {
        "gateway_id": "gw-1",
        "at": at,
        "telemetry": {"requested_from": 3, "resent_from": 9, "resent_through": 12},
        "ack": {"requested_from": 1, "resent_from": 1, "resent_through": 2},
    }
    for kind, payload in (
        ("birth", birth),
        ("status", {"gateway_id": "gw-1", "online": False, "boot": 3}),
        ("telemetry", GOOD),
        ("ack", {"gateway_id": "gw-1", "seq": 5, "acks": [ack]}),
        ("reply", reply),
        ("reply", {"gateway_id": "gw-1", "at": at, "telemetry": {"requested_from": 3}}),
    ):
        await link.receive(listener, BusMessage(f"vpp/v1/gw-1/{kind}", json.dumps(payload).encode()))

    assert listener.rejected == []
    assert listener.heard == [
        ("birth", ("gw-1", ["line-1"], GatewayStart(3, EARLY, 8, 4, "s"))),
        ("status", ("gw-1", False)),
        ("telemetry", ("gw-1", 1, [Reading("line-1", EARLY, 90.5, 12)])),
        ("acks", ("gw-1", 5, [AckEntry("c1", "line-1", AckState.APPLIED)])),
        ("not_kept", ("gw-1", 8, None)),
        ("not_kept", ("gw-1", None, None)),
    ]


async def next_from(session: MemorySession) -> tuple[str, dict[str, Any]]:
    async for message in session.messages():
        return message.topic, json.loads(message.payload)
    raise AssertionError("the session ended")


async def pause(seconds: float) -> None:
    clock = VirtualClock()
    await clock.sleep_until(clock.now() + seconds * SECOND)


@virtual
async def test_run__sends_commands_and_notices_to_one_gateway() -> None:
    bus, listener = MemoryBroker(), Listener()
    link = link_on(bus)
    async with asyncio.TaskGroup() as group, bus.connect("gw-1", subscriptions=["vpp/v1/gw-1/+"]) as session:
        running = group.create_task(link.run(listener))
        await pause(1)
        await link.send_commands("gw-1", [sample_command("line-1", 1, [60.0], [100.0])])
        topic, command = await next_from(session)
        assert topic == "vpp/v1/gw-1/command"
        assert command["commands"][0]["setpoints_kw"] == [60.0]
        assert datetime.fromisoformat(command["commands"][0]["expires_at"]) == END
        await link.confirm("gw-1", through_seq=4, resend_from=5)
        assert await next_from(session) == (
            "vpp/v1/gw-1/notice",
            {"gateway_id": "gw-1", "epoch": 7, "through_seq": 4, "resend_from": 5},
        )
        running.cancel()
    assert bus.retained == {}


@virtual
async def test_run__greets_a_birth_with_the_scaled_clock() -> None:
    bus, listener = MemoryBroker(), Listener()
    link = link_on(bus, ClockReading(START, EARLY, 60.0))
    birth = {
        "gateway_id": "gw-1",
        "software": "s",
        "boot": 1,
        "started_at": "2026-07-22T04:00:00Z",
        "next_telemetry_seq": 1,
        "next_ack_seq": 1,
        "resources": [],
    }
    async with asyncio.TaskGroup() as group, bus.connect("gw-1", subscriptions=["vpp/v1/gw-1/notice"]) as session:
        running = group.create_task(link.run(listener))
        await pause(1)
        await session.publish("vpp/v1/gw-1/birth", json.dumps(birth).encode())
        _, notice = await next_from(session)
        running.cancel()

    assert notice["clock"] == {"at": "2026-07-22T06:00:00Z", "wall_at": "2026-07-22T04:00:00Z", "speed": 60.0}


@virtual
async def test_run__comes_back_after_a_lost_link_and_says_so() -> None:
    bus, listener = MemoryBroker(), Listener()
    link = link_on(bus)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(link.run(listener))
        await pause(1)
        bus.cut("controller")
        await pause(20)
        await link.send_commands("gw-1", [sample_command("line-1", 1, [60.0], [100.0])])
        assert listener.links == 1
        bus.restore("controller")
        await pause(60)
        running.cancel()

    assert listener.links == 2


@dataclass
class FullDisk(Listener):
    """Cannot record the first acks."""

    async def on_acks(self, gateway_id: str, seq: int, acks: Sequence[AckEntry]) -> None:
        if self.links == 1:
            raise StoreError("ledger: the disk is full")
        await super().on_acks(gateway_id, seq, acks)


@virtual
async def test_run__what_cannot_be_recorded_begins_the_session_anew() -> None:
    bus, listener, metrics = MemoryBroker(), FullDisk(), MemoryMetrics()
    link = GatewayLink(bus, client_id="controller", clock=VirtualClock(), metrics=metrics, epoch=lambda: 7)
    entry = {"command_id": "c1", "epoch": 7, "sequence": 1, "resource_id": "line-1", "state": "applied"}
    ack = {"gateway_id": "gw-1", "seq": 1, "acks": [entry | {"at": "2026-07-22T12:00:00+08:00"}]}
    async with asyncio.TaskGroup() as group, bus.connect("gw-1", subscriptions=[]) as session:
        running = group.create_task(link.run(listener))
        await pause(1)
        await session.publish("vpp/v1/gw-1/ack", json.dumps(ack).encode())
        await pause(10)
        assert listener.links == 2
        await session.publish("vpp/v1/gw-1/ack", json.dumps(ack).encode())
        await pause(1)
        running.cancel()

    assert [kind for kind, _ in listener.heard] == ["acks"]
    assert metrics.total("messages_not_recorded") == 1


@virtual
async def test_run__garbage_is_counted_and_the_next_message_still_heard() -> None:
    rig = Rig()
    for fact in [*committed_facts(), issued(sample_command("line-1", 1, [60.0] * 4, [100.0] * 4))]:
        await rig.recorder.record(fact)
    bus = MemoryBroker()
    link = link_on(bus)
    async with asyncio.TaskGroup() as group, bus.connect("stranger", subscriptions=[]) as session:
        running = group.create_task(link.run(rig.ingest))
        await pause(1)
        for payload in (b"rubbish", with_power("NaN"), changed(gateway_id="gw-2"), changed()):
            await session.publish("vpp/v1/gw-1/telemetry", payload)
        await pause(1)
        running.cancel()

    assert rig.metrics.total("messages_rejected") == 3
    assert await rig.ingest.flush() == 1
