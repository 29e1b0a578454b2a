"""Events: declare, list, look at one from every side."""

import html
import re
import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from vpp.api.door import Door, DoorDep
from vpp.api.idempotency import IdempotentRoute, created_id
from vpp.api.identity import CallerDep, OperatorDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import Reads, ReadsDep
from vpp.api.schemas import Instant, Page, ThingId, finite
from vpp.api.schemas_events import (
    DecisionsShown,
    EventAsked,
    EventDetailShown,
    EventShown,
    ReplyShown,
    ResourceDecisionShown,
    RevisionShown,
    StateShown,
    WaterfallShown,
)
from vpp.domain.access import Principal
from vpp.domain.book import EventRecord
from vpp.domain.errors import ConflictError
from vpp.domain.events import Declaration, EventState
from vpp.services.decisions import ResourceDecision
from vpp.services.event_listings import EventFilter

EventId = Annotated[ThingId, Path(description="As listed.", examples=["event-1"])]
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
_ONLY_IN_A_FILE = {"scenario": None, "seed": None, "log_hash": None, "truth": None}

events_router = APIRouter(prefix="/api/v1/events", tags=["events"], route_class=IdempotentRoute)


def _id_of(record: EventRecord) -> str:
    return record.declaration.event_id


def _resource_of(decision: ResourceDecision) -> str:
    return decision.resource_id


def detail_of(reads: Reads, record: EventRecord, principal: Principal) -> EventDetailShown:
    """The event as ``principal`` may see it."""
    event_id = record.declaration.event_id
    detail = reads.events.detail(record, reads.decisions.states(event_id), principal)
    shown = EventShown.model_validate(detail.line).model_dump()
    for name in EventDetailShown.model_fields.keys() - shown.keys():
        shown[name] = getattr(detail, name)
    return EventDetailShown.model_validate(shown, from_attributes=True)


@events_router.post("", status_code=201, responses=responses(401, 403, 404, 409, 422, 503), summary="Declare an event")
async def declare(  # noqa: PLR0913, PLR0917 - each is a part of the request
    asked: EventAsked, request: Request, response: Response, door: DoorDep, reads: ReadsDep, operator: OperatorDep
) -> EventDetailShown:
    """Checks the declaration against its programme; the event is a draft until it is approved."""
    made_up = created_id(request, "event", operator.name)
    declaration = Declaration(
        event_id=asked.id or made_up or _new_id(door),
        program_id=asked.program_id,
        kind=asked.kind,
        direction=asked.direction,
        start=asked.start,
        end=asked.end,
        target_percent=asked.target_percent,
        target_mw=asked.target_mw,
        scope_node_id=asked.scope_node_id,
        declared_by=operator.name,
    )
    there = door.recorder.book.events.get(declaration.event_id)
    if there is not None and (asked.id is not None or there.declaration != declaration):
        raise ConflictError(f"event id {declaration.event_id!r} is taken")
    if there is None:
        await door.intake.declare(declaration)
    response.headers["Location"] = f"/api/v1/events/{declaration.event_id}"
    return detail_of(reads, door.recorder.book.event(declaration.event_id), operator)


def _new_id(door: Door) -> str:
    """``event-`` and the next number; something random where somebody else has taken that."""
    events = door.recorder.book.events
    numbered = f"event-{len(events) + 1}"
    return numbered if numbered not in events else f"event-{secrets.token_hex(6)}"


@events_router.get("", responses=responses(401, 422, 503), summary="List events")
async def list_events(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    state: Annotated[list[EventState] | None, Query(description="Only these states.", max_length=10)] = None,
    start_from: Annotated[Instant | None, Query(alias="from", description="Only events that end after it.")] = None,
    start_to: Annotated[Instant | None, Query(alias="to", description="Only events that start before it.")] = None,
    program: Annotated[ThingId | None, Query(description="Only of this programme.")] = None,
) -> Page[EventShown]:
    """The newest declared first; a participant sees those that concern it."""
    asked = EventFilter(frozenset(state) if state else None, start_from, start_to, program)
    records, following = cut(reads.events.seen_by(caller), page, key=_id_of, keep=asked.admits)
    items = [EventShown.model_validate(reads.events.line(record)) for record in records]
    return Page[EventShown](items=items, next_cursor=following)


@events_router.get("/{event_id}", responses=responses(401, 404, 422, 503), summary="One event")
async def show(event_id: EventId, reads: ReadsDep, caller: CallerDep) -> EventDetailShown:
    """Its course, its reference peak, how far invitations have got."""
    return detail_of(reads, reads.events.record(event_id, caller), caller)


@events_router.get(
    "/{event_id}/revisions", responses=responses(401, 403, 404, 422, 503), summary="Revisions of the plan"
)
async def revisions(event_id: EventId, reads: ReadsDep, operator: OperatorDep) -> list[RevisionShown]:
    """All revisions, oldest first, each with why it was made and what limits it."""
    reads.events.record(event_id, operator)
    return [RevisionShown.model_validate(revision) for revision in reads.decisions.revisions(event_id)]


@events_router.get(
    "/{event_id}/waterfall", responses=responses(401, 403, 404, 422, 503), summary="The five figures per interval"
)
async def waterfall(event_id: EventId, reads: ReadsDep, operator: OperatorDep) -> WaterfallShown:
    """Committed, commanded, acknowledged, metered, verified: live while it runs, final once it has ended."""
    reads.events.record(event_id, operator)
    return WaterfallShown.model_validate(await reads.figures.waterfall(event_id))


@events_router.get(
    "/{event_id}/decisions", responses=responses(401, 403, 404, 422, 503), summary="Every decision with its reason"
)
async def decisions(event_id: EventId, reads: ReadsDep, operator: OperatorDep, page: PageDep) -> DecisionsShown:
    """States, answers, revisions; and for each resource in scope why it was called or passed over."""
    reads.events.record(event_id, operator)
    found: Sequence[ResourceDecision] = reads.decisions.resources(event_id)
    resources, following = cut(found, page, key=_resource_of)
    return DecisionsShown(
        event_id=event_id,
        states=[StateShown.model_validate(step) for step in reads.decisions.states(event_id)],
        replies=[ReplyShown.model_validate(reply) for reply in reads.decisions.replies(event_id)],
        revisions=[RevisionShown.model_validate(revision) for revision in reads.decisions.revisions(event_id)],
        resources=[ResourceDecisionShown.model_validate(decision) for decision in resources],
        next_cursor=following,
    )


@events_router.get(
    "/{event_id}/report",
    response_class=JSONResponse,
    responses={
        200: {
            "description": "The report: provisional until the event has ended.",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "text/html": {"schema": {"type": "string"}},
            },
        },
        **responses(401, 403, 404, 409, 422, 503),
    },
    summary="The report",
)
async def report(
    event_id: EventId,
    door: DoorDep,
    reads: ReadsDep,
    operator: OperatorDep,
    form: Annotated[Literal["json", "html"], Query(alias="format", description="For programs or for people.")] = "json",
) -> Response:
    """`report.json`, or the page that opens without a network; what only a simulation knows is null."""
    record = reads.events.record(event_id, operator)
    if record.baselines is None:
        raise ConflictError(
            f"event {event_id!r} is {record.state.value!r} and has no frozen baselines: there is nothing to report"
        )
    found: dict[str, Any] = await door.views.report(event_id) | _ONLY_IN_A_FILE
    return JSONResponse(finite(found)) if form == "json" else _page(door, found)


def _page(door: Door, report: dict[str, Any]) -> HTMLResponse:
    """The page with its own policy, which names its scripts by their digests."""
    page = door.render_report(report)
    named = _POLICY.search(page)
    policy = html.unescape(named[1]) if named else "default-src 'none'"
    return HTMLResponse(page, headers={"Content-Security-Policy": f"{policy}; frame-ancestors 'none'"})
