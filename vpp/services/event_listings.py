"""Events and invitations, line by line, for whoever may see them."""

from dataclasses import dataclass
from datetime import date, datetime

from vpp.domain.access import Principal
from vpp.domain.book import EventRecord
from vpp.domain.errors import UnknownThingError
from vpp.domain.events import EventState, steps_from
from vpp.ports import Clock
from vpp.services.decisions import ReplyLine, StateStep, reply_of
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; ``None`` leaves a condition out.

    Attributes:
        start_from: Only events that end after it.
        start_to: Only events that start before it.
    """

    states: frozenset[EventState] | None = None
    start_from: datetime | None = None
    start_to: datetime | None = None
    program_id: str | None = None

    def admits(self, record: EventRecord) -> bool:
        """Whether the event fulfils all conditions."""
        declaration = record.declaration
        return (
            (self.states is None or record.state in self.states)
            and (self.start_from is None or declaration.end > self.start_from)
            and (self.start_to is None or declaration.start < self.start_to)
            and (self.program_id is None or declaration.program_id == self.program_id)
        )


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event at a glance.

    Attributes:
        target_kw: Per interval; ``None`` before approval.
        revision: Of the newest plan; 0 before the first.
        steps: What the state table allows next.
    """

    id: str
    state: str
    kind: str
    direction: str
    program_id: str
    start: datetime
    end: datetime
    target_percent: float | None
    target_mw: float | None
    target_kw: float | None
    scope_node_id: str | None
    declared_by: str
    declared_at: datetime
    cancelled: bool
    revision: int
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeakLine:
    """The reference peak as frozen at approval."""

    kw: float
    source: str
    on: date


@dataclass(frozen=True, slots=True)
class InvitationCount:
    """How far the invitations have got."""

    invited_at: datetime
    reply_by: datetime
    invited: int
    accepted: int
    declined: int
    opted_out: int
    open: int


@dataclass(frozen=True, slots=True)
class EventDetail:
    """One event; what concerns the whole district is ``None`` for participants.

    Attributes:
        committed: Resources that may be called.
        skipped: Resources in scope that may not.
        called: Resources that a command ever went to.
    """

    line: EventLine
    states: tuple[StateStep, ...]
    reference_peak: PeakLine | None
    invitations: InvitationCount | None
    committed: int | None
    skipped: int | None
    called: int | None
    statements_sha256: str | None


@dataclass(frozen=True, slots=True)
class InvitationLine:
    """One participant's invitation to one event.

    Attributes:
        open: Whether it may still be answered.
        may_leave: Whether it may still opt out.
        most_kw: The largest bid: what its callable resources in scope are rated.
    """

    event_id: str
    participant_id: str
    state: str
    kind: str
    direction: str
    program_id: str
    start: datetime
    end: datetime
    invited_at: datetime
    reply_by: datetime
    open: bool
    may_leave: bool
    reply: ReplyLine
    resource_ids: tuple[str, ...]
    most_kw: float


LEAVING = frozenset({EventState.INVITED, EventState.COMMITTED, EventState.ACTIVE})


class EventListings:
    """Reads the book on somebody's behalf; what one may not see is as unknown as what is not there."""

    def __init__(self, recorder: Recorder, registry: Registry, clock: Clock) -> None:
        self._recorder = recorder
        self._registry = registry
        self._clock = clock

    def seen_by(self, principal: Principal) -> list[EventRecord]:
        """All events that the principal may see, the newest declared first."""
        events = reversed(self._recorder.book.events.values())
        return [record for record in events if self._visible(record, principal)]

    def record(self, event_id: str, principal: Principal) -> EventRecord:
        """The event, or ``UnknownThingError``, also when it does not concern the principal."""
        record = self._recorder.book.event(event_id)
        if not self._visible(record, principal):
            raise UnknownThingError("event", event_id)
        return record

    def concerns(self, record: EventRecord, participant_id: str) -> bool:
        """Whether the participant is invited, or a resource of its own may be called."""
        if record.invitation is not None and participant_id in record.invitation.participant_ids:
            return True
        own = self._registry.fleet.by_participant.get(participant_id, ())
        return record.commitment is not None and not set(own).isdisjoint(record.commitment.resource_ids)

    def _visible(self, record: EventRecord, principal: Principal) -> bool:
        if principal.runs_the_district:
            return True
        return principal.participant_id is not None and self.concerns(record, principal.participant_id)

    def line(self, record: EventRecord) -> EventLine:
        """One event at a glance."""
        declaration, peak = record.declaration, record.reference_peak
        return EventLine(
            id=declaration.event_id,
            state=record.state.value,
            kind=declaration.kind.value,
            direction=declaration.direction.value,
            program_id=declaration.program_id,
            start=declaration.start,
            end=declaration.end,
            target_percent=declaration.target_percent,
            target_mw=declaration.target_mw,
            target_kw=None if peak is None else max(peak.target_kw),
            scope_node_id=declaration.scope_node_id,
            declared_by=declaration.declared_by,
            declared_at=record.states[0][1],
            cancelled=record.cancelled,
            revision=record.plans[-1].revision if record.plans else 0,
            steps=tuple(step.value for step in steps_from(record.state, declaration.kind)),
        )

    def detail(self, record: EventRecord, states: list[StateStep], principal: Principal) -> EventDetail:
        """One event with its course."""
        whole = principal.runs_the_district
        peak, commitment = record.reference_peak, record.commitment
        return EventDetail(
            line=self.line(record),
            states=tuple(states),
            reference_peak=None
            if peak is None
            else PeakLine(peak.reference_peak_kw, peak.reference_peak_source, peak.reference_peak_date),
            invitations=_count(record) if whole else None,
            committed=len(commitment.resource_ids) if whole and commitment else None,
            skipped=len(commitment.skipped) if whole and commitment else None,
            called=len(record.commands) if whole else None,
            statements_sha256=record.statements[-1].digest if record.statements else None,
        )

    def invitations(self, principal: Principal) -> list[InvitationLine]:
        """All invitations that the principal may see, the newest event first."""
        found: list[InvitationLine] = []
        for record in self.seen_by(principal):
            invited = record.invitation.participant_ids if record.invitation else ()
            found += [
                self.invitation(record, participant_id)
                for participant_id in invited
                if principal.runs_the_district or participant_id == principal.participant_id
            ]
        return found

    def invitation(self, record: EventRecord, participant_id: str) -> InvitationLine:
        """One invitation, or ``UnknownThingError``."""
        event_id = record.declaration.event_id
        if record.invitation is None or participant_id not in record.invitation.participant_ids:
            raise UnknownThingError("invitation", f"{event_id}/{participant_id}")
        declaration = record.declaration
        own = self._registry.fleet.by_participant.get(participant_id, ())
        in_scope = set(self._registry.in_scope(declaration.scope_node_id))
        callable_ids = tuple(
            r for r in own if r in in_scope and self._registry.why_not(r, declaration.direction) is None
        )
        return InvitationLine(
            event_id=event_id,
            participant_id=participant_id,
            state=record.state.value,
            kind=declaration.kind.value,
            direction=declaration.direction.value,
            program_id=declaration.program_id,
            start=declaration.start,
            end=declaration.end,
            invited_at=record.invitation.at,
            reply_by=record.invitation.reply_by,
            open=record.state is EventState.INVITED and self._clock.now() <= record.invitation.reply_by,
            may_leave=record.state in LEAVING
            and record.answers.get(participant_id, False)
            and participant_id not in record.opted_out,
            reply=reply_of(record, participant_id),
            resource_ids=callable_ids,
            most_kw=sum(self._registry.fleet.resources[r].rated_kw for r in callable_ids),
        )


def _count(record: EventRecord) -> InvitationCount | None:
    invitation = record.invitation
    if invitation is None:
        return None
    accepted = sum(record.answers.values())
    return InvitationCount(
        invited_at=invitation.at,
        reply_by=invitation.reply_by,
        invited=len(invitation.participant_ids),
        accepted=accepted,
        declined=len(record.answers) - accepted,
        opted_out=len(record.opted_out),
        open=len(set(invitation.participant_ids) - set(record.answers)),
    )
