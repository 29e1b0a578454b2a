"""The operator's overview and the page that declares an event."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from vpp.api.door import DoorDep
from vpp.api.reads import Reads, ReadsDep
from vpp.domain.book import EventRecord
from vpp.domain.errors import InputError
from vpp.domain.events import Direction, EventKind
from vpp.domain.timegrid import ceil_interval
from vpp.portal.declaring import asked_of, flaws_of
from vpp.portal.gate import OperatorPageDep, PageRoute
from vpp.portal.paging import paged
from vpp.portal.reaching import reach_of
from vpp.portal.rendering import render
from vpp.services.event_listings import EventLine
from vpp.services.reachability import Reach, Window
from vpp.services.tracking import Present

NEXT_HOUR = timedelta(hours=1)
DUTY_PERCENT = 5.0
"""Peak-load response capability that the district is to have (Beichen's carbon-peak plan)."""
EVENTS_PER_PAGE = 20

operator_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class EventRow:
    """A line of the overview's table; the payment is that of the issued statements."""

    line: EventLine
    paid_cny: str | None


@dataclass(frozen=True, slots=True)
class Running:
    """An event under way, with the running interval's figures; what a plan says is unknown until there is one."""

    line: EventLine
    present: Present | None
    planned: bool


@operator_router.get("/operator")
async def overview(request: Request, session: OperatorPageDep, door: DoorDep, reads: ReadsDep) -> Response:
    """How the district stands."""
    records = reads.events.seen_by(session.principal)
    rows = [_row(reads, record) for record in records]
    gateways = reads.listings.gateways()
    start = ceil_interval(door.clock.now())
    return render(
        request,
        "overview.html.j2",
        session,
        running=[_running(reads, record) for record in records if record.live],
        events=paged(rows, request.query_params, EVENTS_PER_PAGE),
        gateways_online=sum(gateway.online for gateway in gateways),
        gateways=len(gateways),
        reach=await _reach_or_none(request, Window(start, start + NEXT_HOUR)),
        duty_percent=DUTY_PERCENT,
        warning=await door.orderly_use.orderly_use(),
        peak=door.reference_peak,
    )


@operator_router.get("/operator/events/new")
async def declare(request: Request, session: OperatorPageDep, door: DoorDep) -> Response:
    """What is reachable in the chosen window, and the form that declares an event for it."""
    asked = asked_of(request.query_params, door)
    span = asked.span
    node_id = asked.scope_node_id or None
    reach = None if span is None else await _reach_or_none(request, Window(*span, node_id, _direction(asked.direction)))
    return render(
        request,
        "declare.html.j2",
        session,
        asked=asked,
        flaws=flaws_of(asked, door),
        reach=reach,
        target_kw=asked.target_kw(door.reference_peak.kw),
        peak=door.reference_peak,
        programs=list(door.programs.values()),
        program=door.programs.get(asked.program_id),
        nodes=list(door.registry.fleet.nodes.values()),
        kinds=[kind.value for kind in EventKind],
        fields=("program_id", "kind", "direction", "start", "end", "target_percent", "target_mw", "scope_node_id"),
    )


def _direction(asked: str) -> Direction:
    """What was asked for; curtailing where it was nothing that there is."""
    return Direction(asked) if asked in set(Direction) else Direction.CURTAIL


async def _reach_or_none(request: Request, window: Window) -> Reach | None:
    """What is reachable, ``None`` where the window or node cannot be asked about."""
    try:
        return await reach_of(request, window.start, window.end, window.node_id, window.direction)
    except InputError:
        return None


def _row(reads: Reads, record: EventRecord) -> EventRow:
    paid = record.statements[-1].total_payment_cny if record.statements else None
    return EventRow(reads.events.line(record), paid)


def _running(reads: Reads, record: EventRecord) -> Running:
    return Running(reads.events.line(record), reads.figures.present(record), bool(record.plans))
