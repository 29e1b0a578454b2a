"""The controller's side of the wire contract: one broker session, messages in, commands and notices out."""

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import timedelta

from vpp.domain.commands import Command
from vpp.domain.errors import BusError, MessageError, StoreError
from vpp.domain.facts import AckEntry
from vpp.infra.mqtt.cancelling import pass_on_cancellation
from vpp.infra.mqtt.notices import NoticeBox, PendingNotice
from vpp.ports import Bus, BusMessage, BusSession, Clock, ClockReading, GatewayListener, GatewayStart, Metrics
from vpp.wire.codec import decode, encode
from vpp.wire.convert import command_to_wire, offers_from_wire, readings_from_wire, utc
from vpp.wire.messages import (
    AckMessage,
    BirthMessage,
    CapabilityMessage,
    ClockSync,
    CommandMessage,
    NoticeMessage,
    ReplyMessage,
    StatusMessage,
    TelemetryMessage,
)
from vpp.wire.topics import MessageType, controller_subscriptions, topic_of

BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 30.0


class GatewayLink:
    """Implements ``vpp.ports.Gateways``; hands what comes in to a ``GatewayListener``."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        bus: Bus,
        *,
        client_id: str,
        clock: Clock,
        metrics: Metrics,
        epoch: Callable[[], int],
        seed: int = 0,
        clock_sync: Callable[[], ClockReading | None] = lambda: None,
    ) -> None:
        self._bus = bus
        self._client_id = client_id
        self._clock = clock
        self._metrics = metrics
        self._epoch = epoch
        self._clock_sync = clock_sync
        self._session: BusSession | None = None
        self._notices = NoticeBox(self._send_notice)
        self._jitter = random.Random(seed)  # noqa: S311 - spreads reconnects, guards nothing

    @property
    def connected(self) -> bool:
        """Whether there is a link to the broker right now."""
        return self._session is not None

    async def run(self, listener: GatewayListener) -> None:
        """Keeps a session open and sends notices until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._notices.run(), name="controller/notices")
            group.create_task(self._stay_connected(listener), name="controller/session")

    async def _stay_connected(self, listener: GatewayListener) -> None:
        """One session after the other, with exponential back-off and jitter between tries."""
        wait_s = BACKOFF_FIRST_S
        while True:
            pass_on_cancellation()
            try:
                async with self._bus.connect(self._client_id, subscriptions=controller_subscriptions()) as session:
                    self._session = session
                    wait_s = BACKOFF_FIRST_S
                    self._metrics.gauge("broker_connected", 1)
                    await listener.on_link()
                    async for message in session.messages():
                        await self.receive(listener, message)
            except BusError as error:
                self._metrics.note("broker link lost", reason=str(error))
            except StoreError as error:
                # What could not be recorded is not confirmed; the next session asks the gateways for it again.
                self._metrics.count("messages_not_recorded")
                self._metrics.note("message not recorded, the session begins anew", reason=str(error))
            finally:
                self._session = None
                self._metrics.gauge("broker_connected", 0)
            # A bus that swallowed it while saying farewell: the wait would put off the end.
            pass_on_cancellation()
            jittered = wait_s * (0.5 + self._jitter.random())
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=jittered))
            wait_s = min(2.0 * wait_s, BACKOFF_MOST_S)

    async def receive(self, listener: GatewayListener, message: BusMessage) -> None:
        """Decodes one message and hands it on; what cannot be read is counted and logged, never fatal."""
        try:
            decoded = decode(message.topic, message.payload)
            match decoded:
                case TelemetryMessage():
                    await listener.on_telemetry(decoded.gateway_id, decoded.seq, readings_from_wire(decoded))
                case AckMessage():
                    await listener.on_acks(decoded.gateway_id, decoded.seq, _acks(decoded))
                case CapabilityMessage():
                    await listener.on_offers(decoded.gateway_id, offers_from_wire(decoded))
                case BirthMessage():
                    ids = [entry.id for entry in decoded.resources]
                    await self._greet(decoded.gateway_id)
                    await listener.on_birth(decoded.gateway_id, ids, _start(decoded))
                case StatusMessage():
                    await listener.on_status(decoded.gateway_id, online=decoded.online)
                case ReplyMessage():
                    await listener.on_not_kept(
                        decoded.gateway_id,
                        telemetry_through=_not_kept_through(decoded, MessageType.TELEMETRY),
                        ack_through=_not_kept_through(decoded, MessageType.ACK),
                    )
                case CommandMessage() | NoticeMessage():
                    await listener.on_rejected(message.topic, "only the controller sends this")
        except MessageError as error:
            await listener.on_rejected(message.topic, str(error))

    async def send_commands(self, gateway_id: str, commands: Sequence[Command]) -> None:
        """Publishes commands in one message; never retained. Returns when the broker has them or the link is lost."""
        wire = CommandMessage(gateway_id=gateway_id, commands=[command_to_wire(command) for command in commands])
        await self._publish(topic_of(gateway_id, MessageType.COMMAND), encode(wire))

    async def confirm(
        self,
        gateway_id: str,
        *,
        through_seq: int | None = None,
        ack_through_seq: int | None = None,
        resend_from: int | None = None,
        ack_resend_from: int | None = None,
    ) -> None:
        """Leaves word; notices go out on their own, so that receiving never waits for a confirmation."""
        self._notices.put(gateway_id, PendingNotice(through_seq, ack_through_seq, resend_from, ack_resend_from))

    async def _send_notice(self, gateway_id: str, pending: PendingNotice) -> None:
        notice = NoticeMessage(
            gateway_id=gateway_id,
            epoch=self._epoch(),
            through_seq=pending.through_seq,
            ack_through_seq=pending.ack_through_seq,
            resend_from=pending.resend_from,
            ack_resend_from=pending.ack_resend_from,
        )
        await self._publish(topic_of(gateway_id, MessageType.NOTICE), encode(notice))

    async def _greet(self, gateway_id: str) -> None:
        reading = self._clock_sync()
        if reading is not None:
            sync = ClockSync(reading.at, reading.wall_at, reading.speed)
            notice = NoticeMessage(gateway_id=gateway_id, epoch=self._epoch(), clock=sync)
            await self._publish(topic_of(gateway_id, MessageType.NOTICE), encode(notice))

    async def _publish(self, topic: str, payload: bytes) -> None:
        """Publishes if there is a link; without one the message is said again when it is back."""
        if self._session is None:
            self._metrics.count("publishes_without_link")
            return
        try:
            await self._session.publish(topic, payload)
        except BusError as error:
            self._metrics.count("publishes_failed")
            self._metrics.note("publish failed", topic=topic, reason=str(error))


def _start(birth: BirthMessage) -> GatewayStart:
    started_at = utc(birth.started_at, "started_at")
    return GatewayStart(birth.boot, started_at, birth.next_telemetry_seq, birth.next_ack_seq, birth.software)


def _acks(message: AckMessage) -> list[AckEntry]:
    return [AckEntry(ack.command_id, ack.resource_id, ack.state, ack.reason) for ack in message.acks]


def _not_kept_through(reply: ReplyMessage, stream_type: MessageType) -> int | None:
    """Last sequence number of the gap that the gateway cannot fill, if it said so."""
    stream = reply.telemetry if stream_type is MessageType.TELEMETRY else reply.ack
    if stream is None or stream.resent_from is None:
        return None
    return stream.resent_from - 1 if stream.resent_from > stream.requested_from else None
