"""``me``: everything of the participant that asks."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from vpp.api.door import Door, DoorDep
from vpp.api.identity import ParticipantDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import ReadsDep
from vpp.api.routes.energy import CSV, End, Start, exported, exported_csv
from vpp.api.routes.fleet import resource_shown
from vpp.api.routes.invitations import invitation_key
from vpp.api.routes.statements import statement_shown, statements_of
from vpp.api.schemas import Page, ThingId
from vpp.api.schemas_district import ExportShown, LoadShown, ResourceShown
from vpp.api.schemas_events import EventShown, InvitationShown, ReplyShown, ResourceDecisionShown
from vpp.api.schemas_money import ConsentShown, ContributionShown, MeShown, ReasonsShown, StatementShown
from vpp.domain.access import Principal
from vpp.domain.book import EventRecord
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import InvariantError
from vpp.domain.timegrid import TimeGrid
from vpp.services.decisions import reply_of

me_router = APIRouter(prefix="/api/v1/me", tags=["me"])


def own_id(me: Principal) -> str:
    """The participant behind the principal, which a participant's always has."""
    if me.participant_id is None:
        raise InvariantError(f"{me.name!r} is a participant without participant_id")
    return me.participant_id


def _id_of(record: EventRecord) -> str:
    return record.declaration.event_id


@me_router.get("", responses=responses(401, 403, 404, 503), summary="Who I am")
async def show_me(reads: ReadsDep, me: ParticipantDep) -> MeShown:
    """My registration, and how many invitations wait for an answer."""
    line = reads.listings.participant(own_id(me))
    return MeShown(
        name=me.name,
        participant_id=line.id,
        participant_name=line.name,
        participant_name_zh=line.name_zh,
        customer_class=line.customer_class,
        rated_kw=line.rated_kw,
        resource_ids=list(line.resource_ids),
        site_ids=list(line.site_ids),
        open_invitations=sum(invitation.open for invitation in reads.events.invitations(me)),
    )


@me_router.get("/invitations", responses=responses(401, 403, 422, 503), summary="My invitations")
async def my_invitations(reads: ReadsDep, me: ParticipantDep, page: PageDep) -> Page[InvitationShown]:
    """The newest event first."""
    lines, following = cut(reads.events.invitations(me), page, key=invitation_key)
    return Page[InvitationShown](items=[InvitationShown.model_validate(line) for line in lines], next_cursor=following)


@me_router.get("/resources", responses=responses(401, 403, 422, 503), summary="My resources")
async def my_resources(reads: ReadsDep, me: ParticipantDep, page: PageDep) -> Page[ResourceShown]:
    """In order of registration."""
    lines, following = cut(reads.listings.resources_of(own_id(me)), page, key=lambda line: line.id)
    return Page[ResourceShown](items=[resource_shown(line) for line in lines], next_cursor=following)


@me_router.get("/load", responses=responses(401, 403, 404, 503), summary="My load against my baseline")
async def my_load(reads: ReadsDep, me: ParticipantDep) -> LoadShown:
    """Today's intervals and the last minutes, summed over my resources."""
    return LoadShown.model_validate(await reads.contributions.load(own_id(me)))


@me_router.get("/contributions", responses=responses(401, 403, 422, 503), summary="My contributions")
async def my_contributions(reads: ReadsDep, me: ParticipantDep, page: PageDep) -> Page[ContributionShown]:
    """Every event that concerned me, the newest first: what I said, gave and get."""
    records, following = cut(reads.events.seen_by(me), page, key=_id_of)
    items: list[ContributionShown] = []
    for record in records:
        lines = await statements_of(reads, record, me)
        items.append(
            ContributionShown(
                event=EventShown.model_validate(reads.events.line(record)),
                reply=ReplyShown.model_validate(reply_of(record, own_id(me))),
                statement=statement_shown(lines[0]) if lines else None,
            )
        )
    return Page[ContributionShown](items=items, next_cursor=following)


@me_router.get("/statements", responses=responses(401, 403, 422, 503), summary="My statements")
async def my_statements(reads: ReadsDep, me: ParticipantDep, page: PageDep) -> Page[StatementShown]:
    """The newest event first; a page holds at most as many statements as events were asked for."""
    records, following = cut(reads.events.seen_by(me), page, key=_id_of)
    items = [statement_shown(line) for record in records for line in await statements_of(reads, record, me)]
    return Page[StatementShown](items=items, next_cursor=following)


@me_router.get("/reasons", responses=responses(401, 403, 404, 422, 503), summary="Why me?")
async def my_reasons(
    reads: ReadsDep,
    me: ParticipantDep,
    event: Annotated[ThingId, Query(description="In which event.", examples=["event-1"])],
) -> ReasonsShown:
    """Why each of my resources was called or passed over, and what is asked of it."""
    reads.events.record(event, me)
    decisions = reads.decisions.resources_of(event, own_id(me))
    return ReasonsShown(
        event_id=event,
        participant_id=own_id(me),
        resources=[ResourceDecisionShown.model_validate(decision) for decision in decisions],
    )


@me_router.get("/consents", responses=responses(401, 403, 503), summary="My consents")
async def my_consents(door: DoorDep, me: ParticipantDep) -> list[ConsentShown]:
    """What I allow others to do with my data."""
    return [consent_shown(door, own_id(me), scope) for scope in ConsentScope]


@me_router.put("/consents/{scope}", responses=responses(401, 403, 404, 422, 503), summary="Give a consent")
async def give_consent(scope: ConsentScope, door: DoorDep, me: ParticipantDep) -> ConsentShown:
    """Until it is withdrawn; giving it again changes nothing."""
    await door.intake.give_consent(own_id(me), scope, by=me.name)
    return consent_shown(door, own_id(me), scope)


@me_router.delete("/consents/{scope}", responses=responses(401, 403, 404, 422, 503), summary="Withdraw a consent")
async def withdraw_consent(scope: ConsentScope, door: DoorDep, me: ParticipantDep) -> ConsentShown:
    """From now on; what was exported before is not called back."""
    await door.intake.withdraw_consent(own_id(me), scope, by=me.name)
    return consent_shown(door, own_id(me), scope)


@me_router.get("/export.json", responses=responses(401, 403, 404, 422, 503), summary="My energy data")
async def my_export_json(reads: ReadsDep, me: ParticipantDep, start: Start, end: End) -> ExportShown:
    """15-minute energy and baselines of at most 31 days."""
    return await exported(reads, me, own_id(me), TimeGrid.between(start, end))


@me_router.get(
    "/export.csv",
    response_class=Response,
    responses={**CSV, **responses(401, 403, 404, 422, 503)},
    summary="My energy data as CSV",
)
async def my_export_csv(reads: ReadsDep, me: ParticipantDep, start: Start, end: End) -> Response:
    """The same as a table."""
    return await exported_csv(reads, me, own_id(me), TimeGrid.between(start, end))


def consent_shown(door: Door, participant_id: str, scope: ConsentScope) -> ConsentShown:
    """One consent as it stands."""
    given = door.recorder.book.consents.get((participant_id, scope))
    return ConsentShown(
        scope=scope,
        given=given is not None,
        given_at=None if given is None else given.at,
        by=None if given is None else given.by,
    )
