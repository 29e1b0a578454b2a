"""The district as a whole: what is reachable, the programmes, staged onboarding."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from vpp.api.door import Door, DoorDep
from vpp.api.idempotency import IdempotentRoute
from vpp.api.identity import AdminDep, CallerDep, OperatorDep
from vpp.api.problems import responses
from vpp.api.reads import ReadsDep
from vpp.api.schemas import EXAMPLE_INSTANT, Instant, ThingId
from vpp.api.schemas_district import OrderlyUseShown, ProgramShown, ReachShown, RoundAsked, RoundsShown, TableShown
from vpp.api.tables_shown import left_out_shown, table_shown
from vpp.domain.errors import UnknownThingError
from vpp.domain.events import Direction
from vpp.services.program_lines import program_line
from vpp.services.reachability import Reach, Window

district_router = APIRouter(prefix="/api/v1", tags=["district"], route_class=IdempotentRoute)


@district_router.get(
    "/capability", responses=responses(401, 403, 404, 422, 503), summary="What is reachable before one commits"
)
async def capability(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    reads: ReadsDep,
    _operator: OperatorDep,
    start: Annotated[Instant, Query(description="Start of the first interval.", examples=[EXAMPLE_INSTANT])],
    end: Annotated[Instant, Query(description="End of the last interval.", examples=["2026-07-22T07:00:00Z"])],
    node: Annotated[ThingId | None, Query(description="Only below this node.")] = None,
    direction: Annotated[Direction, Query(description="Less load, or more.")] = Direction.CURTAIL,
    planned: Annotated[bool, Query(description="Also make a plan, which keeps every limit and takes longer.")] = False,  # noqa: FBT002 - a query's switch
) -> ReachShown:
    """Per interval and kind, by the planner's own arithmetic over the latest offers; who is left out, and why."""
    return _reach_shown(await reads.reachability.of(Window(start, end, node, direction), planned=planned))


@district_router.get(
    "/capability/table",
    responses=responses(401, 403, 404, 422, 503),
    summary="What can be held, from when, for how long, at what notice",
)
async def capability_table(
    door: DoorDep,
    _operator: OperatorDep,
    node: Annotated[ThingId | None, Query(description="Only below this node.")] = None,
    direction: Annotated[Direction, Query(description="Less consumption, or more.")] = Direction.CURTAIL,
) -> TableShown:
    """For each start of the next 24 hours; made anew at most once a minute, which takes seconds for 1,000 resources."""
    return table_shown(await door.tables.of(node, direction))


def _reach_shown(reach: Reach) -> ReachShown:
    fields: dict[str, Any] = {name: getattr(reach, name) for name in reach.__dataclass_fields__ if name != "window"}
    fields |= {"start": reach.window.start, "end": reach.window.end, "node_id": reach.window.node_id}
    fields["direction"] = reach.window.direction
    fields["left_out"] = [left_out_shown(line) for line in reach.left_out]
    return ReachShown.model_validate(fields, from_attributes=True)


@district_router.get("/orderly-use", responses=responses(401, 403, 503), summary="The orderly-use warning level")
async def orderly_use(door: DoorDep, _operator: OperatorDep) -> OrderlyUseShown:
    """From the district's forecast gap; for looking at only, no command can arise from it."""
    return OrderlyUseShown.model_validate(await door.orderly_use.orderly_use())


@district_router.get("/programs", responses=responses(401, 503), summary="List programmes")
async def list_programs(door: DoorDep, _caller: CallerDep) -> list[ProgramShown]:
    """Rules as data, every figure with its source."""
    return [ProgramShown.model_validate(program_line(program)) for program in door.programs.values()]


@district_router.get("/programs/{program_id}", responses=responses(401, 404, 422, 503), summary="One programme")
async def show_program(program_id: ThingId, door: DoorDep, _caller: CallerDep) -> ProgramShown:
    """Its rules as data, every figure with its source."""
    if program_id not in door.programs:
        raise UnknownThingError("programme", program_id)
    return ProgramShown.model_validate(program_line(door.programs[program_id]))


@district_router.get("/access-rounds", responses=responses(401, 403, 503), summary="Staged onboarding")
async def show_rounds(door: DoorDep, _operator: OperatorDep) -> RoundsShown:
    """Up to which access round (分轮次接入) sites may be called."""
    return _rounds(door)


@district_router.post(
    "/access-rounds", status_code=201, responses=responses(401, 403, 409, 422, 503), summary="Open the next round"
)
async def open_round(asked: RoundAsked, door: DoorDep, admin: AdminDep) -> RoundsShown:
    """Sites of that round may be called in events to come; rounds open one after the other."""
    await door.intake.open_round(asked.round, by=admin.name)
    return _rounds(door)


def _rounds(door: Door) -> RoundsShown:
    return RoundsShown(open_round=door.registry.open_round(), last_round=door.registry.fleet.last_round)
