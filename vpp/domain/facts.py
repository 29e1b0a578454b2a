"""Facts: what has happened, in the past tense. The ledger keeps nothing else.

Every fact is a frozen dataclass of plain values, so that it can be written canonically and read back unchanged.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from vpp.domain.commands import AckState, Command
from vpp.domain.consents import ConsentScope
from vpp.domain.events import Direction, EventKind, EventStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Base of all facts.

    Attributes:
        at: When it happened, by the controller's clock.
        event_id: The event it belongs to, if any.
    """

    at: datetime
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerStarted(Fact):
    """A controller run began; ``epoch`` is higher than any before."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDeclared(Fact):
    """A grid operator declared an event; it is a draft."""

    program_id: str
    kind: EventKind
    direction: Direction
    start: datetime
    end: datetime
    target_percent: float | None
    target_mw: float | None
    scope_node_id: str | None
    declared_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventApproved(Fact):
    """The event was checked against its programme, and its reference peak frozen.

    Attributes:
        target_kw: Per event interval.
        reference_peak_source: Where the figure comes from, in words.
        by: Who approved; empty where nobody said.
    """

    reference_peak_kw: float
    reference_peak_source: str
    reference_peak_date: date
    target_kw: tuple[float, ...]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantsInvited(Fact):
    """Invitations went out; answers count until ``reply_by``."""

    participant_ids: tuple[str, ...]
    reply_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InvitationAnswered(Fact):
    """A participant accepted or declined; with a quantity, it bids at most so much.

    Attributes:
        by: Who said so on its behalf; empty for the participant itself.
        quantity_kw: The most that it offers in any interval, > 0; ``None`` for all it has.
        price_cny_per_kwh: The least that it asks for; only with a programme that clears by price.
    """

    participant_id: str
    accepted: bool
    by: str = ""
    quantity_kw: float | None = None
    price_cny_per_kwh: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParticipantOptedOut(Fact):
    """A participant withdrew after accepting; its resources are released at the next revision.

    Attributes:
        by: Who said so on its behalf; empty for the participant itself.
    """

    participant_id: str
    reason: str
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCommitted(Fact):
    """The list of resources that may be called was closed.

    Attributes:
        skipped: Reason code per resource of the scope that may not be called.
    """

    resource_ids: tuple[str, ...]
    skipped: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselinesFrozen(Fact):
    """Baselines were computed once and for all, before the event.

    Attributes:
        grid_start: First interval of the arrays.
        baseline_kw: Per resource, rounded to 1 W, over event and recovery.
        methods: Method name per resource.
        findings: Findings per resource that has any.
        placebo: Name to figure, in percent.
        day_baseline_kw: The same over the whole trading day (96 values), for the rebound figure.
    """

    grid_start: datetime
    baseline_kw: dict[str, tuple[float, ...]]
    methods: dict[str, str]
    findings: dict[str, tuple[str, ...]]
    placebo: dict[str, float]
    day_baseline_kw: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Binding:
    """A limit that stopped a plan.

    Attributes:
        interval: Index of the event interval; ``None`` for a limit over the whole horizon.
    """

    name: str
    text: str
    interval: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanIssued(Fact):
    """A revision of the dispatch plan passed the feasibility check.

    Attributes:
        first_interval: Start of the first interval of ``response_kw``.
        response_kw: Full response asked per resource with any, for the remaining event intervals.
        forecast_kw: What that response is taken from, for the resources where it is not the frozen baseline.
        aim_kw: Target plus the margin for what cannot be measured.
        expected_kw: Expected response of the portfolio per interval (delivery learnt so far).
        offered_kw: What the accepted resources could give per interval.
        binding: The limits that stop more, most important first, when short.
        reasons: Reason code per candidate resource.
        network_changes: How many changes of the network the plan knows of.
        energy_price_cny_per_kwh: Price of energy that it reckoned with, per remaining event interval; empty for none.
        delivery_mean_kw: Expected response delivered, per interval, by the plan itself.
        delivery_q05_kw: Response delivered with a probability of 95 %.
        joint_probability: Of reaching the aim in every interval at once; ``None`` where the planner does not say.
    """

    revision: int
    reason: str
    first_interval: datetime
    response_kw: dict[str, tuple[float, ...]]
    forecast_kw: dict[str, tuple[float, ...]]
    aim_kw: tuple[float, ...]
    margin_kw: float
    expected_kw: tuple[float, ...]
    offered_kw: tuple[float, ...]
    shortfall_kw: tuple[float, ...]
    binding: tuple[Binding, ...]
    reasons: dict[str, str]
    outcome: str
    source: str
    status: str
    gap: float | None
    before_kw: float | None
    wall_s: float
    network_changes: int = 0
    energy_price_cny_per_kwh: tuple[float, ...] = ()
    delivery_mean_kw: tuple[float, ...] = ()
    delivery_q05_kw: tuple[float, ...] = ()
    joint_probability: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsIssued(Fact):
    """Commands for one gateway were decided; they are sent after this fact is on disk."""

    gateway_id: str
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class AckEntry:
    """One acknowledged command."""

    command_id: str
    resource_id: str
    state: AckState
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsAcked(Fact):
    """A gateway acknowledged commands; ``seq`` rises per gateway."""

    gateway_id: str
    seq: int
    acks: tuple[AckEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingsStored(Fact):
    """Telemetry messages are in the archive.

    Attributes:
        through_seq: Highest gapless telemetry sequence number per gateway heard from.
        count: Readings stored with this fact.
        digest: SHA-256 (hex) over these readings, so that one altered reading changes the log.
    """

    through_seq: dict[str, int]
    count: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStarted(Fact):
    """A gateway introduced itself after a start of its own; recorded once per start.

    Attributes:
        boot: Its count of starts; begins anew when its disk is lost.
        telemetry_from: Its next telemetry sequence number at that start.
        acks_from: The same for acks.
    """

    gateway_id: str
    boot: int
    started_at: datetime
    telemetry_from: int
    acks_from: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChanged(Fact):
    """A gateway came or went."""

    gateway_id: str
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAdvanced(Fact):
    """The event took a step of its state table that carries no data of its own.

    Attributes:
        by: Who asked for it; empty for the controller itself.
    """

    step: EventStep
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryVerified(Fact):
    """What each resource was asked for and verified to have given, over its graded intervals; delivery is learnt of it.

    Attributes:
        asked_kwh: Per resource called.
        verified_kwh: The same resources; intervals without good readings or baseline are on neither side.
    """

    asked_kwh: dict[str, float]
    verified_kwh: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementsIssued(Fact):
    """Statements were drawn up.

    Attributes:
        version: 1 for the first, higher for corrections.
        digest: SHA-256 (hex) of the canonical bytes of all statements.
    """

    version: int
    provisional: bool
    digest: str
    total_response_kwh: str
    total_payment_cny: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRoundOpened(Fact):
    """Sites of one more access round (分轮次接入) may be called from now on; rounds open in order."""

    round: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentGiven(Fact):
    """A participant allowed ``scope``, until it is withdrawn."""

    participant_id: str
    scope: ConsentScope
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawn(Fact):
    """A participant allows ``scope`` no longer."""

    participant_id: str
    scope: ConsentScope
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCallReceived(Fact):
    """A higher-level platform called; accepted calls became the draft ``event_id``.

    Attributes:
        upstream: Name of the platform's connection.
        call_id: The platform's own id; what it stands for never changes.
        digest: SHA-256 (hex) of the call, to tell a repetition from another call under the same id.
        refused: Why it became no event; empty when it did.
    """

    upstream: str
    call_id: str
    digest: str
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamTold(Fact):
    """A confirmation or a curve went out to the platform; recorded after the deed, so that it may go out twice.

    Attributes:
        what: ``received``, ``refused``, ``approved``, ``cancelled``, ``settled``, ``certified``, ``curve-<n>`` after
            the n-th interval, or ``curve-final``.
    """

    upstream: str
    call_id: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeederReassigned(Fact):
    """A line was moved below another node of the network, as after a fault; everything below it moved with it.

    Attributes:
        change_id: Of this change; the same request again finds it.
        from_parent_id: Where it hung until then.
        by: Who said so.
    """

    change_id: str
    node_id: str
    from_parent_id: str
    parent_id: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLimitChanged(Fact):
    """A node's limits are others during ``[start, end)``; where several such facts overlap the newest decides.

    Attributes:
        change_id: As for ``FeederReassigned``.
        start: Start of the first interval.
        end: End of the last one.
        import_limit_kw: ``None``: as registered.
        export_limit_kw: The same.
        by: Who said so.
    """

    change_id: str
    node_id: str
    start: datetime
    end: datetime
    import_limit_kw: float | None
    export_limit_kw: float | None
    reason: str
    by: str


FACT_TYPES: dict[str, type[Fact]] = {
    kind.__name__: kind
    for kind in (
        ControllerStarted,
        EventDeclared,
        EventApproved,
        ParticipantsInvited,
        InvitationAnswered,
        ParticipantOptedOut,
        EventCommitted,
        BaselinesFrozen,
        PlanIssued,
        CommandsIssued,
        CommandsAcked,
        ReadingsStored,
        GatewayStarted,
        GatewayChanged,
        EventAdvanced,
        DeliveryVerified,
        StatementsIssued,
        AccessRoundOpened,
        ConsentGiven,
        ConsentWithdrawn,
        UpstreamCallReceived,
        UpstreamTold,
        FeederReassigned,
        NodeLimitChanged,
    )
}
"""Every kind of fact by its name, for reading the ledger back."""

WALL_CLOCK_FIELDS = frozenset({"wall_s"})
"""Left out of the log hash: they differ between two runs of the same seed."""

LATER_FIELDS = frozenset(
    {
        "by",
        "quantity_kw",
        "price_cny_per_kwh",
        "network_changes",
        "energy_price_cny_per_kwh",
        "delivery_mean_kw",
        "delivery_q05_kw",
        "joint_probability",
    }
)
"""Joined kinds that ledgers held already: not written where they hold their default, so that old digests stand."""
