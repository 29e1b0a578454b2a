"""The book: what all facts so far add up to. Replaying the ledger through it is the whole of a restart."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import singledispatchmethod

import numpy as np

from vpp.domain import facts
from vpp.domain.commands import AckState, Command, advance_ack
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import ConflictError, InvariantError, UnknownThingError
from vpp.domain.events import FINAL_STATES, Declaration, EventState, EventStep, next_state
from vpp.domain.flexibility import Series
from vpp.domain.network import NetworkChanges
from vpp.domain.timegrid import TimeGrid

_STEP_OF_FACT: dict[type[facts.Fact], EventStep] = {
    facts.EventApproved: EventStep.APPROVE,
    facts.ParticipantsInvited: EventStep.INVITE,
    facts.EventCommitted: EventStep.COMMIT,
}


@dataclass(slots=True)
class IssuedCommand:
    """A command and how far its gateway has got with it.

    Attributes:
        applied: Whether it was ever acked ``applied``; an expired command may never have been.
    """

    command: Command
    gateway_id: str
    issued_at: datetime
    state: AckState | None = None
    reason: str = ""
    applied: bool = False


@dataclass(slots=True)
class EventRecord:
    """All that is known of one event.

    Attributes:
        states: Every state taken with its instant, oldest first.
        replies: The last answer of each participant, a bid included; ``answers`` is its yes or no.
        opt_outs: The last opt-out of each participant; ``opted_out`` is its reason.
        cancellation: Who cancelled it and why.
        verified: What was delivered, once it is known for good.
        commands: Per resource, oldest first.
        newest: Per resource and event interval, the newest command that covers it.
        asked_kw: What ``vpp.domain.outcome.commanded_kw`` made of it; dropped when commands change.
    """

    declaration: Declaration
    states: list[tuple[EventState, datetime]]
    reference_peak: facts.EventApproved | None = None
    invitation: facts.ParticipantsInvited | None = None
    answers: dict[str, bool] = field(default_factory=dict)
    replies: dict[str, facts.InvitationAnswered] = field(default_factory=dict)
    opted_out: dict[str, str] = field(default_factory=dict)
    opt_outs: dict[str, facts.ParticipantOptedOut] = field(default_factory=dict)
    commitment: facts.EventCommitted | None = None
    baselines: facts.BaselinesFrozen | None = None
    plans: list[facts.PlanIssued] = field(default_factory=list)
    commands: dict[str, list[IssuedCommand]] = field(default_factory=dict)
    newest: dict[str, list[IssuedCommand | None]] = field(default_factory=dict, repr=False)
    asked_kw: dict[str, Series] | None = field(default=None, repr=False, compare=False)
    statements: list[facts.StatementsIssued] = field(default_factory=list)
    verified: facts.DeliveryVerified | None = None
    cancelled: bool = False
    cancellation: facts.EventAdvanced | None = None
    grid: TimeGrid = field(init=False)

    def __post_init__(self) -> None:
        self.grid = self.declaration.grid

    @property
    def state(self) -> EventState:
        """The state that it is in now."""
        return self.states[-1][0]

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.state not in FINAL_STATES

    @property
    def target_kw(self) -> Series:
        """Target per event interval, shape (T,); zeros before approval."""
        if self.reference_peak is None:
            return np.zeros(len(self.grid))
        return np.asarray(self.reference_peak.target_kw, dtype=np.float64)

    @property
    def end(self) -> datetime:
        """When the event is over: its declared end, or when it was cancelled while active."""
        if self.cancelled:
            for state, at in self.states:
                if state in (EventState.RELEASING, EventState.CANCELLED):
                    return min(at, self.declaration.end)
        return self.declaration.end

    def bid_kw(self, participant_id: str) -> float | None:
        """The most that the participant offers in any interval; ``None`` for all it has."""
        reply = self.replies.get(participant_id)
        return reply.quantity_kw if reply is not None and reply.accepted else None

    def baseline_kw(self, resource_id: str) -> Series:
        """Frozen baseline over event and recovery.

        Raises:
            InvariantError: baselines are not frozen, or this resource had none.
        """
        if self.baselines is None or resource_id not in self.baselines.baseline_kw:
            raise InvariantError(f"event {self.declaration.event_id!r}: no frozen baseline for {resource_id!r}")
        return np.asarray(self.baselines.baseline_kw[resource_id], dtype=np.float64)

    def in_force(self, resource_id: str, interval: datetime) -> IssuedCommand | None:
        """The newest command for ``resource_id`` that covers the event interval starting at ``interval``."""
        index = self.grid.index_of(interval)
        covering = self.newest.get(resource_id)
        return covering[index] if covering is not None and 0 <= index < len(covering) else None

    def take_command(self, issued: IssuedCommand) -> None:
        """Files a command that was issued."""
        command = issued.command
        self.commands.setdefault(command.resource_id, []).append(issued)
        covering = self.newest.setdefault(command.resource_id, [None] * len(self.grid))
        first = self.grid.index_of(command.schedule_start)
        for index in range(max(first, 0), min(first + len(command.setpoints_kw), len(covering))):
            covering[index] = issued
        self.asked_kw = None


@dataclass
class Book:
    """State of the controller, built from facts alone.

    Attributes:
        open_round: Highest access round opened by a fact; 0 before the first.
        consents: The consent in force per participant and scope.
        upstream_calls: Per platform and call id, what became of the call.
        upstream_told: What each platform was told of each call.
        network: What has been changed of the registered network.
        events_verified: Events whose delivery is known for good.
    """

    epoch: int = 0
    events: dict[str, EventRecord] = field(default_factory=dict)
    gateways_online: dict[str, bool] = field(default_factory=dict)
    gateway_starts: dict[str, facts.GatewayStarted] = field(default_factory=dict)
    telemetry_seq: dict[str, int] = field(default_factory=dict)
    ack_seq: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    open_round: int = 0
    consents: dict[tuple[str, ConsentScope], facts.ConsentGiven] = field(default_factory=dict)
    upstream_calls: dict[tuple[str, str], facts.UpstreamCallReceived] = field(default_factory=dict)
    upstream_told: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    network: NetworkChanges = field(default_factory=NetworkChanges)
    events_verified: int = 0
    _by_command: dict[str, IssuedCommand] = field(default_factory=dict, repr=False)

    @classmethod
    def replay(cls, recorded: Iterable[facts.Fact]) -> "Book":
        """The book after all of ``recorded``."""
        book = cls()
        for fact in recorded:
            book.apply(fact)
        return book

    def event(self, event_id: str | None) -> EventRecord:
        """The event, or ``UnknownThingError``."""
        try:
            return self.events[event_id or ""]
        except KeyError:
            raise UnknownThingError("event", event_id or "") from None

    def command(self, command_id: str) -> IssuedCommand | None:
        """The command with that id, if we ever issued it."""
        return self._by_command.get(command_id)

    def check(self, fact: facts.Fact) -> None:
        """Refuses a fact that may not happen now, before it is written down.

        Raises:
            IllegalTransitionError: the fact claims a step that the event's or a command's state table does not have.
            UnknownThingError: it names an event that was never declared.
            ConflictError: it declares an event, or a change of the network, whose id is taken.
        """
        if isinstance(fact, facts.EventDeclared) and fact.event_id in self.events:
            raise ConflictError(f"event id {fact.event_id!r} is taken")
        if isinstance(fact, facts.FeederReassigned | facts.NodeLimitChanged) and self.network.find(fact.change_id):
            raise ConflictError(f"network change id {fact.change_id!r} is taken")
        step = _step_of(fact)
        if step is not None:
            record = self.event(fact.event_id)
            next_state(record.declaration.event_id, record.state, step, record.declaration.kind)

    def apply(self, fact: facts.Fact) -> None:
        """Takes one fact into account; same errors as ``check``."""
        step = _step_of(fact)
        if step is not None:
            record = self.event(fact.event_id)
            state = next_state(record.declaration.event_id, record.state, step, record.declaration.kind)
            record.states.append((state, fact.at))
        self._apply(fact)

    @singledispatchmethod
    def _apply(self, fact: facts.Fact) -> None:
        raise InvariantError(f"the book does not know the fact {type(fact).__name__}")

    @_apply.register
    def _(self, fact: facts.ControllerStarted) -> None:
        self.epoch = fact.epoch
        self.sequence = 0

    @_apply.register
    def _(self, fact: facts.EventDeclared) -> None:
        event_id = fact.event_id or ""
        if event_id in self.events:
            raise InvariantError(f"event {event_id!r} was declared twice")
        declaration = Declaration(
            event_id=event_id,
            program_id=fact.program_id,
            kind=fact.kind,
            direction=fact.direction,
            start=fact.start,
            end=fact.end,
            target_percent=fact.target_percent,
            target_mw=fact.target_mw,
            scope_node_id=fact.scope_node_id,
            declared_by=fact.declared_by,
        )
        self.events[event_id] = EventRecord(declaration, [(EventState.DRAFT, fact.at)])

    @_apply.register
    def _(self, fact: facts.EventApproved) -> None:
        self.event(fact.event_id).reference_peak = fact

    @_apply.register
    def _(self, fact: facts.ParticipantsInvited) -> None:
        self.event(fact.event_id).invitation = fact

    @_apply.register
    def _(self, fact: facts.InvitationAnswered) -> None:
        record = self.event(fact.event_id)
        record.answers[fact.participant_id] = fact.accepted
        record.replies[fact.participant_id] = fact

    @_apply.register
    def _(self, fact: facts.ParticipantOptedOut) -> None:
        record = self.event(fact.event_id)
        record.opted_out[fact.participant_id] = fact.reason
        record.opt_outs[fact.participant_id] = fact

    @_apply.register
    def _(self, fact: facts.EventCommitted) -> None:
        self.event(fact.event_id).commitment = fact

    @_apply.register
    def _(self, fact: facts.BaselinesFrozen) -> None:
        self.event(fact.event_id).baselines = fact

    @_apply.register
    def _(self, fact: facts.PlanIssued) -> None:
        self.event(fact.event_id).plans.append(fact)

    @_apply.register
    def _(self, fact: facts.CommandsIssued) -> None:
        record = self.event(fact.event_id)
        for command in fact.commands:
            issued = IssuedCommand(command, fact.gateway_id, fact.at)
            record.take_command(issued)
            self._by_command[command.command_id] = issued
            self.sequence = max(self.sequence, command.sequence) if command.epoch == self.epoch else self.sequence

    @_apply.register
    def _(self, fact: facts.CommandsAcked) -> None:
        self.ack_seq[fact.gateway_id] = max(fact.seq, self.ack_seq.get(fact.gateway_id, 0))
        for ack in fact.acks:
            issued = self._by_command[ack.command_id]
            issued.state = advance_ack(ack.command_id, issued.state, ack.state)
            issued.reason = ack.reason
            issued.applied = issued.applied or ack.state is AckState.APPLIED

    @_apply.register
    def _(self, fact: facts.ReadingsStored) -> None:
        for gateway_id, seq in fact.through_seq.items():
            self.telemetry_seq[gateway_id] = seq

    @_apply.register
    def _(self, fact: facts.GatewayStarted) -> None:
        """Numbers that begin below what we hold mean that the gateway's disk was lost: its streams begin anew."""
        gateway_id = fact.gateway_id
        self.gateway_starts[gateway_id] = fact
        if fact.telemetry_from <= self.telemetry_seq.get(gateway_id, 0):
            self.telemetry_seq[gateway_id] = fact.telemetry_from - 1
        if fact.acks_from <= self.ack_seq.get(gateway_id, 0):
            self.ack_seq[gateway_id] = fact.acks_from - 1

    @_apply.register
    def _(self, fact: facts.GatewayChanged) -> None:
        self.gateways_online[fact.gateway_id] = fact.online

    @_apply.register
    def _(self, fact: facts.EventAdvanced) -> None:
        record = self.event(fact.event_id)
        if fact.step is EventStep.CANCEL:
            record.cancelled = True
            record.cancellation = fact
        record.asked_kw = None

    @_apply.register
    def _(self, fact: facts.DeliveryVerified) -> None:
        self.event(fact.event_id).verified = fact
        self.events_verified += 1

    @_apply.register
    def _(self, fact: facts.StatementsIssued) -> None:
        self.event(fact.event_id).statements.append(fact)

    @_apply.register
    def _(self, fact: facts.AccessRoundOpened) -> None:
        self.open_round = max(self.open_round, fact.round)

    @_apply.register
    def _(self, fact: facts.ConsentGiven) -> None:
        self.consents[fact.participant_id, fact.scope] = fact

    @_apply.register
    def _(self, fact: facts.ConsentWithdrawn) -> None:
        self.consents.pop((fact.participant_id, fact.scope), None)

    @_apply.register
    def _(self, fact: facts.UpstreamCallReceived) -> None:
        self.upstream_calls[fact.upstream, fact.call_id] = fact

    @_apply.register
    def _(self, fact: facts.UpstreamTold) -> None:
        self.upstream_told.setdefault((fact.upstream, fact.call_id), []).append(fact.what)

    @_apply.register
    def _(self, fact: facts.FeederReassigned | facts.NodeLimitChanged) -> None:
        self.network = self.network.and_then(fact)


def _step_of(fact: facts.Fact) -> EventStep | None:
    """The step of the state table that the fact takes, if any."""
    return fact.step if isinstance(fact, facts.EventAdvanced) else _STEP_OF_FACT.get(type(fact))
