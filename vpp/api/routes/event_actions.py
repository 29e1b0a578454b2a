"""What people decide about an event: approve and cancel it, answer, bid, leave."""

from fastapi import APIRouter

from vpp.api.door import DoorDep
from vpp.api.idempotency import IdempotentRoute
from vpp.api.identity import CallerDep, OperatorDep
from vpp.api.problems import ProblemError, responses
from vpp.api.reads import Reads, ReadsDep
from vpp.api.routes.events import EventId, detail_of
from vpp.api.schemas_events import (
    AnswerAsked,
    BidAsked,
    CancelAsked,
    EventDetailShown,
    InvitationShown,
    OptOutAsked,
)
from vpp.domain.access import Principal
from vpp.domain.errors import ForbiddenError, UnknownThingError

_REFUSALS = responses(401, 403, 404, 409, 422, 503)

actions_router = APIRouter(prefix="/api/v1/events/{event_id}", tags=["events"], route_class=IdempotentRoute)


@actions_router.post("/approve", responses=_REFUSALS, summary="Approve a draft")
async def approve(event_id: EventId, door: DoorDep, reads: ReadsDep, operator: OperatorDep) -> EventDetailShown:
    """Freezes the reference peak and the target; invitations follow by themselves."""
    await door.intake.approve(event_id, by=operator.name)
    return detail_of(reads, reads.events.record(event_id, operator), operator)


@actions_router.post("/cancel", responses=_REFUSALS, summary="Cancel")
async def cancel(
    event_id: EventId, asked: CancelAsked, door: DoorDep, reads: ReadsDep, operator: OperatorDep
) -> EventDetailShown:
    """Before the event has begun it just ends; a running one is released, verified and paid for what it delivered."""
    await door.intake.cancel(event_id, asked.reason, by=operator.name)
    return detail_of(reads, reads.events.record(event_id, operator), operator)


@actions_router.post("/accept", responses=_REFUSALS, summary="Accept an invitation")
async def accept(
    event_id: EventId, asked: AnswerAsked, door: DoorDep, reads: ReadsDep, caller: CallerDep
) -> InvitationShown:
    """With all that one has; the last answer before the deadline counts."""
    participant_id, by = speaking_for(reads, event_id, asked, caller)
    await door.intake.answer(event_id, participant_id, accepted=True, by=by)
    return _answered(reads, event_id, participant_id, caller)


@actions_router.post("/decline", responses=_REFUSALS, summary="Decline an invitation")
async def decline(
    event_id: EventId, asked: AnswerAsked, door: DoorDep, reads: ReadsDep, caller: CallerDep
) -> InvitationShown:
    """The last answer before the deadline counts."""
    participant_id, by = speaking_for(reads, event_id, asked, caller)
    await door.intake.answer(event_id, participant_id, accepted=False, by=by)
    return _answered(reads, event_id, participant_id, caller)


@actions_router.post("/bid", responses=_REFUSALS, summary="Accept with a quantity")
async def bid(event_id: EventId, asked: BidAsked, door: DoorDep, reads: ReadsDep, caller: CallerDep) -> InvitationShown:
    """Offers at most that quantity in any interval; the last answer before the deadline counts."""
    participant_id, by = speaking_for(reads, event_id, asked, caller)
    await door.intake.bid(
        event_id, participant_id, quantity_kw=asked.quantity_kw, price_cny_per_kwh=asked.price_cny_per_kwh, by=by
    )
    return _answered(reads, event_id, participant_id, caller)


@actions_router.post("/opt-out", responses=_REFUSALS, summary="Leave after having accepted")
async def opt_out(
    event_id: EventId, asked: OptOutAsked, door: DoorDep, reads: ReadsDep, caller: CallerDep
) -> InvitationShown:
    """The participant's resources are released at the next revision."""
    participant_id, by = speaking_for(reads, event_id, asked, caller)
    await door.intake.opt_out(event_id, participant_id, asked.reason, by=by)
    return _answered(reads, event_id, participant_id, caller)


def speaking_for(reads: Reads, event_id: str, asked: AnswerAsked, caller: Principal) -> tuple[str, str]:
    """For whom the caller answers, and who says so where that is somebody else.

    Raises:
        UnknownThingError: no such event, or none that concerns the caller; no such participant.
        ForbiddenError: a participant speaks for another.
        ProblemError: 422 when an operator names nobody.
    """
    reads.events.record(event_id, caller)
    if caller.participant_id is not None:
        if asked.participant_id not in {None, caller.participant_id}:
            raise ForbiddenError(f"{caller.name!r} may answer for participant {caller.participant_id!r} only")
        return caller.participant_id, ""
    if asked.participant_id is None:
        raise ProblemError(422, f"body.participant_id: {caller.name!r} must say on whose behalf")
    if asked.participant_id not in reads.listings.participant_ids:
        raise UnknownThingError("participant", asked.participant_id)
    return asked.participant_id, caller.name


def _answered(reads: Reads, event_id: str, participant_id: str, caller: Principal) -> InvitationShown:
    return InvitationShown.model_validate(
        reads.events.invitation(reads.events.record(event_id, caller), participant_id)
    )
