"""Server-sent events for every page: that something has changed, and the controller's clock; never what has changed."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from vpp.api.door import Door, DoorDep
from vpp.api.identity import Identity
from vpp.api.streams import Welcome, welcome_of
from vpp.domain.timegrid import format_instant
from vpp.portal.gate import AnybodyDep, PageRoute
from vpp.portal.rendering import STREAM_PATH

TICK_LEAST_S = 1.0
TICK_MOST_S = 10.0
RETRY_MS = 3000
LONGEST_S = 3600.0

stream_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@stream_router.get(STREAM_PATH)
async def stream(request: Request, door: DoorDep, session: AnybodyDep) -> StreamingResponse:
    """One tick at once, then whenever the ledger has grown, at most once a second and at least every ten."""
    welcome = welcome_of(request, Identity(session.principal, session))
    return StreamingResponse(ticks(door, welcome), media_type="text/event-stream")


async def ticks(door: Door, welcome: Welcome) -> AsyncGenerator[str, None]:
    """The stream's text; ends when the service or the session does, or after an hour, when the browser asks again."""
    yield f"retry: {RETRY_MS}\n\n"
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_S
    while not door.stopping.is_set() and loop.time() < until and await welcome.lasts():
        position = door.recorder.position
        tick = {"position": position, "now": format_instant(door.clock.now()), "speed": door.facts.speed}
        yield f"event: tick\ndata: {json.dumps(tick)}\n\n"
        await _until_due(door, position, welcome)


async def _until_due(door: Door, position: int, welcome: Welcome) -> None:
    """Returns once the ledger has grown, the service stops, or a tick or a look at the session is due."""
    for _ in range(round(TICK_MOST_S / TICK_LEAST_S)):
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK_LEAST_S):
                await door.stopping.wait()
        if door.stopping.is_set() or door.recorder.position != position or not welcome.due_in_s:
            return
