"""Messages of the MQTT contract, version 1, as they stand in the payload.

Units and signs are the project's: kW and kWh, power into the resource positive, instants with a UTC offset. Unknown
fields are ignored, so that a newer sender stays readable; known fields are read strictly. ``vpp.wire.convert`` turns
messages into domain types.
"""

from datetime import datetime
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from vpp.domain.commands import AckState, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.domain.telemetry import Quality
from vpp.domain.timegrid import INTERVAL

MAX_RELEASE_AFTER_S = 86_400.0
INTERVAL_MINUTES = int(INTERVAL.total_seconds() // 60)

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=128)]
Text: TypeAlias = Annotated[str, Meta(max_length=500)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**53)]
Seq: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
RegisterWh: TypeAlias = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Positive: TypeAlias = Annotated[float, Meta(gt=0)]
NonNegative: TypeAlias = Annotated[float, Meta(ge=0)]
Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
Series: TypeAlias = Annotated[list[float], Meta(min_length=1, max_length=672)]
"""Values per 15-minute interval, at most a week."""


class CatalogueEntry(Struct, frozen=True):
    """One resource that the gateway speaks for."""

    id: Id
    site_id: Id
    kind: ResourceKind
    rated_kw: Positive
    devices: Count


class BirthMessage(Struct, frozen=True):
    """Retained: who the gateway is.

    Attributes:
        boot: Count of this gateway's starts, kept on its disk.
        next_telemetry_seq: Where its telemetry goes on; lower than seen before means that its disk was lost.
        next_ack_seq: The same for acks.
    """

    gateway_id: Id
    software: Text
    boot: Count
    started_at: Instant
    next_telemetry_seq: Count
    next_ack_seq: Count
    resources: list[CatalogueEntry]


class StatusMessage(Struct, frozen=True, omit_defaults=True):
    """Retained, and the last will: whether the gateway is there.

    Attributes:
        at: ``null`` in a last will, which is written before its time.
    """

    gateway_id: Id
    online: bool
    boot: Count
    at: Instant | None = None


class WireReading(Struct, frozen=True):
    """One resource's minute: mean power and the register at its end."""

    resource_id: Id
    power_kw: float
    register_wh: RegisterWh
    quality: Quality


class TelemetryMessage(Struct, frozen=True, omit_defaults=True):
    """One minute of all resources of a gateway.

    Attributes:
        seq: Rises by one per message, kept on disk; re-sent messages keep theirs.
        at: End of the minute.
        unread: Resources of which nothing has been read since the gateway was installed.
    """

    gateway_id: Id
    seq: Seq
    at: Instant
    readings: list[WireReading]
    unread: list[Id] = []


class CurtailableWire(Struct, frozen=True, tag_field="type", tag="curtailable"):
    """``vpp.domain.flexibility.Curtailable``."""

    segment_1_kw: Series
    segment_2_kw: Series
    cost_1_cny_per_kwh: float
    cost_2_cny_per_kwh: float
    energy_max_kwh: NonNegative


class BlockWire(Struct, frozen=True, tag_field="type", tag="block"):
    """``vpp.domain.flexibility.Block``."""

    available_kw: Series
    minimum_kw: Series
    cost_cny_per_kwh: float
    start_cost_cny: float
    min_run: Count
    max_run: Count
    max_calls: Count
    running_intervals: Count = 0


class ChargingWire(Struct, frozen=True, tag_field="type", tag="charging"):
    """``vpp.domain.flexibility.Charging``."""

    power_min_kw: Series
    power_max_kw: Series
    energy_floor_kwh: Series
    energy_ceiling_kwh: Series
    cost_cny_per_kwh: float


class CoolingWire(Struct, frozen=True, tag_field="type", tag="cooling"):
    """``vpp.domain.flexibility.Cooling``."""

    available_kw: Series
    payback_max_kw: NonNegative
    retention: float
    gain_k_per_kw: float
    band_k: NonNegative
    theta_0_k: float
    cost_cny_per_kwh: float
    discomfort_cny_per_kh: float


class StorageWire(Struct, frozen=True, tag_field="type", tag="storage"):
    """``vpp.domain.flexibility.Storage``."""

    power_max_kw: NonNegative
    capacity_kwh: NonNegative
    soc_kwh: NonNegative
    soc_min_kwh: NonNegative
    soc_end_kwh: NonNegative
    efficiency: Positive
    cost_cny_per_kwh: float
    export_allowed: bool


FlexibilityWire: TypeAlias = CurtailableWire | BlockWire | ChargingWire | CoolingWire | StorageWire
_SERIES_FIELDS: dict[type[Struct], tuple[str, ...]] = {
    CurtailableWire: ("segment_1_kw", "segment_2_kw"),
    BlockWire: ("available_kw", "minimum_kw"),
    ChargingWire: ("power_min_kw", "power_max_kw", "energy_floor_kwh", "energy_ceiling_kwh"),
    CoolingWire: ("available_kw",),
    StorageWire: (),
}


class WireOffer(Struct, frozen=True, omit_defaults=True):
    """What one resource offers; every series has the length of ``forecast_kw``."""

    resource_id: Id
    forecast_kw: Series
    flexibility: FlexibilityWire
    notice_s: NonNegative
    available: bool = True
    reason: Text = ""

    def __post_init__(self) -> None:
        for name in _SERIES_FIELDS[type(self.flexibility)]:
            length = len(getattr(self.flexibility, name))
            if length != len(self.forecast_kw):
                raise ValueError(
                    f"offer of {self.resource_id!r}: {name} has {length} values, forecast_kw {len(self.forecast_kw)}"
                )


class CapabilityMessage(Struct, frozen=True):
    """Offers of a gateway's resources from ``grid_start`` on; the latest offer of a resource counts."""

    gateway_id: Id
    issued_at: Instant
    grid_start: Instant
    offers: list[WireOffer]


class WireCommand(Struct, frozen=True):
    """``vpp.domain.commands.Command``."""

    command_id: Id
    event_id: Id
    plan_revision: Count
    epoch: Count
    sequence: Count
    resource_id: Id
    mode: CommandMode
    schedule_start: Instant
    setpoints_kw: Series
    assumed_forecast_kw: Series
    valid_from: Instant
    expires_at: Instant
    release_after_s: Annotated[float, Meta(ge=0, le=MAX_RELEASE_AFTER_S)]

    def __post_init__(self) -> None:
        if len(self.setpoints_kw) != len(self.assumed_forecast_kw):
            raise ValueError(
                f"command {self.command_id!r}: {len(self.setpoints_kw)} setpoints, but "
                f"{len(self.assumed_forecast_kw)} values of assumed_forecast_kw"
            )
        if self.valid_from > self.expires_at:
            raise ValueError(
                f"command {self.command_id!r}: valid_from {self.valid_from.isoformat()} lies behind "
                f"expires_at {self.expires_at.isoformat()}"
            )
        start = self.schedule_start
        if start.minute % INTERVAL_MINUTES or start.second or start.microsecond:
            raise ValueError(
                f"command {self.command_id!r}: schedule_start {start.isoformat()} is not on a 15-minute boundary"
            )


class CommandMessage(Struct, frozen=True):
    """Commands for resources of one gateway; never retained."""

    gateway_id: Id
    commands: list[WireCommand]


class WireAck(Struct, frozen=True, omit_defaults=True):
    """How far one command has come.

    Attributes:
        deadline: Until when a person may confirm; only with ``awaiting_person``.
    """

    command_id: Id
    resource_id: Id
    epoch: Count
    sequence: Count
    state: AckState
    at: Instant
    reason: Text = ""
    deadline: Instant | None = None


class AckMessage(Struct, frozen=True):
    """Acks of a gateway; ``seq`` as in telemetry, counted on its own."""

    gateway_id: Id
    seq: Seq
    acks: list[WireAck]


class ClockSync(Struct, frozen=True):
    """Scaled time of a demonstration: ``now = at + speed * (wall - wall_at)``."""

    at: Instant
    wall_at: Instant
    speed: Positive


class NoticeMessage(Struct, frozen=True, omit_defaults=True):
    """What the controller tells a gateway besides commands.

    Attributes:
        epoch: The controller's.
        through_seq: Telemetry up to here is committed and may be forgotten.
        ack_through_seq: The same for acks.
        resend_from: Telemetry from here on is asked for again, as far as kept.
        ack_resend_from: The same for acks.
    """

    gateway_id: Id
    epoch: Count
    through_seq: Count | None = None
    ack_through_seq: Count | None = None
    resend_from: Count | None = None
    ack_resend_from: Count | None = None
    clock: ClockSync | None = None


class WireStream(Struct, frozen=True, omit_defaults=True):
    """Answer for one stream: what was asked, and what is sent again; ``None`` when nothing of it is kept."""

    requested_from: Count
    resent_from: Count | None = None
    resent_through: Count | None = None


class ReplyMessage(Struct, frozen=True, omit_defaults=True):
    """Answer to a notice's gap request; the messages themselves come again on their own topics.

    What lies in ``[requested_from, resent_from)``, or all that was asked for when ``resent_from`` is ``null``, is not
    kept.
    """

    gateway_id: Id
    at: Instant
    telemetry: WireStream | None = None
    ack: WireStream | None = None


Message: TypeAlias = (
    BirthMessage
    | StatusMessage
    | TelemetryMessage
    | CapabilityMessage
    | CommandMessage
    | AckMessage
    | NoticeMessage
    | ReplyMessage
)
