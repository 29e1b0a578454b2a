"""Declarations, approvals, invitations, answers: everything that people decide about an event."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from vpp.domain.bids import share_of_bid
from vpp.domain.book import EventRecord
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import ConflictError, InputError, UnknownThingError
from vpp.domain.events import Declaration, EventKind, EventState, EventStep, reply_deadline
from vpp.domain.facts import (
    AccessRoundOpened,
    ConsentGiven,
    ConsentWithdrawn,
    EventAdvanced,
    EventApproved,
    EventCommitted,
    EventDeclared,
    InvitationAnswered,
    ParticipantOptedOut,
    ParticipantsInvited,
)
from vpp.domain.portfolio import as_offered
from vpp.domain.programs import Program
from vpp.domain.timegrid import format_instant, trading_day
from vpp.ports import Clock
from vpp.services.overlaps import called_elsewhere, require_alone
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

OPT_OUT_STATES = frozenset({EventState.INVITED, EventState.COMMITTED, EventState.ACTIVE})


@dataclass(frozen=True, slots=True)
class ReferencePeak:
    """The district's peak that percentages refer to: gross, with where it comes from."""

    kw: float
    source: str
    on: date


class Intake:
    """What operators and participants may ask for; each method checks, then records."""

    def __init__(
        self,
        recorder: Recorder,
        registry: Registry,
        programs: Mapping[str, Program],
        reference_peak: ReferencePeak,
        clock: Clock,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._programs = programs
        self._reference_peak = reference_peak
        self._clock = clock

    def program(self, program_id: str) -> Program:
        """The programme, or ``UnknownThingError``."""
        try:
            return self._programs[program_id]
        except KeyError:
            raise UnknownThingError("programme", program_id) from None

    async def declare(self, declaration: Declaration) -> None:
        """Records a draft event.

        Raises:
            InputError: the programme does not allow it, or the scope is unknown; the message names rule and limit.
            MissingFigureError: the programme lacks a figure without which the event could not be measured or paid.
        """
        program = self.program(declaration.program_id)
        program.require_direction(declaration.direction)
        program.require_valid_on(trading_day(declaration.start))
        program.require_baselines(declaration.direction)
        if declaration.kind is not EventKind.DRILL:
            program.payment.require_known()
        self._check_limits(declaration, program)
        if declaration.event_id in self._recorder.book.events:
            raise ConflictError(f"event id {declaration.event_id!r} is taken")
        if declaration.scope_node_id is not None:
            self._registry.fleet.node_path(declaration.scope_node_id)
        require_alone(declaration, self._recorder.book, self._registry)
        await self._recorder.record(
            EventDeclared(
                at=self._clock.now(),
                event_id=declaration.event_id,
                program_id=declaration.program_id,
                kind=declaration.kind,
                direction=declaration.direction,
                start=declaration.start,
                end=declaration.end,
                target_percent=declaration.target_percent,
                target_mw=declaration.target_mw,
                scope_node_id=declaration.scope_node_id,
                declared_by=declaration.declared_by,
            )
        )

    def _check_limits(self, declaration: Declaration, program: Program) -> None:
        self._require_ahead(declaration)
        now = self._clock.now()
        notice = program.limits.notice_minutes.value
        ahead_min = (declaration.start - now).total_seconds() / 60
        if notice is not None and declaration.kind is not EventKind.EMERGENCY and ahead_min < notice:
            raise InputError(
                f"event {declaration.event_id!r}: {ahead_min:.0f} minutes of notice, "
                f"programme {program.id!r} asks for {notice}"
            )
        longest_h = program.limits.max_hours_per_event.value
        length_h = (declaration.end - declaration.start).total_seconds() / 3600
        if longest_h is not None and length_h > longest_h:
            raise InputError(
                f"event {declaration.event_id!r} lasts {length_h:g} h, programme {program.id!r} allows {longest_h} h"
            )
        per_day = program.limits.max_events_per_day.value
        day = trading_day(declaration.start)
        same_day = [
            record
            for record in self._recorder.book.events.values()
            if trading_day(record.declaration.start) == day and record.state is not EventState.CANCELLED
        ]
        if per_day is not None and len(same_day) >= per_day:
            raise InputError(
                f"event {declaration.event_id!r}: {len(same_day)} events on {day.isoformat()} already, "
                f"programme {program.id!r} allows {per_day}"
            )

    def _require_ahead(self, declaration: Declaration) -> None:
        now = self._clock.now()
        if declaration.start <= now:
            raise InputError(
                f"event {declaration.event_id!r} starts at {format_instant(declaration.start)}, "
                f"which is not after now ({format_instant(now)})"
            )

    async def approve(self, event_id: str, *, by: str = "") -> None:
        """Freezes the reference peak and the target; ``by`` says who approved.

        Raises:
            InputError: the event's window has begun.
        """
        record = self._recorder.book.event(event_id)
        self._require_ahead(record.declaration)
        require_alone(record.declaration, self._recorder.book, self._registry)
        peak = self._reference_peak
        target = record.declaration.target_kw(peak.kw)
        await self._recorder.record(
            EventApproved(
                at=self._clock.now(),
                event_id=event_id,
                reference_peak_kw=peak.kw,
                reference_peak_source=peak.source,
                reference_peak_date=peak.on,
                target_kw=tuple(target for _ in record.grid),
                by=by,
            )
        )

    async def invite(self, event_id: str) -> None:
        """Invites every participant with a callable resource in scope."""
        record = self._recorder.book.event(event_id)
        fleet = self._registry.fleet
        callable_ids = [
            r
            for r in self._registry.in_scope(record.declaration.scope_node_id)
            if not self._registry.why_not(r, record.declaration.direction)
        ]
        invited = dict.fromkeys(fleet.participant_of(resource_id).id for resource_id in callable_ids)
        now = self._clock.now()
        reply_by = reply_deadline(now, record.declaration.start)
        await self._recorder.record(
            ParticipantsInvited(at=now, event_id=event_id, participant_ids=tuple(invited), reply_by=reply_by)
        )

    async def answer(self, event_id: str, participant_id: str, *, accepted: bool, by: str = "") -> None:
        """Records a participant's answer for all that it has; the last one before the deadline counts.

        Args:
            event_id: An invited event.
            participant_id: Whose answer it is.
            accepted: Yes or no.
            by: Who gives it on the participant's behalf; empty for the participant itself.

        Raises:
            InputError: not invited, or too late; names the deadline.
        """
        self._require_answerable(event_id, participant_id)
        await self._recorder.record(
            InvitationAnswered(
                at=self._clock.now(), event_id=event_id, participant_id=participant_id, accepted=accepted, by=by
            )
        )

    async def bid(
        self,
        event_id: str,
        participant_id: str,
        *,
        quantity_kw: float,
        price_cny_per_kwh: Decimal | None = None,
        by: str = "",
    ) -> None:
        """Records an acceptance that offers at most ``quantity_kw`` in any interval; the last answer counts.

        Args:
            event_id: An invited event.
            participant_id: Who bids.
            quantity_kw: In (0, what the participant's callable resources in scope are rated].
            price_cny_per_kwh: Refused unless the programme clears by price; none of the shipped ones does.
            by: Who bids on the participant's behalf; empty for the participant itself.

        Raises:
            InputError: not invited, too late, or a quantity or price that the event cannot take; names the limit.
        """
        record = self._require_answerable(event_id, participant_id)
        self._check_bid(record, participant_id, quantity_kw, price_cny_per_kwh)
        await self._recorder.record(
            InvitationAnswered(
                at=self._clock.now(),
                event_id=event_id,
                participant_id=participant_id,
                accepted=True,
                by=by,
                quantity_kw=float(quantity_kw),
                price_cny_per_kwh=price_cny_per_kwh,
            )
        )

    def _require_answerable(self, event_id: str, participant_id: str) -> EventRecord:
        record = self._recorder.book.event(event_id)
        now = self._clock.now()
        if record.invitation is None or participant_id not in record.invitation.participant_ids:
            raise InputError(f"participant {participant_id!r} is not invited to event {event_id!r}")
        if record.state is not EventState.INVITED or now > record.invitation.reply_by:
            raise ConflictError(
                f"participant {participant_id!r} answers event {event_id!r} at {format_instant(now)}, "
                f"after the deadline {format_instant(record.invitation.reply_by)}"
            )
        return record

    def _check_bid(
        self, record: EventRecord, participant_id: str, quantity_kw: float, price_cny_per_kwh: Decimal | None
    ) -> None:
        bids = f"participant {participant_id!r} bids"
        fleet = self._registry.fleet
        callable_ids = [
            r
            for r in self._registry.in_scope(record.declaration.scope_node_id)
            if fleet.participant_of(r).id == participant_id
            and not self._registry.why_not(r, record.declaration.direction)
        ]
        rated_kw = math.fsum(fleet.resource(resource_id).rated_kw for resource_id in callable_ids)
        if not 0 < quantity_kw <= rated_kw:
            raise InputError(
                f"{bids} {quantity_kw:g} kW for event {record.declaration.event_id!r}; more than 0 and at most "
                f"{rated_kw:g} kW is possible, what its callable resources are rated"
            )
        payment = self.program(record.declaration.program_id).payment
        if price_cny_per_kwh is not None and not payment.clears_by_price:
            raise InputError(
                f"{bids} a price of {price_cny_per_kwh} CNY/kWh, but programme {record.declaration.program_id!r} pays "
                "one price to all and clears nothing by price; bid a quantity alone"
            )

    async def opt_out(self, event_id: str, participant_id: str, reason: str, *, by: str = "") -> None:
        """Records that a participant withdraws; its resources are released at the next revision.

        Raises:
            ConflictError: it has not accepted, has left already, or the event is past leaving.
        """
        record = self._recorder.book.event(event_id)
        if not record.answers.get(participant_id):
            raise ConflictError(f"participant {participant_id!r} has not accepted event {event_id!r}")
        if record.state not in OPT_OUT_STATES:
            raise ConflictError(
                f"participant {participant_id!r} cannot leave event {event_id!r}: it is {record.state.value!r}"
            )
        if (left := record.opt_outs.get(participant_id)) is not None:
            raise ConflictError(
                f"participant {participant_id!r} has left event {event_id!r} already, at {format_instant(left.at)}"
            )
        await self._recorder.record(
            ParticipantOptedOut(
                at=self._clock.now(), event_id=event_id, participant_id=participant_id, reason=reason, by=by
            )
        )

    async def cancel(self, event_id: str, reason: str, *, by: str = "") -> None:
        """Cancels; an active event is released, verified and paid for what it delivered."""
        self._recorder.book.event(event_id)
        await self._recorder.record(
            EventAdvanced(at=self._clock.now(), event_id=event_id, step=EventStep.CANCEL, reason=reason, by=by)
        )

    async def commit(self, event_id: str) -> None:
        """Closes the list of resources that may be called, with a reason for each that may not."""
        record = self._recorder.book.event(event_id)
        fleet = self._registry.fleet
        taken: list[str] = []
        skipped: dict[str, str] = {}
        elsewhere = called_elsewhere(record, self._recorder.book)
        for resource_id in self._registry.in_scope(record.declaration.scope_node_id):
            reason = self._registry.why_not(resource_id, record.declaration.direction) or self._answer_reason(
                record.declaration.kind, record.answers.get(fleet.participant_of(resource_id).id)
            )
            if reason is None and resource_id in elsewhere:
                reason = "other-event"
            if reason is None:
                taken.append(resource_id)
            else:
                skipped[resource_id] = reason
        beyond = self._beyond_bids(record, taken)
        await self._recorder.record(
            EventCommitted(
                at=self._clock.now(),
                event_id=event_id,
                resource_ids=tuple(r for r in taken if r not in beyond),
                skipped=skipped | dict.fromkeys(sorted(beyond), "beyond-bid"),
            )
        )

    def _beyond_bids(self, record: EventRecord, accepted: list[str]) -> set[str]:
        """Accepted resources that are not needed to reach their participant's bid, by what they offer right now."""
        beyond: set[str] = set()
        for participant_id in record.replies:
            bid_kw = record.bid_kw(participant_id)
            if bid_kw is None:
                continue
            own = [r for r in accepted if self._registry.fleet.participant_of(r).id == participant_id]
            offers = [self._registry.offers[r] for r in own if r in self._registry.offers]
            offered = [as_offered(o, record.grid, self._registry.fleet) for o in offers if o.available]
            share = share_of_bid(
                offered, bid_kw, event_intervals=len(record.grid), direction=record.declaration.direction
            )
            # Who offers nothing right now may do so later, and is wanted only where the others do not reach the bid.
            silent = set(own) - {resource.id for resource in offered}
            beyond |= set(own) - set(share.kept) - (set() if share.reached else silent)
        return beyond

    async def open_round(self, access_round: int, *, by: str) -> None:
        """Lets the sites of one more access round (分轮次接入) be called in events to come; rounds open in order.

        Raises:
            InputError: it is not the next round, or no site has so high a round.
        """
        current, last = self._registry.open_round(), self._registry.fleet.last_round
        if access_round != current + 1:
            raise InputError(
                f"access round {access_round} cannot be opened: rounds up to {current} are open, "
                f"the next is {current + 1}"
            )
        if access_round > last:
            raise InputError(f"access round {access_round} cannot be opened: no site has a round above {last}")
        await self._recorder.record(AccessRoundOpened(at=self._clock.now(), round=access_round, by=by))

    async def give_consent(self, participant_id: str, scope: ConsentScope, *, by: str) -> None:
        """Records that the participant allows ``scope``; giving it again changes nothing.

        Raises:
            UnknownThingError: no such participant.
        """
        self._require_participant(participant_id)
        if (participant_id, scope) not in self._recorder.book.consents:
            await self._recorder.record(
                ConsentGiven(at=self._clock.now(), participant_id=participant_id, scope=scope, by=by)
            )

    async def withdraw_consent(self, participant_id: str, scope: ConsentScope, *, by: str) -> None:
        """Records that the participant allows ``scope`` no longer; without a consent in force nothing changes.

        Raises:
            UnknownThingError: no such participant.
        """
        self._require_participant(participant_id)
        if (participant_id, scope) in self._recorder.book.consents:
            await self._recorder.record(
                ConsentWithdrawn(at=self._clock.now(), participant_id=participant_id, scope=scope, by=by)
            )

    def _require_participant(self, participant_id: str) -> None:
        if participant_id not in self._registry.fleet.participants:
            raise UnknownThingError("participant", participant_id)

    @staticmethod
    def _answer_reason(kind: EventKind, answer: bool | None) -> str | None:  # noqa: FBT001 - the answer itself
        if kind is EventKind.EMERGENCY or answer:
            return None
        return "no-answer" if answer is None else "declined"
