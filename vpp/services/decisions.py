"""Why an event went as it did: every state, answer, revision and resource with the reason that the facts hold."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.outcome import commanded_kw
from vpp.domain.reasons import texts_of
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code in words."""

    code: str
    text_en: str
    text_zh: str

    @classmethod
    def of(cls, code: str) -> "Reason":
        """The words for ``code``."""
        return cls(code, *texts_of(code))


@dataclass(frozen=True, slots=True)
class StateStep:
    """A state that the event took; reason and person where somebody decided."""

    state: str
    at: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReplyLine:
    """What a participant said to its invitation.

    Attributes:
        answer: ``accepted``, ``bid``, ``declined``, ``opted-out`` or ``none``.
        bid_kw: The most that it offers, with a bid.
    """

    participant_id: str
    answer: str
    at: datetime | None
    by: str
    bid_kw: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of the dispatch plan.

    Attributes:
        before_kw: Expected without it, where it mends a shortfall.
        resources: Number of resources that it calls.
    """

    revision: int
    at: datetime
    reason: str
    outcome: str
    first_interval: datetime
    resources: int
    aim_kw: tuple[float, ...]
    margin_kw: float
    expected_kw: tuple[float, ...]
    offered_kw: tuple[float, ...]
    shortfall_kw: tuple[float, ...]
    before_kw: float | None
    binding: tuple[str, ...]
    method: str
    status: str
    gap: float | None


@dataclass(frozen=True, slots=True)
class RevisionReason:
    """What a revision said of a resource, from that revision on until another says otherwise."""

    revision: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class ResourceDecision:
    """Why a resource was called or not, and how it went.

    Attributes:
        reason: As the event stands: called, or why not.
        history: Reasons by revision where they changed.
        asked_kw: Response asked per event interval by the commands in force.
        ack: Stage of its newest command: ``none`` before the first answer, ``""`` without a command.
    """

    resource_id: str
    participant_id: str
    kind: str
    called: bool
    reason: Reason
    history: tuple[RevisionReason, ...]
    asked_kw: tuple[float, ...]
    commands: int
    ack: str
    ack_reason: str


class Decisions:
    """Reads the book; decides nothing."""

    def __init__(self, recorder: Recorder, registry: Registry) -> None:
        self._recorder = recorder
        self._registry = registry

    def states(self, event_id: str) -> list[StateStep]:
        """The event's course, oldest first."""
        record = self._recorder.book.event(event_id)
        return [self._state(record, index) for index in range(len(record.states))]

    def replies(self, event_id: str) -> list[ReplyLine]:
        """What everybody who was invited said, in order of invitation."""
        record = self._recorder.book.event(event_id)
        invited = record.invitation.participant_ids if record.invitation else ()
        return [reply_of(record, participant_id) for participant_id in invited]

    def revisions(self, event_id: str) -> list[Revision]:
        """All revisions, oldest first."""
        return [
            Revision(
                revision=plan.revision,
                at=plan.at,
                reason=plan.reason,
                outcome=plan.outcome,
                first_interval=plan.first_interval,
                resources=len(plan.response_kw),
                aim_kw=plan.aim_kw,
                margin_kw=plan.margin_kw,
                expected_kw=plan.expected_kw,
                offered_kw=plan.offered_kw,
                shortfall_kw=plan.shortfall_kw,
                before_kw=plan.before_kw,
                binding=tuple(dict.fromkeys(limit.text for limit in plan.binding)),
                method=plan.source,
                status=plan.status,
                gap=plan.gap,
            )
            for plan in self._recorder.book.event(event_id).plans
        ]

    def resources(self, event_id: str) -> list[ResourceDecision]:
        """Every resource of the event's scope on which something was decided, in order of registration."""
        record = self._recorder.book.event(event_id)
        codes = reason_codes(record)
        return [
            self._resource(record, resource_id, code)
            for resource_id in self._registry.fleet.resources
            if (code := codes.get(resource_id)) is not None
        ]

    def resources_of(self, event_id: str, participant_id: str) -> list[ResourceDecision]:
        """The same for one participant."""
        return [d for d in self.resources(event_id) if d.participant_id == participant_id]

    @staticmethod
    def _state(record: EventRecord, index: int) -> StateStep:
        state, at = record.states[index]
        if index == 0:
            return StateStep(state.value, at, record.declaration.declared_by)
        approved, cancelled = record.reference_peak, record.cancellation
        if approved is not None and approved.at == at and state.value == "approved":
            return StateStep(state.value, at, approved.by)
        if cancelled is not None and cancelled.at == at:
            return StateStep(state.value, at, cancelled.by, cancelled.reason)
        return StateStep(state.value, at)

    def _resource(self, record: EventRecord, resource_id: str, code: str) -> ResourceDecision:
        fleet = self._registry.fleet
        asked = commanded_kw(record).get(resource_id, np.zeros(len(record.grid)))
        issued = record.commands.get(resource_id, [])
        newest = issued[-1] if issued else None
        return ResourceDecision(
            resource_id=resource_id,
            participant_id=fleet.participant_of(resource_id).id,
            kind=fleet.resource(resource_id).kind.value,
            called=code == "called",
            reason=Reason.of(code),
            history=tuple(_history(record, resource_id)),
            asked_kw=tuple(float(x) for x in asked),
            commands=len(issued),
            ack="" if newest is None else "none" if newest.state is None else newest.state.value,
            ack_reason="" if newest is None else newest.reason,
        )


def reason_codes(record: EventRecord) -> dict[str, str]:
    """Reason code per resource of the scope: called, or why it was not."""
    codes = dict(record.commitment.skipped) if record.commitment else {}
    for plan in record.plans:
        codes |= plan.reasons
    called = {r for r, asked in commanded_kw(record).items() if np.any(asked > 0)}
    return codes | dict.fromkeys(called, "called")


def reply_of(record: EventRecord, participant_id: str) -> ReplyLine:
    """What one participant said last."""
    reply, left = record.replies.get(participant_id), record.opt_outs.get(participant_id)
    if left is not None:
        return ReplyLine(participant_id, "opted-out", left.at, left.by, record.bid_kw(participant_id), left.reason)
    if reply is None:
        return ReplyLine(participant_id, "none", None, "", None, "")
    said = ("bid" if reply.quantity_kw is not None else "accepted") if reply.accepted else "declined"
    return ReplyLine(participant_id, said, reply.at, reply.by, reply.quantity_kw, "")


def _history(record: EventRecord, resource_id: str) -> Iterator[RevisionReason]:
    """What each revision said, where it differs from the one before; what was said at commitment has revision 0."""
    last: str | None = None
    if record.commitment and resource_id in record.commitment.skipped:
        last = record.commitment.skipped[resource_id]
        yield RevisionReason(0, Reason.of(last))
    for plan in record.plans:
        code = plan.reasons.get(resource_id)
        if code is not None and code != last:
            last = code
            yield RevisionReason(plan.revision, Reason.of(code))
