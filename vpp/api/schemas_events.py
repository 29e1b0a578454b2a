"""Bodies and answers about events."""

from datetime import date

from pydantic import Field, model_validator

from vpp.api.schemas import (
    Asked,
    Finite,
    Gappy,
    Instant,
    NewEventId,
    PriceAsked,
    ReasonShown,
    Series,
    Shown,
    ThingId,
    Words,
)
from vpp.domain.events import Direction, EventKind, EventState


class EventAsked(Asked):
    """A declaration; exactly one of `target_percent` and `target_mw`."""

    id: NewEventId | None = Field(default=None, description="Chosen by the caller; otherwise made up.")
    program_id: ThingId = Field(examples=["beichen-demo"])
    kind: EventKind = EventKind.ECONOMIC
    direction: Direction = Direction.CURTAIL
    start: Instant = Field(description="Start of the first 15-minute interval.")
    end: Instant = Field(description="End of the last interval.", examples=["2026-07-22T07:00:00Z"])
    target_percent: Finite | None = Field(
        default=None, gt=0, le=100, description="Of the reference peak.", examples=[5]
    )
    target_mw: Finite | None = Field(default=None, gt=0, le=1e6, description="Per interval.")
    scope_node_id: ThingId | None = Field(default=None, description="Only resources below this node; null for all.")

    @model_validator(mode="after")
    def _one_target(self) -> "EventAsked":
        if (self.target_percent is None) == (self.target_mw is None):
            raise ValueError("give exactly one of target_percent and target_mw")
        return self


class CancelAsked(Asked):
    """Why an event is cancelled."""

    reason: Words = Field(examples=["the heat wave ended"])


class AnswerAsked(Asked):
    """An answer; a participant answers for itself, an operator names for whom."""

    participant_id: ThingId | None = Field(default=None, description="For operators: on whose behalf.")


class BidAsked(AnswerAsked):
    """An acceptance that offers at most so much."""

    quantity_kw: Finite = Field(gt=0, le=1e7, description="The most in any interval.", examples=[500])
    price_cny_per_kwh: PriceAsked | None = Field(
        default=None, description="The least asked for; only with programmes that clear by price."
    )


class OptOutAsked(AnswerAsked):
    """Why a participant leaves after having accepted."""

    reason: Words = Field(examples=["a furnace must not be stopped"])


class EventShown(Shown):
    """One event at a glance."""

    id: str = Field(examples=["event-1"])
    state: EventState
    kind: EventKind
    direction: Direction
    program_id: str
    start: Instant
    end: Instant
    target_percent: float | None = Field(description="Of the reference peak, where declared so.")
    target_mw: float | None = Field(description="Where declared so.")
    target_kw: float | None = Field(description="Per interval; null before approval.")
    scope_node_id: str | None
    declared_by: str
    declared_at: Instant
    cancelled: bool
    revision: int = Field(description="Of the newest plan; 0 before the first.")
    steps: list[str] = Field(description="What the state table allows next.")


class StateShown(Shown):
    """A state that the event took."""

    state: EventState
    at: Instant
    by: str = Field(description="Who decided; empty for the controller itself.")
    reason: str


class PeakShown(Shown):
    """The reference peak as frozen at approval."""

    kw: float
    source: str
    on: date


class InvitationCountShown(Shown):
    """How far the invitations have got."""

    invited_at: Instant
    reply_by: Instant
    invited: int
    accepted: int
    declined: int
    opted_out: int
    open: int


class EventDetailShown(EventShown):
    """One event; what concerns the whole district is null for participants."""

    states: list[StateShown]
    reference_peak: PeakShown | None
    invitations: InvitationCountShown | None
    committed: int | None = Field(description="Resources that may be called.")
    skipped: int | None = Field(description="Resources in scope that may not.")
    called: int | None = Field(description="Resources that were ever commanded.")
    statements_sha256: str | None = Field(description="Digest of all statements; null before settlement.")


class RevisionShown(Shown):
    """One revision of the dispatch plan; arrays begin at `first_interval`."""

    revision: int
    at: Instant
    reason: str
    outcome: str = Field(examples=["planned"])
    first_interval: Instant
    resources: int = Field(description="Called by it.")
    aim_kw: Series = Field(description="Target and margin.")
    margin_kw: float
    expected_kw: Series
    offered_kw: Series
    shortfall_kw: Series
    before_kw: float | None = Field(description="Expected without it, where it mends a shortfall.")
    binding: list[str] = Field(description="The limits that stop more, where it falls short.")
    method: str
    status: str
    gap: float | None


class WaterfallShown(Shown):
    """The five figures per interval, live or final; null where nothing has been metered yet."""

    event_id: str
    state: EventState
    as_of: Instant
    final: bool = Field(description="Nothing will change any more.")
    reference_peak_kw: float | None
    interval_starts: list[Instant]
    phase: list[str] = Field(description="over, running or ahead.", examples=[["over", "running", "ahead"]])
    target_kw: Gappy
    committed_kw: Gappy
    commanded_kw: Gappy
    acknowledged_kw: Gappy
    metered_kw: Gappy
    verified_kw: Gappy


class ReplyShown(Shown):
    """What a participant said to its invitation."""

    participant_id: str
    answer: str = Field(description="none, accepted, bid, declined or opted-out.", examples=["accepted"])
    at: Instant | None
    by: str = Field(description="Who said it on its behalf; empty for itself.")
    bid_kw: float | None
    reason: str


class RevisionReasonShown(Shown):
    """What a revision said of a resource; revision 0 is the commitment."""

    revision: int
    reason: ReasonShown


class ResourceDecisionShown(Shown):
    """Why a resource was called or not, and how it went."""

    resource_id: str
    participant_id: str
    kind: str
    called: bool
    reason: ReasonShown
    history: list[RevisionReasonShown]
    asked_kw: Series = Field(description="Response asked per interval of the event.")
    commands: int
    ack: str = Field(description="Stage of the newest command; none before an answer, empty without a command.")
    ack_reason: str


class DecisionsShown(Shown):
    """Every decision of an event with its reason; resources come in pages."""

    event_id: str
    states: list[StateShown]
    replies: list[ReplyShown]
    revisions: list[RevisionShown]
    resources: list[ResourceDecisionShown]
    next_cursor: str | None = Field(description="For `cursor` of the next request; null on the last page.")


class InvitationShown(Shown):
    """One participant's invitation to one event."""

    event_id: str
    participant_id: str
    state: EventState
    kind: EventKind
    direction: Direction
    program_id: str
    start: Instant
    end: Instant
    invited_at: Instant
    reply_by: Instant
    open: bool = Field(description="It may still be answered.")
    may_leave: bool = Field(description="It was accepted, and opting out is still possible.")
    reply: ReplyShown
    resource_ids: list[str]
    most_kw: float = Field(description="The largest bid: what the callable resources are rated.")
