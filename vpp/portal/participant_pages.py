"""The participant's pages: invitations, live load, what is asked and why, contribution, payment, data.

Every figure is of the participant that is logged in; another's event is as unknown as one that is not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from vpp.api.door import Door, DoorDep
from vpp.api.reads import Reads, ReadsDep
from vpp.domain.book import EventRecord
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import UnknownThingError
from vpp.domain.outcome import MATERIAL_KW, commanded_kw
from vpp.domain.settlement import statement_bytes
from vpp.domain.timegrid import day_start, format_instant, trading_day
from vpp.portal.charting import load_chart
from vpp.portal.gate import PageRoute, ParticipantPageDep
from vpp.portal.paging import paged
from vpp.portal.rendering import page_of, render
from vpp.portal.texts import text
from vpp.services.accounts import Session
from vpp.services.contributions import StatementLine
from vpp.services.energy_data import EXPORT_MOST
from vpp.services.event_listings import InvitationLine

STATEMENTS_PER_PAGE = 25
EVENTS_SHOWN = 8
EXPORT_DAYS = timedelta(days=7)
SERIES = ("load", "baseline")

participant_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Settled:
    """A participant's event with its statement, where it has one."""

    record: EventRecord
    line: StatementLine | None


@participant_router.get("/me")
async def me(request: Request, session: ParticipantPageDep, door: DoorDep, reads: ReadsDep) -> Response:
    """What waits for an answer, what is asked right now, and the load."""
    participant_id = _own_id(session)
    invitations = reads.events.invitations(session.principal)
    records = reads.events.seen_by(session.principal)
    load = await reads.contributions.load(participant_id)
    language = page_of(request, session).language
    labels = {name: text(language, f"series.{name}") for name in SERIES}
    bands = [(r.declaration.start, r.end) for r in records if not (r.cancelled and r.end <= r.declaration.start)]
    return render(
        request,
        "me.html.j2",
        session,
        participant=reads.listings.participant(participant_id),
        waiting=[(line, _program(door, line)) for line in invitations if line.open],
        underway=[_underway(reads, door, record, participant_id) for record in records if record.live and record.plans],
        resources=reads.listings.resources_of(participant_id),
        asked_kw=_asked_now(records, door.clock.now()),
        chart=load_chart(load, labels, bands),
        baseline_known=load.event_id is not None,
        events=await _settled(reads, records[:EVENTS_SHOWN], participant_id),
    )


@participant_router.get("/me/events/{event_id}")
async def my_event(
    request: Request, event_id: str, session: ParticipantPageDep, door: DoorDep, reads: ReadsDep
) -> Response:
    """One event: the contribution interval by interval, the reasons, and the payment as on the statement."""
    participant_id = _own_id(session)
    record = reads.events.record(event_id, session.principal)
    statement = await _statement(reads, record, participant_id)
    invitation = None
    if record.invitation is not None and participant_id in record.invitation.participant_ids:
        invitation = reads.events.invitation(record, participant_id)
    return render(
        request,
        "my_event.html.j2",
        session,
        line=reads.events.line(record),
        states=reads.decisions.states(event_id),
        program=door.programs.get(record.declaration.program_id),
        invitation=invitation,
        statement=statement,
        decisions=reads.decisions.resources_of(event_id, participant_id),
        underway=_underway(reads, door, record, participant_id) if record.live and record.plans else None,
    )


@participant_router.get("/me/events/{event_id}/statement.json")
async def my_statement(event_id: str, session: ParticipantPageDep, reads: ReadsDep) -> Response:
    """The statement in its canonical form: the very bytes that its digest covers."""
    reads.events.record(event_id, session.principal)
    line = await reads.contributions.statement(event_id, _own_id(session))
    name = f"statement-{''.join(c if c.isalnum() or c in '-_' else '_' for c in event_id)}.json"
    return Response(
        statement_bytes(line.statement),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@participant_router.get("/me/statements")
async def my_statements(request: Request, session: ParticipantPageDep, reads: ReadsDep) -> Response:
    """All statements, the newest first."""
    participant_id = _own_id(session)
    found = await _settled(reads, reads.events.seen_by(session.principal), participant_id)
    with_statement = [each for each in found if each.line is not None]
    final = [each.line.statement.payment_cny for each in with_statement if each.line and not each.line.provisional]
    return render(
        request,
        "statements.html.j2",
        session,
        lines=paged(with_statement, request.query_params, STATEMENTS_PER_PAGE),
        total_cny=sum(final),
        final=len(final),
    )


@participant_router.get("/me/data")
async def my_data(request: Request, session: ParticipantPageDep, door: DoorDep) -> Response:
    """Who may export the participant's data, and its own export."""
    today = trading_day(door.clock.now())
    return render(
        request,
        "my_data.html.j2",
        session,
        consent=door.recorder.book.consents.get((_own_id(session), ConsentScope.ENERGY_DATA)),
        scope=ConsentScope.ENERGY_DATA.value,
        export_from=day_start(today) - EXPORT_DAYS,
        export_to=day_start(today),
        refused="refused" in request.query_params,
    )


@participant_router.get("/me/data/export")
async def my_export(first: str, last: str, _: ParticipantPageDep, form: Literal["csv", "json"] = "csv") -> Response:
    """Leads to the API's export of whole trading days, the last one included."""
    try:
        start, end = day_start(date.fromisoformat(first)), day_start(date.fromisoformat(last) + timedelta(days=1))
    except (ValueError, OverflowError):
        return RedirectResponse("/me/data?refused=yes", HTTPStatus.SEE_OTHER)
    if not timedelta() < end - start <= EXPORT_MOST:
        return RedirectResponse("/me/data?refused=yes", HTTPStatus.SEE_OTHER)
    window = urlencode({"start": format_instant(start), "end": format_instant(end)})
    return RedirectResponse(f"/api/v1/me/export.{form}?{window}", HTTPStatus.SEE_OTHER)


@dataclass(frozen=True, slots=True)
class Underway:
    """What a live event asks of the participant.

    Attributes:
        asked_kw: Sum over its resources in the running interval; ``None`` outside the window.
        verified_kw: Of the running interval so far; ``None`` before the first reading.
    """

    record: EventRecord
    invitation: InvitationLine | None
    asked_kw: float | None
    verified_kw: float | None
    called: int
    decisions: object


def _underway(reads: Reads, door: Door, record: EventRecord, participant_id: str) -> Underway:
    own = door.registry.fleet.by_participant.get(participant_id, ())
    present = reads.figures.present(record, own)
    invited = record.invitation is not None and participant_id in record.invitation.participant_ids
    decisions = reads.decisions.resources_of(record.declaration.event_id, participant_id)
    return Underway(
        record=record,
        invitation=reads.events.invitation(record, participant_id) if invited else None,
        asked_kw=None if present is None else present.commanded_kw,
        verified_kw=None if present is None else present.verified_kw,
        called=sum(decision.called for decision in decisions),
        decisions=decisions,
    )


def _asked_now(records: list[EventRecord], now: datetime) -> Mapping[str, float]:
    asked: dict[str, float] = {}
    for record in records:
        if record.live and now in record.grid:
            index = record.grid.index_of(now)
            asked |= {r: float(kw[index]) for r, kw in commanded_kw(record).items() if kw[index] > MATERIAL_KW}
    return asked


async def _settled(reads: Reads, records: list[EventRecord], participant_id: str) -> list[Settled]:
    return [Settled(record, await _statement(reads, record, participant_id)) for record in records]


async def _statement(reads: Reads, record: EventRecord, participant_id: str) -> StatementLine | None:
    """The participant's statement; ``None`` where it was not called, or nothing is metered yet."""
    try:
        return await reads.contributions.statement(record.declaration.event_id, participant_id)
    except UnknownThingError:
        return None


def _program(door: Door, line: InvitationLine) -> object:
    return door.programs.get(line.program_id)


def _own_id(session: Session) -> str:
    participant_id = session.principal.participant_id
    assert participant_id is not None  # noqa: S101 - held by Principal for its role
    return participant_id
