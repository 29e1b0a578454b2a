"""One example per message type, for the AsyncAPI document: real messages, encoded as they would be sent.

They tell one story: a steel works and a charging station behind gateway ``gw-works-07``, asked for less from 14:00 to
15:00 in Tianjin.
"""

import json
from datetime import UTC, datetime, timedelta

from vpp.domain.commands import AckState, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.domain.telemetry import Quality
from vpp.wire.codec import Json, encode
from vpp.wire.messages import (
    AckMessage,
    BirthMessage,
    BlockWire,
    CapabilityMessage,
    CatalogueEntry,
    ChargingWire,
    CommandMessage,
    Message,
    NoticeMessage,
    ReplyMessage,
    StatusMessage,
    TelemetryMessage,
    WireAck,
    WireCommand,
    WireOffer,
    WireReading,
    WireStream,
)
from vpp.wire.topics import MessageType

GATEWAY = "gw-works-07"
LINE, STATION = "works-07-line-1", "station-12"
_EVENT = "ev-2026-07-20-1"
_COMMAND = f"{_EVENT}-r1-{LINE}"
_START = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
_END = _START + timedelta(hours=1)
_RATED_KW = 1800.0


def example_messages() -> dict[MessageType, tuple[tuple[str, Message], ...]]:
    """Named examples per message type; each name is unique within its type."""
    return {
        MessageType.BIRTH: (("started", _birth()),),
        MessageType.STATUS: (
            ("online", StatusMessage(GATEWAY, online=True, boot=4, at=_START - timedelta(hours=3))),
            ("lastWill", StatusMessage(GATEWAY, online=False, boot=4)),
        ),
        MessageType.TELEMETRY: (("oneMinute", _telemetry()),),
        MessageType.CAPABILITY: (("hourAhead", _capability()),),
        MessageType.ACK: (("awaitingPerson", _ack_awaiting()), ("applied", _ack_applied())),
        MessageType.REPLY: (("partOfTheGap", _reply()),),
        MessageType.COMMAND: (("curtailOneHour", _command()),),
        MessageType.NOTICE: (
            ("committed", NoticeMessage(GATEWAY, epoch=12, through_seq=18_244, ack_through_seq=61)),
            ("gapRequest", NoticeMessage(GATEWAY, epoch=12, resend_from=18_200)),
        ),
    }


def as_json(message: Message) -> Json:
    """The payload as it leaves, read back as plain JSON."""
    content: Json = json.loads(encode(message))
    return content


def _birth() -> BirthMessage:
    return BirthMessage(
        gateway_id=GATEWAY,
        software="beichen-vpp 0.1.0",
        boot=4,
        started_at=_START - timedelta(hours=3),
        next_telemetry_seq=18_065,
        next_ack_seq=61,
        resources=[
            CatalogueEntry(LINE, "works-07", ResourceKind.FACTORY_LINE, rated_kw=_RATED_KW, devices=2),
            CatalogueEntry(STATION, "works-07-yard", ResourceKind.PUBLIC_CHARGING, rated_kw=480.0, devices=8),
        ],
    )


def _telemetry() -> TelemetryMessage:
    return TelemetryMessage(
        gateway_id=GATEWAY,
        seq=18_245,
        at=_START + timedelta(minutes=1),
        readings=[WireReading(LINE, 912.4, 48_210_733_120, Quality.GOOD)],
        unread=[STATION],
    )


def _capability() -> CapabilityMessage:
    block = BlockWire(
        available_kw=[900.0, 900.0, 880.0, 880.0],
        minimum_kw=[450.0] * 4,
        cost_cny_per_kwh=1.1,
        start_cost_cny=300.0,
        min_run=2,
        max_run=8,
        max_calls=1,
    )
    charging = ChargingWire(
        power_min_kw=[0.0] * 4,
        power_max_kw=[240.0, 240.0, 180.0, 180.0],
        energy_floor_kwh=[0.0, 15.0, 40.0, 75.0],
        energy_ceiling_kwh=[60.0, 120.0, 165.0, 210.0],
        cost_cny_per_kwh=0.6,
    )
    return CapabilityMessage(
        gateway_id=GATEWAY,
        issued_at=_START - timedelta(minutes=31),
        grid_start=_START,
        offers=[
            WireOffer(LINE, [1760.0, 1760.0, 1740.0, 1740.0], block, notice_s=1200.0),
            WireOffer(STATION, [210.0, 205.0, 160.0, 150.0], charging, notice_s=60.0),
        ],
    )


def _command() -> CommandMessage:
    line = WireCommand(
        command_id=_COMMAND,
        event_id=_EVENT,
        plan_revision=1,
        epoch=12,
        sequence=3,
        resource_id=LINE,
        mode=CommandMode.AT_MOST,
        schedule_start=_START,
        setpoints_kw=[860.0] * 4,
        assumed_forecast_kw=[1760.0, 1760.0, 1740.0, 1740.0],
        valid_from=_START,
        expires_at=_END,
        release_after_s=240.0,
    )
    return CommandMessage(gateway_id=GATEWAY, commands=[line])


def _ack_awaiting() -> AckMessage:
    asked_at = _START - timedelta(minutes=30)
    stages = [
        WireAck(_COMMAND, LINE, 12, 3, AckState.RECEIVED, asked_at),
        WireAck(_COMMAND, LINE, 12, 3, AckState.ACCEPTED, asked_at),
        WireAck(_COMMAND, LINE, 12, 3, AckState.AWAITING_PERSON, asked_at, deadline=asked_at + timedelta(seconds=1200)),
    ]
    return AckMessage(gateway_id=GATEWAY, seq=62, acks=stages)


def _ack_applied() -> AckMessage:
    reason = "1 of 2 devices out of reach"
    applied = WireAck(_COMMAND, LINE, 12, 3, AckState.APPLIED, _START + timedelta(seconds=4), reason=reason)
    return AckMessage(gateway_id=GATEWAY, seq=63, acks=[applied])


def _reply() -> ReplyMessage:
    stream = WireStream(requested_from=18_200, resent_from=18_231, resent_through=18_245)
    return ReplyMessage(gateway_id=GATEWAY, at=_START + timedelta(minutes=2), telemetry=stream)
