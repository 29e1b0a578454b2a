"""Invitations: per participant and event."""

from typing import Annotated

from fastapi import APIRouter, Query

from vpp.api.identity import CallerDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import ReadsDep
from vpp.api.routes.events import EventId
from vpp.api.schemas import Page, ThingId
from vpp.api.schemas_events import InvitationShown
from vpp.domain.access import may_see
from vpp.domain.errors import UnknownThingError
from vpp.services.event_listings import InvitationLine

invitations_router = APIRouter(prefix="/api/v1", tags=["invitations"])


def invitation_key(line: InvitationLine) -> str:
    """What tells invitations apart."""
    return f"{line.event_id}/{line.participant_id}"


@invitations_router.get("/invitations", responses=responses(401, 422, 503), summary="List invitations")
async def list_invitations(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    event: Annotated[ThingId | None, Query(description="Only to this event.")] = None,
    participant: Annotated[ThingId | None, Query(description="Only of this participant.")] = None,
    is_open: Annotated[bool | None, Query(alias="open", description="Only those that may (not) be answered.")] = None,
) -> Page[InvitationShown]:
    """The newest event first; a participant sees its own."""
    lines, following = cut(
        reads.events.invitations(caller),
        page,
        key=invitation_key,
        keep=lambda line: (
            (event is None or line.event_id == event)
            and (participant is None or line.participant_id == participant)
            and (is_open is None or line.open is is_open)
        ),
    )
    return Page[InvitationShown](items=[InvitationShown.model_validate(line) for line in lines], next_cursor=following)


@invitations_router.get(
    "/events/{event_id}/invitations/{participant_id}",
    responses=responses(401, 404, 422, 503),
    summary="One invitation",
)
async def show_invitation(
    event_id: EventId, participant_id: ThingId, reads: ReadsDep, caller: CallerDep
) -> InvitationShown:
    """With the answer so far, and the most that may be bid."""
    record = reads.events.record(event_id, caller)
    if not may_see(caller, participant_id):
        raise UnknownThingError("invitation", f"{event_id}/{participant_id}")
    return InvitationShown.model_validate(reads.events.invitation(record, participant_id))
