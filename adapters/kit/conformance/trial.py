"""One gateway on trial: its broker, clock, devices and disk, and a controller's ear beside it."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import structs

from adapters.kit.adapter import OfferRequest, all_able
from adapters.kit.conformance.case import Broker, ConformanceCase
from adapters.kit.conformance.people import ScriptedPerson
from adapters.kit.conformance.probe import Probe
from adapters.kit.conformance.shifting_clock import ShiftingClock
from adapters.kit.conformance.verdicts import ConformanceError
from adapters.kit.driver import DeviceReadings
from adapters.kit.gateway import Gateway, GatewayPorts
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.resource_spec import LoadTerms, ResourceSpec
from adapters.kit.store import GatewayStore
from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import AckState, CommandMode
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid
from vpp.ports import BusSession, Clock
from vpp.wire.codec import decode, encode
from vpp.wire.messages import (
    AckMessage,
    ClockSync,
    CommandMessage,
    Message,
    NoticeMessage,
    TelemetryMessage,
    WireAck,
    WireCommand,
    WireReading,
)
from vpp.wire.topics import MessageType, controller_subscriptions, topic_of

GATEWAY = "gw-trial"
FULL = [AckState.RECEIVED, AckState.ACCEPTED, AckState.APPLIED]
OFFER_INTERVALS = 32
METER_TOLERANCE = 0.02
"""Of rated power: how far a held load's meter may lie above its setpoint."""
MINUTE = timedelta(minutes=1)
M = TypeVar("M")


@dataclass
class CountingMetrics:
    """Implements ``Metrics``: sums by name, labels left out."""

    counts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, name: str, amount: float = 1.0, **labels: str) -> None:
        """Adds to a counter."""
        del labels
        self.counts[name] = self.counts.get(name, 0.0) + amount

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge."""
        del labels
        self.counts[name] = value

    def note(self, message: str, **details: object) -> None:
        """Keeps message and details as text."""
        self.notes.append(f"{message} {details}")


class Trial:
    """All that a check touches; made by ``Trial.open``."""

    def __init__(self, case: ConformanceCase, broker: Broker, clock: Clock, session: BusSession) -> None:
        self.case = case
        self.broker = broker
        self.clock = ShiftingClock(clock)
        self.steady = clock
        self.probe = Probe(case.driver(clock), clock)
        self.specs = case.specs
        self.person = ScriptedPerson()
        self.metrics = CountingMetrics()
        self.announced: list[ClockSync] = []
        self.heard: list[Message] = []
        self.free_kw = 0.0
        self.shifting = False
        self.cleanup = ExitStack()
        self._session = session
        self._path = ":memory:"
        self._store: GatewayStore | None = None

    @classmethod
    @asynccontextmanager
    async def open(cls, case: ConformanceCase, broker: Broker, clock: Clock) -> AsyncIterator["Trial"]:
        """A trial with a listening controller; the gateway has not started."""
        async with broker.connect("controller", subscriptions=controller_subscriptions()) as session:
            trial = cls(case, broker, clock, session)
            with trial.cleanup:
                free = await case.driver(clock).read(case.start)
                trial.free_kw = float(free.power_kw[case.subject.devices].sum())
                async with asyncio.TaskGroup() as group:
                    ear = group.create_task(trial._listen(), name="ear")
                    yield trial
                    ear.cancel()

    async def _listen(self) -> None:
        async for message in self._session.messages():
            # Heard one by one: a comprehension would hold messages back until the session ends.
            self.heard.append(decode(message.topic, message.payload))

    @property
    def t0(self) -> datetime:
        """The start of the case; the trial's clock begins 20 s before it."""
        return self.case.start

    @property
    def spec(self) -> ResourceSpec:
        """The resource on trial, as it is configured now."""
        return self.specs[0]

    @property
    def devices(self) -> list[int]:
        """Its devices' indices."""
        return list(range(self.spec.devices.start, self.spec.devices.stop))

    def configure(self, change: Callable[[ResourceSpec], ResourceSpec]) -> None:
        """Changes the resource on trial, before the gateway starts."""
        self.specs = (change(self.specs[0]), *self.specs[1:])

    def shorten_runs(self) -> None:
        """Lets every line be let go after one interval, so that an event's end is the release."""
        self.specs = tuple(
            replace(spec, terms=replace(spec.terms, min_run=1)) if isinstance(spec.terms, LoadTerms) else spec
            for spec in self.specs
        )

    def ask_a_person(self, within_s: float = 600.0) -> None:
        """Has each command for the resource confirmed on site."""
        self.configure(lambda spec: replace(spec, confirm_within_s=within_s))

    def disk_on_file(self) -> None:
        """From now on the gateway's disk is a file that each start opens anew."""
        folder = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="conformance-"))
        self._path = str(Path(folder) / "gateway.sqlite")

    def lose_disk(self) -> None:
        """The next start finds an empty disk."""
        self.disk_on_file()

    def gateway(self) -> Gateway:
        """A gateway that has just started on the trial's disk and devices."""
        if self._store is not None:
            self._store.close()
        self._store = GatewayStore(self._path)
        self.cleanup.callback(self._store.close)
        devices = max(spec.devices.stop for spec in self.specs)
        return Gateway(
            GatewayConfig(GATEWAY, self.specs, devices),
            GatewayPorts(
                self.broker,
                self.clock if self.shifting else self.steady,
                self.probe,
                self._store,
                {spec.kind: self.case.adapter for spec in self.specs},
                self.metrics,
                confirmations=self.person,
                on_clock=self.announced.append,
            ),
        )

    @asynccontextmanager
    async def running(self, *, power_cut: bool = False) -> AsyncIterator[None]:
        """A running gateway; it ends with a farewell, or without one where the power is cut."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.gateway().run(), name="gateway")
            await self.wait(1)
            yield
            if power_cut:
                self.broker.cut(GATEWAY)
            task.cancel()
        self.broker.restore(GATEWAY)

    async def wait(self, seconds: float) -> None:
        """Lets virtual time pass."""
        await self.steady.sleep_until(self.steady.now() + timedelta(seconds=seconds))

    async def until(self, minutes: float) -> None:
        """Lets virtual time pass to ``minutes`` (and half a second) after ``t0``."""
        await self.steady.sleep_until(self.t0 + timedelta(minutes=minutes, seconds=0.5))

    async def settle(self) -> None:
        """Lets two minutes pass, in which commands are taken, written and acknowledged."""
        await self.wait(120)

    async def full_effect(self) -> None:
        """Lets the devices reach what they were told: their notice, and two minutes to be metered."""
        await self.wait(self.spec.notice_s + 120)

    def command(self, sequence: int = 1, **changes: object) -> WireCommand:
        """At most the case's upper setpoint from ``t0`` for an hour, released at once; ``changes`` are fields of it."""
        command = WireCommand(
            command_id=f"c{sequence}",
            event_id="e1",
            plan_revision=1,
            epoch=1,
            sequence=sequence,
            resource_id=self.spec.id,
            mode=CommandMode.AT_MOST,
            schedule_start=self.t0,
            setpoints_kw=[self.case.setpoints_kw[0]] * 4,
            assumed_forecast_kw=[self.free_kw] * 4,
            valid_from=self.t0,
            expires_at=self.t0 + timedelta(hours=1),
            release_after_s=0.0,
        )
        return structs.replace(command, **changes)

    async def send(self, *commands: WireCommand) -> None:
        """Sends commands in one message, as the controller does."""
        await self.send_raw(MessageType.COMMAND, encode(CommandMessage(GATEWAY, list(commands))))

    async def send_raw(self, message_type: MessageType, payload: bytes, *, retain: bool = False) -> None:
        """Sends any payload to the gateway, and lets a second pass."""
        await self._session.publish(topic_of(GATEWAY, message_type), payload, retain=retain)
        await self.wait(1)

    async def notice(self, **fields: int | ClockSync) -> None:
        """Sends a notice; its epoch is 1 unless given."""
        message = structs.replace(NoticeMessage(GATEWAY, epoch=1), **fields)
        await self.send_raw(MessageType.NOTICE, encode(message))

    def of(self, kind: type[M]) -> list[M]:
        """Messages of one type that the controller heard, in order."""
        return [message for message in self.heard if isinstance(message, kind)]

    def acks(self, command_id: str) -> list[WireAck]:
        """Acks heard of one command, in order, messages sent again included."""
        return [ack for message in self.of(AckMessage) for ack in message.acks if ack.command_id == command_id]

    def states(self, command_id: str = "c1") -> list[AckState]:
        """Ack states heard of one command."""
        return [ack.state for ack in self.acks(command_id)]

    def seqs(self) -> list[int]:
        """Sequence numbers of the telemetry heard, in order."""
        return [message.seq for message in self.of(TelemetryMessage)]

    def reading(self, spec: ResourceSpec | None = None) -> WireReading:
        """The latest reading heard of a resource, that on trial by default."""
        wanted = (spec or self.spec).id
        for message in reversed(self.of(TelemetryMessage)):
            for reading in message.readings:
                if reading.resource_id == wanted:
                    return reading
        raise ConformanceError(f"readings heard of {wanted!r}: saw none, expected at least one")

    def written(self, spec: ResourceSpec | None = None) -> list[float]:
        """Setpoints written to a resource's devices so far, ``nan`` for releases."""
        devices = (spec or self.spec).devices
        return [write.setpoint_kw for write in self.probe.writes if devices.start <= write.device < devices.stop]

    def held_kw(self) -> float:
        """Sum of what the devices on trial were told last; ``nan`` when any of them runs free."""
        latest = dict.fromkeys(self.devices, float("nan"))
        latest |= {write.device: write.setpoint_kw for write in self.probe.writes if write.device in latest}
        return sum(latest.values())

    def free_again(self) -> bool:
        """Whether every device on trial that was held has been let go."""
        latest = {w.device: w.setpoint_kw for w in self.probe.writes if w.device in self.devices}
        return bool(latest) and all(np.isnan(setpoint) for setpoint in latest.values())

    def power_kw(self) -> float:
        """What the resource on trial drew in the last minute that was read, by its devices themselves."""
        truth = self.probe.truth
        return float("nan") if truth is None else float(truth.power_kw[self.spec.devices].sum())

    @property
    def tolerance_kw(self) -> float:
        """How far metered power may lie above a setpoint."""
        return METER_TOLERANCE * self.spec.rated_kw

    async def read(self) -> DeviceReadings:
        """One reading at ``t0``, for checks of pure functions."""
        return await self.probe.read(self.t0)

    def offer(self, readings: DeviceReadings, *, run: tuple[int, int] = (0, 0)) -> CapabilityOffer:
        """The adapter's offer at ``t0`` with a level forecast; ``run`` is running intervals and calls made."""
        forecast = np.full(OFFER_INTERVALS, max(self.free_kw, 0.0))
        grid = TimeGrid(self.t0, OFFER_INTERVALS)
        able = all_able(readings)
        return self.case.adapter.offer(OfferRequest(self.spec, readings, grid, self.t0, forecast, *run, able))

    def split(self, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """The adapter's split for the resource on trial."""
        return self.case.adapter.split(self.spec, setpoint_kw, readings)


def rising(numbers: Sequence[int]) -> bool:
    """Whether each number is one more than the one before."""
    return all(later == earlier + 1 for earlier, later in pairwise(numbers))
