"""The capability table for operators: one notice by the hour, darker where more can be held."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from fastapi import APIRouter, Request, Response

from vpp.api.door import DoorDep
from vpp.domain.capability_table import NOTICES, CapabilityTable
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL
from vpp.portal.gate import OperatorPageDep, PageRoute
from vpp.portal.rendering import render

SHADES = 6
HOUR = timedelta(hours=1)
USUAL_NOTICE = "30min"
COST_DURATION = 4
"""Costs are shown for calls of one hour."""

capability_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@dataclass(frozen=True, slots=True)
class Cell:
    """The weakest of an hour's starts; ``None`` where no call can be given in time.

    Attributes:
        shade: 0 to ``SHADES`` - 1, by the likely level against the largest of the page.
    """

    likely_kw: float | None
    even_kw: float | None
    rebound_kw: float | None
    shade: int


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour's starts.

    Attributes:
        cells: One per duration.
        cost_cny_per_kwh: Dearest mean price of each fifth for calls of one hour; empty where there is none.
    """

    start: datetime
    cells: tuple[Cell, ...]
    cost_cny_per_kwh: tuple[float, ...]


@capability_router.get("/operator/capability")
async def capability(request: Request, session: OperatorPageDep, door: DoorDep) -> Response:
    """What can be held from each hour of the next day, for what is asked about as far as it exists."""
    asked = request.query_params
    nodes = door.registry.fleet.nodes
    node_id = asked.get("node_id") if asked.get("node_id") in nodes else None
    direction = next((d for d in Direction if d.value == asked.get("direction")), Direction.CURTAIL)
    names = [notice.name for notice in NOTICES]
    notice = asked.get("notice") if asked.get("notice") in names else USUAL_NOTICE
    view = await door.tables.of(node_id, direction)
    return render(
        request,
        "capability.html.j2",
        session,
        view=view,
        node_id=node_id or "",
        direction=direction.value,
        notice=notice,
        notices=names,
        directions=[d.value for d in Direction],
        nodes=list(nodes.values()),
        hours=[duration * INTERVAL / HOUR for duration in view.table.durations],
        rows=hour_rows(view.table, names.index(notice or USUAL_NOTICE)),
    )


def hour_rows(table: CapabilityTable, notice: int) -> list[HourRow]:
    """The table of one notice, by position, with the starts of each hour taken together."""
    hours: dict[datetime, list[int]] = {}
    for position, start in enumerate(table.starts):
        hours.setdefault(start.replace(minute=0), []).append(position)
    likely_kw = table.prob90_kw[notice]
    most_kw = float(np.nanmax(likely_kw)) if np.isfinite(likely_kw).any() else 0.0
    return [
        HourRow(
            table.starts[positions[0]],
            tuple(_cell(table, (notice, d), positions, most_kw) for d in range(len(table.durations))),
            _cost(table.cost_cny_per_kwh[notice, table.durations.index(COST_DURATION)][positions]),
        )
        for positions in hours.values()
    ]


def _cell(table: CapabilityTable, at: tuple[int, int], positions: list[int], most_kw: float) -> Cell:
    likely_kw, even_kw, rebound_kw = (
        _least(values[at][positions]) for values in (table.prob90_kw, table.prob50_kw, table.rebound_kw)
    )
    shade = 0 if not likely_kw or most_kw <= 0 else min(int(SHADES * likely_kw / most_kw), SHADES - 1)
    return Cell(likely_kw, even_kw, rebound_kw, shade)


def _least(values: Series) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.min()) if known.size else None


def _cost(curves: Series) -> tuple[float, ...]:
    known = curves[np.isfinite(curves).all(axis=1)]
    return tuple(known.max(axis=0).tolist()) if len(known) else ()
