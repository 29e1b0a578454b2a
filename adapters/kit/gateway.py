"""The running gateway: reads its devices each minute, tells the controller, and follows what it is told.

Two tasks: ``minutes`` reads, keeps, publishes and follows; ``link`` stays connected and receives. The schedule goes on
without a link; what could not be sent waits on disk.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import assert_never

import numpy as np

from adapters.kit.adapter import Adapter, OfferRequest, all_able
from adapters.kit.aggregation import Aggregator, ResourceMinute
from adapters.kit.checked_driver import CheckedDriver
from adapters.kit.command_gate import Accept, Duplicate, Expired, Older, Refuse
from adapters.kit.confirmations import Confirmations, NobodyAnswers
from adapters.kit.driver import ApplyResult, DeviceDriver, DeviceReadings, DriverError
from adapters.kit.follower import DeviceWork, Follower
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.link import Link
from adapters.kit.outbox import Outbox
from adapters.kit.own_forecast import OwnForecast
from adapters.kit.store import GatewayStore, Stream
from vpp.domain.errors import BusError, MessageError
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import TimeGrid, floor_interval
from vpp.ports import Bus, BusMessage, Clock, LastWill, Metrics
from vpp.wire.codec import decode, encode
from vpp.wire.convert import command_from_wire, offers_to_wire
from vpp.wire.messages import (
    AckMessage,
    BirthMessage,
    CapabilityMessage,
    CatalogueEntry,
    ClockSync,
    CommandMessage,
    NoticeMessage,
    ReplyMessage,
    StatusMessage,
    TelemetryMessage,
    WireAck,
)
from vpp.wire.topics import MessageType, topic_of

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """What a gateway stands on.

    Attributes:
        store: Its disk, used by nobody else.
        adapters: One per kind of its resources.
        confirmations: Where people are asked.
        on_clock: Told when the controller announces scaled time.
    """

    bus: Bus
    clock: Clock
    driver: DeviceDriver
    store: GatewayStore
    adapters: Mapping[ResourceKind, Adapter]
    metrics: Metrics
    confirmations: Confirmations = field(default_factory=NobodyAnswers)
    on_clock: Callable[[ClockSync], None] | None = None


class Gateway:
    """One gateway over a bus, a driver and a disk."""

    def __init__(self, config: GatewayConfig, ports: GatewayPorts) -> None:
        """A gateway that has not started; ``run`` starts it.

        Raises:
            StoreError: its disk cannot be read or written.
        """
        self._config = config
        self._clock = ports.clock
        self._driver = CheckedDriver(ports.driver, config)
        self._store = ports.store
        self._adapters = ports.adapters
        self._metrics = ports.metrics
        self._on_clock = ports.on_clock
        self._link = Link(config, ports.bus, ports.clock, ports.metrics)
        self._outbox = Outbox(ports.store, config.gateway_id)
        self._aggregator = Aggregator(config.specs, config.device_count)
        self._forecast = OwnForecast(config.specs)
        self._follower = Follower(
            config,
            adapters=ports.adapters,
            confirmations=ports.confirmations,
            store=ports.store,
            keep_acks=self._keep_acks,
        )
        self._boot = ports.store.begin_boot()
        self._started_at = ports.clock.now()
        self._readings: DeviceReadings | None = None
        self._able: bytes = b""
        self._offer_due = True
        self._epoch_heard = 0
        self._following = asyncio.Lock()

    async def run(self) -> None:
        """Runs until cancelled.

        Raises:
            StoreError: the gateway's disk failed; whoever runs it starts it again.
        """
        offline = encode(StatusMessage(self._config.gateway_id, online=False, boot=self._boot))
        will = LastWill(self._topic(MessageType.STATUS), offline)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._minutes(), name=f"{self._config.gateway_id}/minutes")
            group.create_task(
                self._link.run(will=will, on_up=self._on_up, on_message=self._on_message, farewell=offline),
                name=f"{self._config.gateway_id}/link",
            )

    async def _minutes(self) -> None:
        offset = timedelta(seconds=self._config.read_offset_s)
        at = _floor_minute(self._clock.now())
        while True:
            # What the meters have forgotten is not invented afterwards: its energy is in the next register.
            at = max(at + MINUTE, _floor_minute(self._clock.now() - offset) - self._config.meter_memory_min * MINUTE)
            await self._clock.sleep_until(at + offset)
            await self.on_minute(at)

    async def on_minute(self, at: datetime) -> None:
        """All that is due at the end of a minute: read, keep, publish, follow, offer."""
        self._readings = await self._read(at)
        minute = self._aggregator.add(self._readings)
        self._keep_telemetry(at, minute)
        self._observe(at, minute)
        await self._flush()
        await self._follow()
        self._note_changes()
        if self._offer_due or at.minute % self._config.capability_every_min == 0:
            await self._offer(at)

    async def _read(self, at: datetime) -> DeviceReadings | None:
        try:
            async with asyncio.timeout(self._config.outside_timeout_s):
                return await self._driver.read(at)
        except (DriverError, TimeoutError) as error:
            self._count("vpp_gateway_driver_errors")
            self._metrics.note("devices not read", gateway=self._config.gateway_id, error=str(error))
            return None

    def _keep_telemetry(self, at: datetime, minute: ResourceMinute) -> None:
        readings, unread = self._aggregator.wire_readings(minute)
        seq = self._store.next_seq(Stream.TELEMETRY)
        message = TelemetryMessage(self._config.gateway_id, seq, at, readings, unread)
        self._store.append(Stream.TELEMETRY, encode(message))

    def _observe(self, at: datetime, minute: ResourceMinute) -> None:
        self._forecast.observe(at, minute.power_kw, minute.good & self._follower.free_mask(at))

    def _keep_acks(self, acks: list[WireAck]) -> None:
        seq = self._store.next_seq(Stream.ACK)
        self._store.append(Stream.ACK, encode(AckMessage(self._config.gateway_id, seq, acks)))
        self._offer_due = True

    async def _flush(self) -> None:
        if not self._link.up:
            return
        try:
            await self._outbox.flush(self._link.publish)
        except BusError as error:
            self._metrics.note("messages wait", gateway=self._config.gateway_id, error=str(error))

    async def _follow(self) -> None:
        """Brings the devices to what the commands ask for now; retried each minute when they cannot be reached."""
        async with self._following:
            readings = self._readings
            if readings is None:
                return
            now = self._clock.now()
            work = self._follower.plan(now, readings)
            if work is not None:
                await self._flush()
                await self._write(work, now, readings)
        await self._flush()

    async def _write(self, work: DeviceWork, now: datetime, readings: DeviceReadings) -> None:
        result = ApplyResult(np.zeros(0, dtype=bool))
        try:
            async with asyncio.timeout(self._config.outside_timeout_s):
                if work.releases.any():
                    released = await self._driver.release(np.flatnonzero(work.releases))
                    self._follower.on_released(work, released)
                if work.writes.any():
                    result = await self._driver.apply(np.flatnonzero(work.writes), work.targets_kw[work.writes])
        except (DriverError, TimeoutError) as error:
            self._count("vpp_gateway_driver_errors")
            self._metrics.note("devices not written", gateway=self._config.gateway_id, error=str(error))
            return
        self._follower.on_written(work, result, now, readings)

    def _note_changes(self) -> None:
        if self._readings is None:
            return
        able = self._readings.online.tobytes()
        if self._readings.override is not None:
            able += self._readings.override.tobytes()
        self._offer_due |= able != self._able
        self._able = able

    async def _offer(self, now: datetime) -> None:
        readings = self._readings
        if readings is None or not self._link.up:
            return
        grid = TimeGrid(floor_interval(now), self._config.horizon_intervals)
        forecast_kw = self._forecast.over(grid)
        able = all_able(readings)
        offers = []
        for spec, expected_kw in zip(self._config.specs, forecast_kw, strict=True):
            running, calls = self._follower.run_of(spec.id, now)
            request = OfferRequest(spec, readings, grid, now, expected_kw, running, calls, able)
            offers.append(self._adapters[spec.kind].offer(request))
        message = CapabilityMessage(self._config.gateway_id, now, grid.start, offers_to_wire(offers))
        try:
            await self._link.publish(self._topic(MessageType.CAPABILITY), encode(message))
        except BusError as error:
            self._metrics.note("offer not sent", gateway=self._config.gateway_id, error=str(error))
        else:
            self._offer_due = False

    async def _on_up(self) -> None:
        birth = BirthMessage(
            gateway_id=self._config.gateway_id,
            software=self._config.software,
            boot=self._boot,
            started_at=self._started_at,
            next_telemetry_seq=self._store.next_seq(Stream.TELEMETRY),
            next_ack_seq=self._store.next_seq(Stream.ACK),
            resources=[
                CatalogueEntry(spec.id, spec.site_id, spec.kind, spec.rated_kw, spec.device_count)
                for spec in self._config.specs
            ],
        )
        online = StatusMessage(self._config.gateway_id, online=True, boot=self._boot, at=self._clock.now())
        await self._link.publish(self._topic(MessageType.BIRTH), encode(birth), retain=True)
        await self._link.publish(self._topic(MessageType.STATUS), encode(online), retain=True)
        self._outbox.rewind_all()
        await self._outbox.flush(self._link.publish)
        self._offer_due = True

    async def _on_message(self, message: BusMessage) -> None:
        try:
            content = decode(message.topic, message.payload)
            match content:
                case CommandMessage():
                    await self._on_commands(content, retained=message.retained)
                case NoticeMessage():
                    await self._on_notice(content)
                case _:
                    self._reject(message.topic, f"topic {message.topic!r} is not one that a gateway listens to")
        except MessageError as error:
            self._reject(message.topic, str(error))

    def _reject(self, topic: str, error: str) -> None:
        self._count("vpp_gateway_messages_rejected")
        self._metrics.note("message rejected", gateway=self._config.gateway_id, topic=topic, error=error)

    async def _on_commands(self, message: CommandMessage, *, retained: bool) -> None:
        if retained:
            raise MessageError(f"a retained command for gateway {message.gateway_id!r} is out of its time: ignored")
        commands = [command_from_wire(wire) for wire in message.commands]
        if self._readings is None:
            self._readings = await self._read(_floor_minute(self._clock.now()))
        now = self._clock.now()
        accepted = False
        async with self._following:
            with self._store.transaction():
                acks: list[WireAck] = []
                for command in commands:
                    decision, told = self._follower.take(command, now, self._readings)
                    acks += told
                    match decision:
                        case Accept():
                            accepted = True
                        case Duplicate() | Older() | Expired() | Refuse():
                            self._count("vpp_gateway_commands_not_followed", why=type(decision).__name__.lower())
                        case _:
                            assert_never(decision)
                if acks:
                    self._keep_acks(acks)
        await self._flush()
        if accepted:
            await self._follow()

    async def _on_notice(self, notice: NoticeMessage) -> None:
        if notice.through_seq is not None:
            self._outbox.confirm(Stream.TELEMETRY, notice.through_seq)
        if notice.ack_through_seq is not None:
            self._outbox.confirm(Stream.ACK, notice.ack_through_seq)
        if notice.clock is not None and self._on_clock is not None:
            self._on_clock(notice.clock)
        if notice.epoch > self._epoch_heard:
            # A controller that has just started knows nothing of earlier offers.
            self._epoch_heard = notice.epoch
            await self._offer(self._clock.now())
        if notice.resend_from is None and notice.ack_resend_from is None:
            return
        reply = ReplyMessage(
            gateway_id=self._config.gateway_id,
            at=self._clock.now(),
            telemetry=None if notice.resend_from is None else self._outbox.resend(Stream.TELEMETRY, notice.resend_from),
            ack=None if notice.ack_resend_from is None else self._outbox.resend(Stream.ACK, notice.ack_resend_from),
        )
        await self._link.publish(self._topic(MessageType.REPLY), encode(reply))
        await self._flush()

    def _count(self, name: str, **labels: str) -> None:
        self._metrics.count(name, 1.0, gateway=self._config.gateway_id, **labels)

    def _topic(self, message_type: MessageType) -> str:
        return topic_of(self._config.gateway_id, message_type)


def _floor_minute(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(second=0, microsecond=0)
