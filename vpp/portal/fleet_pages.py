"""Who and what takes part, as lists for the operator: resources, participants, gateways."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Request, Response

from vpp.api.door import Door, DoorDep
from vpp.api.reads import ReadsDep
from vpp.domain.fleet import ResourceKind
from vpp.domain.outcome import MATERIAL_KW, commanded_kw
from vpp.portal.gate import OperatorPageDep, PageRoute
from vpp.portal.paging import paged
from vpp.portal.rendering import render
from vpp.services.listings import ResourceLine

ROWS_PER_PAGE = 50
STATES = ("available", "unavailable", "offline", "never")
FILTERS = ("kind", "node_id", "participant_id", "state")

fleet_router = APIRouter(include_in_schema=False, route_class=PageRoute)


@fleet_router.get("/operator/resources")
async def resources(request: Request, session: OperatorPageDep, door: DoorDep, reads: ReadsDep) -> Response:
    """All resources, or those that the filter leaves."""
    asked = {name: request.query_params.get(name, "") for name in FILTERS}
    lines = [line for line in reads.listings.resources() if _admits(line, asked, door)]
    participants = reads.listings.participants()
    return render(
        request,
        "resources.html.j2",
        session,
        asked=asked,
        filtered=any(asked.values()),
        lines=paged(lines, request.query_params, ROWS_PER_PAGE),
        power_kw=sum_known(line.power_kw for line in lines),
        reporting=sum(line.power_kw is not None for line in lines),
        reachable_kw=sum_known(
            # What is offered and cannot be called right now is a known zero.
            line.reachable_kw if line.state == "available" or line.reachable_kw is None else 0.0
            for line in lines
        ),
        asked_kw=_asked_now(door),
        names={participant.id: participant for participant in participants},
        participants=participants,
        nodes=door.registry.fleet.nodes,
        kinds=[kind.value for kind in ResourceKind],
        states=STATES,
    )


@fleet_router.get("/operator/participants")
async def participants(request: Request, session: OperatorPageDep, reads: ReadsDep) -> Response:
    """All participants."""
    return render(
        request,
        "participants.html.j2",
        session,
        lines=paged(reads.listings.participants(), request.query_params, ROWS_PER_PAGE),
    )


@fleet_router.get("/operator/gateways")
async def gateways(request: Request, session: OperatorPageDep, reads: ReadsDep) -> Response:
    """All gateways."""
    lines = reads.listings.gateways()
    return render(
        request,
        "gateways.html.j2",
        session,
        lines=paged(lines, request.query_params, ROWS_PER_PAGE),
        online=Counter(line.online for line in lines)[True],
    )


def sum_known(values_kw: Iterable[float | None]) -> float | None:
    """The sum of what is known; ``None``, not zero, where nothing is."""
    known = [value for value in values_kw if value is not None]
    return math.fsum(known) if known else None


def _admits(line: ResourceLine, asked: Mapping[str, str], door: Door) -> bool:
    node = asked["node_id"]
    return (
        (not asked["kind"] or line.kind == asked["kind"])
        and (not node or node in door.registry.fleet.node_path(line.node_id))
        and (not asked["participant_id"] or line.participant_id == asked["participant_id"])
        and (not asked["state"] or line.state == asked["state"])
    )


def _asked_now(door: Door) -> dict[str, float]:
    """Response that is asked of resources right now, in kW."""
    now = door.clock.now()
    asked: dict[str, float] = {}
    for record in door.recorder.book.events.values():
        if record.live and now in record.grid:
            index = record.grid.index_of(now)
            asked |= {r: float(kw[index]) for r, kw in commanded_kw(record).items() if kw[index] > MATERIAL_KW}
    return asked
