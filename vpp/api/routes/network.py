"""The network: the tree as it stands, lines that were moved, limits that are others for a while."""

from typing import Any

from fastapi import APIRouter, Request

from vpp.api.door import Door, DoorDep
from vpp.api.idempotency import IdempotentRoute, created_id
from vpp.api.identity import OperatorDep
from vpp.api.problems import responses
from vpp.api.schemas_network import LimitAsked, NetworkChangeShown, NetworkShown, NodeShown, ReassignmentAsked
from vpp.domain.errors import ConflictError
from vpp.domain.facts import FeederReassigned, NodeLimitChanged
from vpp.domain.network import NetworkChange
from vpp.domain.timegrid import TimeGrid, floor_interval

network_router = APIRouter(prefix="/api/v1/network", tags=["network"], route_class=IdempotentRoute)
_REFUSALS = responses(401, 403, 404, 409, 422, 503)
_KINDS = {FeederReassigned: "reassignment", NodeLimitChanged: "limit"}


@network_router.get("", responses=responses(401, 403, 503), summary="The network as it stands")
async def show_network(door: DoorDep, _operator: OperatorDep) -> NetworkShown:
    """Every node with its parent and limits right now, and all changes so far."""
    registered, tree, changes = door.registry.registered, door.registry.fleet, door.registry.network
    now = door.clock.now()
    running = TimeGrid(floor_interval(now), 1)
    nodes = []
    for node in tree.nodes.values():
        imports, exports = changes.limits_kw(node, running)
        nodes.append(
            NodeShown(
                id=node.id,
                name=node.name,
                parent_id=node.parent_id,
                registered_parent_id=registered.nodes[node.id].parent_id,
                import_limit_kw=float(imports[0]),
                export_limit_kw=float(exports[0]),
            )
        )
    return NetworkShown(as_of=now, nodes=nodes, changes=[_shown(change) for change in changes.told])


@network_router.post("/reassignments", status_code=201, responses=_REFUSALS, summary="Say that a line was moved")
async def reassign(
    asked: ReassignmentAsked, request: Request, door: DoorDep, operator: OperatorDep
) -> NetworkChangeShown:
    """The controller plans running events anew within a cycle; it switches nothing itself."""
    change_id = asked.id or created_id(request, "network", operator.name)
    there = _recorded(door, asked.id, change_id, node_id=asked.node_id, parent_id=asked.parent_id, reason=asked.reason)
    if there is not None:
        return there
    return _shown(
        await door.switching.reassign(
            asked.node_id, asked.parent_id, reason=asked.reason, by=operator.name, change_id=change_id
        )
    )


@network_router.post("/limits", status_code=201, responses=_REFUSALS, summary="Give a node other limits for a while")
async def limit(asked: LimitAsked, request: Request, door: DoorDep, operator: OperatorDep) -> NetworkChangeShown:
    """An outage or a rating of the day; where several overlap the newest decides."""
    told = {name: getattr(asked, name) for name in LimitAsked.model_fields if name != "id"}
    change_id = asked.id or created_id(request, "network", operator.name)
    there = _recorded(door, asked.id, change_id, **told)
    if there is not None:
        return there
    return _shown(await door.switching.limit(**told, by=operator.name, change_id=change_id))


def _recorded(door: Door, asked_id: str | None, change_id: str | None, **told: object) -> NetworkChangeShown | None:
    """What the same request recorded before a stop kept it from being answered.

    Raises:
        ConflictError: the id stands for something else.
    """
    change = None if change_id is None else door.registry.network.find(change_id)
    if change is None:
        return None
    if asked_id is not None or any(getattr(change, name, None) != value for name, value in told.items()):
        raise ConflictError(f"network change id {change_id!r} is taken")
    return _shown(change)


def _shown(change: NetworkChange) -> NetworkChangeShown:
    names = NetworkChangeShown.model_fields.keys() - {"id", "kind"}
    fields: dict[str, Any] = {name: getattr(change, name, None) for name in names}
    return NetworkChangeShown(id=change.change_id, kind=_KINDS[type(change)], **fields)
