"""A gateway in virtual time over the in-memory broker, and a controller's ear beside it: for gateway tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import numpy as np

from adapters.kit.confirmations import Confirmations, NobodyAnswers
from adapters.kit.driver import LineReadings
from adapters.kit.gateway import Gateway, GatewayPorts
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.memory_driver import MemoryDriver
from adapters.kit.resource_spec import LoadTerms, ResourceSpec
from adapters.kit.store import GatewayStore
from adapters.registry import standard_adapters
from vpp.domain.commands import AckState, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.infra.memory.bus import MemoryBroker, MemorySession
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.wire.codec import decode, encode
from vpp.wire.messages import AckMessage, ClockSync, CommandMessage, Message, NoticeMessage, WireAck, WireCommand
from vpp.wire.topics import MessageType, controller_subscriptions, topic_of

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
"""14:00 in Tianjin."""
GATEWAY = "gw-1"
M = TypeVar("M")


def process(name: str = "r1", first_device: int = 0, **changes: Any) -> ResourceSpec:
    """A factory process of two devices, 100 kW each."""
    settings: dict[str, Any] = {
        "id": name,
        "site_id": "s1",
        "kind": ResourceKind.FACTORY_PROCESS,
        "rated_kw": 200.0,
        "first_device": first_device,
        "device_count": 2,
        "terms": LoadTerms(),
    }
    return ResourceSpec(**{**settings, **changes})


def lines(count: int, *, rated_kw: float = 100.0, min_kw: float = 10.0) -> LineReadings:
    """Loads that all run."""
    return LineReadings(np.ones(count, dtype=bool), np.full(count, rated_kw), np.full(count, min_kw))


def command(sequence: int = 1, **changes: Any) -> WireCommand:
    """Hold 120 kW from now for an hour, release at once."""
    settings: dict[str, Any] = {
        "command_id": f"c{sequence}",
        "event_id": "e1",
        "plan_revision": 1,
        "epoch": 1,
        "sequence": sequence,
        "resource_id": "r1",
        "mode": CommandMode.AT_MOST,
        "schedule_start": T0,
        "setpoints_kw": [120.0] * 4,
        "assumed_forecast_kw": [160.0] * 4,
        "valid_from": T0,
        "expires_at": T0 + timedelta(hours=1),
        "release_after_s": 0.0,
    }
    return WireCommand(**{**settings, **changes})


@dataclass
class CountingMetrics:
    """Implements ``Metrics``."""

    counts: dict[str, float] = field(default_factory=dict)
    notes: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        self.counts[name] = self.counts.get(name, 0.0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        self.counts[name] = value

    def note(self, message: str, **details: object) -> None:
        self.notes.append((message, details))


@dataclass
class Rig:
    """All that a test touches."""

    broker: MemoryBroker
    clock: VirtualClock
    driver: MemoryDriver
    store: GatewayStore
    config: GatewayConfig
    metrics: CountingMetrics
    controller: MemorySession
    heard: list[Message]
    confirmations: Confirmations

    def gateway(self, on_clock: Callable[[ClockSync], None] | None = None) -> Gateway:
        """A gateway that has just started on the rig's disk and devices."""
        return Gateway(
            self.config,
            GatewayPorts(
                self.broker,
                self.clock,
                self.driver,
                self.store,
                standard_adapters(),
                self.metrics,
                confirmations=self.confirmations,
                on_clock=on_clock,
            ),
        )

    async def until(self, minutes: float) -> None:
        """Lets virtual time pass to ``minutes`` (and half a second) after ``T0``."""
        await self.clock.sleep_until(T0 + timedelta(minutes=minutes, seconds=0.5))

    async def send(self, *commands: WireCommand, notice: NoticeMessage | None = None) -> None:
        """Sends commands, or a notice."""
        if notice is not None:
            await self.controller.publish(topic_of(GATEWAY, MessageType.NOTICE), encode(notice))
        else:
            message = CommandMessage(GATEWAY, list(commands))
            await self.controller.publish(topic_of(GATEWAY, MessageType.COMMAND), encode(message))

    def of(self, kind: type[M]) -> list[M]:
        """Messages of one type that the controller heard, in order."""
        return [message for message in self.heard if isinstance(message, kind)]

    def acks(self) -> list[WireAck]:
        """All acks heard, in order."""
        return [ack for message in self.of(AckMessage) for ack in message.acks]

    def states(self, command_id: str) -> list[AckState]:
        """Ack states heard of one command."""
        return [ack.state for ack in self.acks() if ack.command_id == command_id]

    @asynccontextmanager
    async def running(self, on_clock: Callable[[ClockSync], None] | None = None) -> AsyncIterator[asyncio.Task[None]]:
        """A running gateway with a link; cancelled at the end."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.gateway(on_clock).run(), name="gateway")
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=1))
            yield task
            task.cancel()


def in_virtual_time(
    scenario: Callable[[Rig], Coroutine[Any, Any, None]],
    *,
    specs: Sequence[ResourceSpec] = (process(),),
    driver: MemoryDriver | None = None,
    path: str = ":memory:",
    confirmations: Confirmations | None = None,
) -> None:
    """Runs ``scenario`` from 20 s before ``T0``."""
    devices = max(spec.devices.stop for spec in specs)

    async def main() -> None:
        broker, clock = MemoryBroker(), VirtualClock()
        heard: list[Message] = []

        async def listen(session: MemorySession) -> None:
            async for message in session.messages():
                # Heard one by one: a comprehension would hold messages back until the session ends.
                heard.append(decode(message.topic, message.payload))  # noqa: PERF401

        async with broker.connect("controller", subscriptions=controller_subscriptions()) as session:
            rig = Rig(
                broker,
                clock,
                driver or MemoryDriver(np.full(devices, 80.0), lines=lines(devices)),
                GatewayStore(path),
                GatewayConfig(GATEWAY, tuple(specs), devices),
                CountingMetrics(),
                session,
                heard,
                confirmations or NobodyAnswers(),
            )
            async with asyncio.TaskGroup() as group:
                ear = group.create_task(listen(session), name="ear")
                await scenario(rig)
                ear.cancel()

    run_virtual(main(), T0 - timedelta(seconds=20))
