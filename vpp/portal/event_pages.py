"""One event as the operator sees it: its course, live figures, revisions, answers, reasons, report."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from vpp.api.door import DoorDep
from vpp.api.reads import ReadsDep
from vpp.domain.book import EventRecord
from vpp.domain.events import EventKind, EventState
from vpp.domain.outcome import attainment
from vpp.portal.charting import delivered_chart
from vpp.portal.gate import OperatorPageDep, PageError, PageRoute
from vpp.portal.paging import paged
from vpp.portal.rendering import page_of, render
from vpp.portal.texts import text
from vpp.services.decisions import ReplyLine, ResourceDecision
from vpp.services.event_figures import WaterfallView

REPLIES_PER_PAGE = 12
REPORTED = frozenset({EventState.VERIFYING, EventState.SETTLED, EventState.CERTIFIED})
CANCELLABLE = frozenset(
    {EventState.DRAFT, EventState.APPROVED, EventState.INVITED, EventState.COMMITTED, EventState.ACTIVE}
)
SERIES = ("verified", "commanded", "acknowledged", "target")
USUAL_COURSE = (
    EventState.DRAFT,
    EventState.APPROVED,
    EventState.INVITED,
    EventState.COMMITTED,
    EventState.ACTIVE,
    EventState.RELEASING,
    EventState.VERIFYING,
    EventState.SETTLED,
)

event_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many resources share a reason."""

    decision: ResourceDecision
    count: int


@event_router.get("/operator/events/{event_id}")
async def event(request: Request, event_id: str, session: OperatorPageDep, door: DoorDep, reads: ReadsDep) -> Response:
    """The event's page; its figures are kept fresh while it is open."""
    record = reads.events.record(event_id, session.principal)
    states = reads.decisions.states(event_id)
    view = _as_planned(record, await reads.figures.waterfall(event_id))
    language = page_of(request, session).language
    labels = {name: text(language, f"series.{name}") for name in SERIES}
    return render(
        request,
        "event.html.j2",
        session,
        detail=reads.events.detail(record, states, session.principal),
        program=door.programs.get(record.declaration.program_id),
        ahead=_ahead(record),
        present=reads.figures.present(record) if record.live else None,
        planned=bool(record.plans),
        view=view,
        chart=delivered_chart(view, labels),
        result=_result(record, view.verified_kw) if record.state in REPORTED else None,
        paid_cny=record.statements[-1].total_payment_cny if record.statements else None,
        revisions=reads.decisions.revisions(event_id),
        replies=paged(_answered_first(reads.decisions.replies(event_id)), request.query_params, REPLIES_PER_PAGE),
        names={participant.id: participant for participant in reads.listings.participants()},
        reasons=_counted(reads.decisions.resources(event_id)),
        reported=record.state in REPORTED,
        cancellable=record.state in CANCELLABLE,
    )


@event_router.get("/operator/events/{event_id}/report")
async def report(event_id: str, session: OperatorPageDep, reads: ReadsDep) -> Response:
    """Leads to the event's report, a page that can be kept and printed, once its figures are being verified."""
    record = reads.events.record(event_id, session.principal)
    if record.state not in REPORTED:
        raise PageError(HTTPStatus.CONFLICT)
    return RedirectResponse(f"/api/v1/events/{quote(event_id, safe='')}/report?format=html", HTTPStatus.SEE_OTHER)


def _as_planned(record: EventRecord, view: WaterfallView) -> WaterfallView:
    """What only a plan can say is unknown, and no zero, before there is one."""
    if record.plans:
        return view
    unknown = (None,) * len(view.interval_starts)
    return replace(view, committed_kw=unknown, commanded_kw=unknown, acknowledged_kw=unknown)


def _ahead(record: EventRecord) -> list[str]:
    """States that still lie ahead, if nothing goes otherwise."""
    if not record.live or record.cancelled:
        return []
    kind = record.declaration.kind
    course = [state for state in USUAL_COURSE if not (kind is EventKind.EMERGENCY and state is EventState.INVITED)]
    if kind is EventKind.DRILL:
        course[-1] = EventState.CERTIFIED
    return [state.value for state in course[course.index(record.state) + 1 :]]


def _result(record: EventRecord, verified_kw: Sequence[float | None]) -> object:
    """Attainment of an event whose every interval is metered, else ``None``."""
    peak = record.reference_peak
    if peak is None or any(value is None for value in verified_kw):
        return None
    return attainment(np.array(verified_kw, dtype=np.float64), record.target_kw, peak.reference_peak_kw)


def _answered_first(replies: list[ReplyLine]) -> list[ReplyLine]:
    """The latest answers first, those who have not answered last."""
    said = sorted((r for r in replies if r.at is not None), key=lambda r: r.at, reverse=True)  # type: ignore[arg-type,return-value]
    return said + [r for r in replies if r.at is None]


def _counted(decisions: Sequence[ResourceDecision]) -> list[ReasonCount]:
    """Reasons with the number of their resources; calls first, then the most frequent."""
    counts = Counter(decision.reason.code for decision in decisions)
    first = {decision.reason.code: decision for decision in reversed(decisions)}
    found = [ReasonCount(first[code], count) for code, count in counts.items()]
    return sorted(found, key=lambda each: (not each.decision.called, -each.count))
