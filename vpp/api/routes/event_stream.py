"""The stream of one event: its state and live figures as they change, by server-sent events.

Every message is a whole picture with the ledger's position as its id, so that a reader who was away, or too slow,
misses pictures but nothing that counts. A reader that comes back says which position it has seen (``Last-Event-ID``).
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import Field

from vpp.api.door import Door, door_of_request
from vpp.api.identity import IdentityDep
from vpp.api.problems import ProblemError, responses
from vpp.api.reads import Reads, ReadsDep
from vpp.api.routes.events import EventId
from vpp.api.schemas import Instant, Shown
from vpp.api.schemas_events import StateShown
from vpp.api.streams import StreamPlace, Welcome, welcome_of
from vpp.domain.access import Principal
from vpp.domain.book import EventRecord
from vpp.domain.errors import UnknownThingError
from vpp.domain.events import EventState

GATHER_S = 0.2
"""Facts come in bursts, such as acknowledgements: one picture is drawn of them all."""
RETRY_MS = 3000

stream_router = APIRouter(prefix="/api/v1/events/{event_id}", tags=["events"])


class StatePicture(Shown):
    """Data of ``state``: the event's whole course so far."""

    event_id: str
    state: EventState
    states: list[StateShown]
    revision: int
    live: bool


class FiguresPicture(Shown):
    """Data of ``figures``: means since the running interval began, kW.

    Participants get what is asked of and metered at their own resources, and no figure of the district.
    """

    as_of: Instant
    interval: Instant
    target_kw: float | None
    committed_kw: float | None
    commanded_kw: float
    acknowledged_kw: float
    metered_kw: float | None = Field(description="Null until the interval's first reading.")
    verified_kw: float | None
    by_kind_kw: dict[str, float]


class EndPicture(Shown):
    """Data of ``end``: the event is over, nothing follows."""

    state: EventState


@dataclass(frozen=True, slots=True)
class _Listening:
    """One reader of one event, with its place among the open streams."""

    door: Door
    reads: Reads
    record: EventRecord
    caller: Principal
    place: StreamPlace
    welcome: Welcome


async def _listening(
    event_id: EventId, request: Request, reads: ReadsDep, identity: IdentityDep
) -> AsyncIterator[_Listening]:
    """Dependency: the event, looked up before the answer begins; 503 when too many listen already.

    The place is given back whatever becomes of the request, also when its stream never begins.
    """
    caller, door = identity.principal, door_of_request(request)
    record = reads.events.record(event_id, caller)

    def may_see() -> bool:
        try:
            reads.events.record(event_id, caller)
        except UnknownThingError:
            return False
        return True

    try:
        place = reads.streams.take(caller)
    except ProblemError:
        door.metrics.count("streams_refused")
        raise
    try:
        yield _Listening(door, reads, record, caller, place, welcome_of(request, identity, may_see))
    finally:
        reads.streams.release(place)


@stream_router.get(
    "/stream",
    response_class=EventSourceResponse,
    responses=responses(401, 404, 422, 503),
    summary="Follow an event live",
)
async def stream(
    listening: Annotated[_Listening, Depends(_listening)],
    last_event_id: Annotated[
        int | None, Header(alias="Last-Event-ID", ge=0, le=2**53, description="Id of the last message seen.")
    ] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Messages `state`, `figures` and, last of all, `end`; a comment every 15 s keeps the line open.

    Ends without `end` when the session or the API key does, or the event may no longer be seen.
    """
    try:
        yield ServerSentEvent(comment=f"event {listening.record.declaration.event_id}", retry=RETRY_MS)
        async for message in _messages(listening, last_event_id):
            yield message
    finally:
        # Before the reader is told that nothing follows, so that it finds its place free when it comes back.
        listening.reads.streams.release(listening.place)


async def _messages(listening: _Listening, seen: int | None) -> AsyncIterator[ServerSentEvent]:
    door, reads, record, caller = listening.door, listening.reads, listening.record, listening.caller
    own = None if caller.participant_id is None else reads.listings.ids_of(caller.participant_id)
    position = door.recorder.position
    if seen is not None and seen == position and record.live:
        last_state: StatePicture | None = _state(reads, record)
        last_figures = _figures(door, reads, record, own)
    else:
        last_state, last_figures = None, None
    while await listening.welcome.lasts():
        position = door.recorder.position
        state, figures = _state(reads, record), _figures(door, reads, record, own)
        if state != last_state:
            yield ServerSentEvent(event="state", id=str(position), data=state)
        if figures is not None and figures != last_figures:
            yield ServerSentEvent(event="figures", id=str(position), data=figures)
        if not record.live:
            yield ServerSentEvent(event="end", id=str(position), data=EndPicture(state=record.state))
            return
        last_state, last_figures = state, figures
        if not await _news(door, position, listening.welcome.due_in_s):
            return


async def _news(door: Door, position: int, within_s: float) -> bool:
    """``False`` when the service stops; returns once there are facts behind ``position``, or after that time."""
    async with asyncio.TaskGroup() as group:
        news = group.create_task(door.recorder.beyond(position), name="stream/news")
        stopping = group.create_task(door.stopping.wait(), name="stream/stopping")
        await asyncio.wait({news, stopping}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        if news.done() and not door.stopping.is_set():
            await asyncio.wait({stopping}, timeout=GATHER_S)
        news.cancel()
        stopping.cancel()
    return not door.stopping.is_set()


def _state(reads: Reads, record: EventRecord) -> StatePicture:
    return StatePicture(
        event_id=record.declaration.event_id,
        state=record.state,
        states=[StateShown.model_validate(step) for step in reads.decisions.states(record.declaration.event_id)],
        revision=record.plans[-1].revision if record.plans else 0,
        live=record.live,
    )


def _figures(door: Door, reads: Reads, record: EventRecord, own: frozenset[str] | None) -> FiguresPicture | None:
    present = reads.figures.present(record, own)
    if present is None or not record.live:
        return None
    return FiguresPicture(
        as_of=door.clock.now().replace(second=0, microsecond=0),
        interval=present.interval,
        target_kw=present.target_kw if own is None else None,
        committed_kw=present.committed_kw if own is None else None,
        commanded_kw=present.commanded_kw,
        acknowledged_kw=present.acknowledged_kw,
        metered_kw=present.metered_kw,
        verified_kw=present.verified_kw,
        by_kind_kw=dict(present.by_kind_kw),
    )
