"""What is reachable in a window, looked up once a minute of the controller's clock however many people look at it."""

from collections import OrderedDict
from datetime import datetime

from fastapi import Request

from vpp.api.door import door_of_request
from vpp.api.reads import reads_of_request
from vpp.domain.events import Direction
from vpp.services.reachability import Reach, Window

KEPT = 32


async def reach_of(
    request: Request,
    start: datetime,
    end: datetime,
    node_id: str | None = None,
    direction: Direction = Direction.CURTAIL,
) -> Reach:
    """The read model's answer, kept for the minute.

    Raises:
        InputError: as the read model.
    """
    state = request.app.state
    if not hasattr(state, "portal_reach"):
        state.portal_reach = OrderedDict()
    kept: OrderedDict[object, Reach] = state.portal_reach
    minute = door_of_request(request).clock.now().replace(second=0, microsecond=0)
    key = (minute, start, end, node_id, direction)
    if key not in kept:
        kept[key] = await reads_of_request(request).reachability.of(Window(start, end, node_id, direction))
        while len(kept) > KEPT:
            kept.popitem(last=False)
    return kept[key]
