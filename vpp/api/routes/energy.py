"""Meters: readings, frozen baselines, and the export of a participant's energy data with its consent."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from vpp.api.door import DoorDep
from vpp.api.identity import CallerDep, OperatorDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import Reads, ReadsDep
from vpp.api.schemas import EXAMPLE_INSTANT, Instant, Page, ThingId
from vpp.api.schemas_district import BaselineShown, EnergyShown, ExportShown, ReadingShown
from vpp.domain.access import Principal, may_see
from vpp.domain.errors import UnknownThingError
from vpp.domain.timegrid import TimeGrid
from vpp.services.energy_data import energy_csv

energy_router = APIRouter(prefix="/api/v1", tags=["energy"])
Start = Annotated[Instant, Query(description="First instant.", examples=[EXAMPLE_INSTANT])]
End = Annotated[Instant, Query(description="First instant behind it.", examples=["2026-07-22T07:00:00Z"])]
CSV: dict[int | str, dict[str, Any]] = {
    200: {"description": "CSV (RFC 4180) with a header.", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


@energy_router.get("/readings", responses=responses(401, 404, 422, 503), summary="Readings of one resource")
async def list_readings(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    door: DoorDep,
    reads: ReadsDep,
    caller: CallerDep,
    resource: Annotated[ThingId, Query(description="Whose meter.", examples=["line-1"])],
    start: Start,
    end: End,
) -> list[ReadingShown]:
    """One-minute means and registers of at most 24 h, oldest first."""
    owner = door.registry.fleet.participant_of(resource).id
    if not may_see(caller, owner):
        raise UnknownThingError("resource", resource)
    return [ReadingShown.model_validate(reading) for reading in await reads.energy.readings(resource, start, end)]


@energy_router.get("/baselines", responses=responses(401, 404, 422, 503), summary="Frozen baselines of an event")
async def list_baselines(
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    event: Annotated[ThingId, Query(description="Which event.", examples=["event-1"])],
    resource: Annotated[ThingId | None, Query(description="Only of this resource.")] = None,
) -> Page[BaselineShown]:
    """In order of registration; none before they are frozen. A participant sees its own."""
    reads.events.record(event, caller)
    lines, following = cut(
        [line for line in reads.energy.baselines(event) if may_see(caller, line.participant_id)],
        page,
        key=lambda line: line.resource_id,
        keep=lambda line: resource is None or line.resource_id == resource,
    )
    return Page[BaselineShown](items=[BaselineShown.model_validate(line) for line in lines], next_cursor=following)


@energy_router.get(
    "/participants/{participant_id}/export.json",
    responses=responses(401, 403, 404, 422, 503),
    summary="A participant's energy data",
)
async def export_json(
    participant_id: ThingId, reads: ReadsDep, operator: OperatorDep, start: Start, end: End
) -> ExportShown:
    """15-minute energy and baselines of at most 31 days; needs the participant's consent `energy-data`."""
    return await exported(reads, operator, participant_id, TimeGrid.between(start, end))


@energy_router.get(
    "/participants/{participant_id}/export.csv",
    response_class=Response,
    responses={**CSV, **responses(401, 403, 404, 422, 503)},
    summary="A participant's energy data as CSV",
)
async def export_csv(
    participant_id: ThingId, reads: ReadsDep, operator: OperatorDep, start: Start, end: End
) -> Response:
    """The same as a table."""
    return await exported_csv(reads, operator, participant_id, TimeGrid.between(start, end))


async def exported(reads: Reads, caller: Principal, participant_id: str, grid: TimeGrid) -> ExportShown:
    """The export for whoever may have it."""
    reads.energy.require_consent(caller, participant_id)
    rows = await reads.energy.export(participant_id, grid)
    return ExportShown(
        participant_id=participant_id,
        start=grid.start,
        end=grid.end,
        rows=[EnergyShown.model_validate(row) for row in rows],
    )


async def exported_csv(reads: Reads, caller: Principal, participant_id: str, grid: TimeGrid) -> Response:
    """The same as a file."""
    reads.energy.require_consent(caller, participant_id)
    text = energy_csv(await reads.energy.export(participant_id, grid))
    name = f"energy-{grid.start:%Y%m%dT%H%MZ}-{grid.end:%Y%m%dT%H%MZ}.csv"
    return Response(
        text, media_type="text/csv; charset=utf-8", headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
