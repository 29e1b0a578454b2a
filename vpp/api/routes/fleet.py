"""What is registered: participants, sites, resources, gateways. A participant sees its own."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from vpp.api.door import DoorDep
from vpp.api.identity import CallerDep, OperatorDep
from vpp.api.paging import PageDep, cut
from vpp.api.problems import responses
from vpp.api.reads import ReadsDep
from vpp.api.schemas import Page, ThingId
from vpp.api.schemas_district import GatewayShown, ParticipantShown, ResourceShown, SiteShown
from vpp.domain.access import Principal, may_see
from vpp.domain.errors import UnknownThingError
from vpp.domain.fleet import ResourceKind
from vpp.services.decisions import Reason
from vpp.services.listings import ResourceLine

fleet_router = APIRouter(prefix="/api/v1", tags=["registered"])
STATES = "^(available|unavailable|offline|never)$"


def resource_shown(line: ResourceLine) -> ResourceShown:
    """A resource as it is answered: with its reason in words."""
    fields: dict[str, Any] = {name: getattr(line, name) for name in line.__dataclass_fields__}
    fields["reason"] = Reason.of(line.reason) if line.reason else None
    return ResourceShown.model_validate(fields, from_attributes=True)


def _own(what: str, thing_id: str, participant_id: str, caller: Principal) -> None:
    """Nothing, or the answer that a thing that is not there would get."""
    if not may_see(caller, participant_id):
        raise UnknownThingError(what, thing_id)


@fleet_router.get("/resources", responses=responses(401, 404, 422, 503), summary="List resources")
async def list_resources(  # noqa: PLR0913, PLR0917 - each is a parameter of the query
    door: DoorDep,
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    kind: Annotated[ResourceKind | None, Query(description="Only of this kind.")] = None,
    node: Annotated[ThingId | None, Query(description="Only below this node.")] = None,
    participant: Annotated[ThingId | None, Query(description="Only of this participant.")] = None,
    state: Annotated[
        str | None, Query(pattern=STATES, description="Only those available, unavailable, offline or never.")
    ] = None,
) -> Page[ResourceShown]:
    """In order of registration, with the last full minute and what each offers now."""
    fleet = door.registry.fleet
    if node is not None:
        fleet.node_path(node)
    own = caller.participant_id
    lines, following = cut(
        reads.listings.resources() if own is None else reads.listings.resources_of(own),
        page,
        key=lambda line: line.id,
        keep=lambda line: (
            (kind is None or line.kind == kind.value)
            and (node is None or node in fleet.node_path(line.node_id))
            and (participant is None or line.participant_id == participant)
            and (state is None or line.state == state)
        ),
    )
    return Page[ResourceShown](items=[resource_shown(line) for line in lines], next_cursor=following)


@fleet_router.get("/resources/{resource_id}", responses=responses(401, 404, 422, 503), summary="One resource")
async def show_resource(resource_id: ThingId, reads: ReadsDep, caller: CallerDep) -> ResourceShown:
    """Its place, its last full minute, what it offers now."""
    line = reads.listings.resource(resource_id)
    _own("resource", resource_id, line.participant_id, caller)
    return resource_shown(line)


@fleet_router.get("/sites", responses=responses(401, 422, 503), summary="List sites")
async def list_sites(
    reads: ReadsDep,
    caller: CallerDep,
    page: PageDep,
    access_round: Annotated[int | None, Query(ge=1, le=1000, description="Only of this access round.")] = None,
) -> Page[SiteShown]:
    """In order of registration."""
    lines, following = cut(
        [line for line in reads.listings.sites() if may_see(caller, line.participant_id)],
        page,
        key=lambda line: line.id,
        keep=lambda line: access_round is None or line.access_round == access_round,
    )
    return Page[SiteShown](items=[SiteShown.model_validate(line) for line in lines], next_cursor=following)


@fleet_router.get("/sites/{site_id}", responses=responses(401, 404, 422, 503), summary="One site")
async def show_site(site_id: ThingId, reads: ReadsDep, caller: CallerDep) -> SiteShown:
    """As registered."""
    line = reads.listings.site(site_id)
    _own("site", site_id, line.participant_id, caller)
    return SiteShown.model_validate(line)


@fleet_router.get("/participants", responses=responses(401, 422, 503), summary="List participants")
async def list_participants(reads: ReadsDep, caller: CallerDep, page: PageDep) -> Page[ParticipantShown]:
    """In order of registration."""
    lines, following = cut(
        [line for line in reads.listings.participants() if may_see(caller, line.id)], page, key=lambda line: line.id
    )
    return Page[ParticipantShown](
        items=[ParticipantShown.model_validate(line) for line in lines], next_cursor=following
    )


@fleet_router.get("/participants/{participant_id}", responses=responses(401, 404, 422, 503), summary="One participant")
async def show_participant(participant_id: ThingId, reads: ReadsDep, caller: CallerDep) -> ParticipantShown:
    """Who it is and what it has registered."""
    _own("participant", participant_id, participant_id, caller)
    return ParticipantShown.model_validate(reads.listings.participant(participant_id))


@fleet_router.get("/gateways", responses=responses(401, 403, 422, 503), summary="List gateways")
async def list_gateways(
    reads: ReadsDep,
    _operator: OperatorDep,
    page: PageDep,
    online: Annotated[bool | None, Query(description="Only those that are (not) there.")] = None,
) -> Page[GatewayShown]:
    """In order of registration; a gateway may serve several participants, so only operators see them."""
    lines, following = cut(
        reads.listings.gateways(),
        page,
        key=lambda line: line.id,
        keep=lambda line: online is None or line.online is online,
    )
    return Page[GatewayShown](items=[GatewayShown.model_validate(line) for line in lines], next_cursor=following)


@fleet_router.get("/gateways/{gateway_id}", responses=responses(401, 403, 404, 422, 503), summary="One gateway")
async def show_gateway(gateway_id: ThingId, reads: ReadsDep, _operator: OperatorDep) -> GatewayShown:
    """Whether it is there, when it was last heard, what it runs."""
    return GatewayShown.model_validate(reads.listings.gateway(gateway_id))
