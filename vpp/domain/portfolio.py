"""The dispatch problem of an event: accepted resources, their latest offers, frozen baselines and the network.

The plan must deliver against the *baseline*, so offers are scaled to it: a line that its gateway expects at 80 kW but
whose baseline says 60 kW can be credited with three quarters of what the gateway offers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from vpp.domain.capability import CapabilityOffer
from vpp.domain.dispatch import DEFAULT_COVERAGE, DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.filling import most_filled_kw
from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.load_history import Slots
from vpp.domain.network import AS_REGISTERED, NetworkChanges
from vpp.domain.timegrid import INTERVAL_H, TimeGrid


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A resource that may be called.

    Attributes:
        baseline_kw: Frozen baseline over the problem's grid, shape (H,).
        delivery_fraction: Expected verified kW per commanded kW.
        delivery_sd: Its standard deviation from event to event.
        kind: Resources of a kind share a common factor of delivery.
        running_intervals: Intervals that a block call has already been running before the grid.
        calls_unseen: Block calls begun since the offer was made.
    """

    offer: CapabilityOffer
    baseline_kw: Series
    delivery_fraction: float
    running_intervals: int = 0
    calls_unseen: int = 0
    delivery_sd: float = 0.0
    kind: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What the portfolio is asked for over ``grid``, whose first ``len(target_kw)`` intervals are the event's.

    Attributes:
        coverage: Probability with which each interval's target is to be delivered.
        common_sd: Of each kind's common factor of delivery.
    """

    grid: TimeGrid
    target_kw: Series
    rebound_cap_kw: Series
    coverage: float = DEFAULT_COVERAGE
    common_sd: Mapping[str, float] = field(default_factory=dict)
    direction: Direction = Direction.CURTAIL
    energy_price_cny_per_kwh: Series | None = None


def dispatch_problem(
    ask: Ask,
    candidates: Sequence[Candidate],
    fleet: Fleet,
    node_flow_kw: Mapping[str, Series],
    *,
    changes: NetworkChanges = AS_REGISTERED,
) -> DispatchProblem:
    """The problem for the optimiser.

    Args:
        ask: Grid and figures.
        candidates: Offers must cover the grid, or as much of it as the event part; what an offer does not cover is
            taken as its last interval.
        fleet: The network as it stands, and contracted demands.
        node_flow_kw: Expected net flow without the event, everything below the node included, shape (H,) each.
        changes: Of the registered limits.
    """
    event_intervals = len(ask.target_kw)
    resources, nodes = resources_and_nodes(candidates, ask.grid, event_intervals, fleet, node_flow_kw, changes=changes)
    return DispatchProblem(
        grid=ask.grid,
        event_intervals=event_intervals,
        target_kw=ask.target_kw,
        rebound_cap_kw=ask.rebound_cap_kw,
        resources=resources,
        direction=ask.direction,
        energy_price_cny_per_kwh=ask.energy_price_cny_per_kwh,
        nodes=nodes,
        coverage=ask.coverage,
        common_sd=ask.common_sd,
    )


def _resource(candidate: Candidate, grid: TimeGrid, event_intervals: int, fleet: Fleet) -> DispatchResource:
    offer = candidate.offer
    first = offer.grid.index_of(grid.start)
    take = np.clip(np.arange(first, first + len(grid)), 0, len(offer.grid) - 1)
    forecast = offer.forecast_kw[take]
    match offer.flexibility:
        case Charging() as charging:
            credited = forecast
            # What the uncontrolled charging takes until the grid's start counts as charged.
            forecast_before = offer.forecast_kw[: max(first, 0)]
            flexibility: Flexibility = _cut_charging(charging, take, float(forecast_before.sum()) * INTERVAL_H)
        case Storage() as storage:
            credited, flexibility = candidate.baseline_kw, storage
        case Curtailable() | Block() | Cooling() as divisible:
            credited = np.maximum(candidate.baseline_kw, 0.0)
            scale = np.clip(np.divide(credited, forecast, out=np.zeros(len(grid)), where=forecast > 0), 0.0, 1.5)
            flexibility = _scaled(divisible, take, scale, candidate, event_intervals)
    return DispatchResource(
        id=offer.resource_id,
        node_id=f"site/{fleet.site_of(offer.resource_id).id}",
        forecast_kw=credited,
        flexibility=flexibility,
        delivery_fraction=candidate.delivery_fraction,
        delivery_sd=candidate.delivery_sd,
        delivery_class=candidate.kind,
    )


def _scaled(
    flexibility: Curtailable | Block | Cooling, take: Slots, scale: Series, candidate: Candidate, event_intervals: int
) -> Flexibility:
    credited = np.maximum(candidate.baseline_kw, 0.0)
    match flexibility:
        case Curtailable():
            first = np.minimum(flexibility.segment_1_kw[take] * scale, credited)
            second = np.minimum(flexibility.segment_2_kw[take] * scale, credited - first)
            return replace(flexibility, segment_1_kw=first, segment_2_kw=second)
        case Block():
            available = np.minimum(flexibility.available_kw[take] * scale, credited)
            return replace(
                flexibility,
                available_kw=available,
                minimum_kw=np.minimum(flexibility.minimum_kw[take] * scale, available),
                min_run=min(flexibility.min_run, event_intervals),
                max_calls=max(0, flexibility.max_calls - candidate.calls_unseen),
                running_intervals=candidate.running_intervals,
            )
        case Cooling():
            available = np.minimum(flexibility.available_kw[take] * scale, credited)
            return replace(flexibility, available_kw=available)


def _cut_charging(charging: Charging, take: Slots, taken: float) -> Charging:
    """The envelope from the grid's start on, ``taken`` kWh having been charged until then."""
    floor = np.maximum(charging.energy_floor_kwh[take] - taken, 0.0)
    ceiling = np.maximum(charging.energy_ceiling_kwh[take] - taken, floor)
    return replace(
        charging,
        power_min_kw=charging.power_min_kw[take],
        power_max_kw=charging.power_max_kw[take],
        energy_floor_kwh=floor,
        energy_ceiling_kwh=ceiling,
    )


def _network(
    fleet: Fleet, changes: NetworkChanges, flow_kw: Mapping[str, Series], grid: TimeGrid
) -> tuple[DispatchNode, ...]:
    """Network nodes with their flows and limits."""
    return tuple(
        DispatchNode(node.id, node.parent_id, flow_kw[node.id], *changes.limits_kw(node, grid))
        for node in fleet.nodes.values()
        if node.id in flow_kw
    )


def _sites(fleet: Fleet, resources: Sequence[DispatchResource], count: int) -> tuple[DispatchNode, ...]:
    """One node per site with its contracted demand and no-export rule."""
    nodes: list[DispatchNode] = []
    at_site: dict[str, Series] = {}
    with_storage = {r.node_id for r in resources if isinstance(r.flexibility, Storage)}
    for resource in resources:
        site_id = resource.node_id
        at_site[site_id] = at_site.get(site_id, np.zeros(count)) + resource.forecast_kw
    for node_id, forecast in at_site.items():
        site = fleet.sites[node_id.removeprefix("site/")]
        # Only a battery can push power out of a site; a consumer's own floor is already part of what it offers.
        export_kw = 0.0 if node_id in with_storage and not site.export_allowed else np.inf
        nodes.append(
            DispatchNode(
                node_id,
                site.node_id,
                forecast + site.other_load_kw,
                np.full(count, site.contracted_demand_kw),
                np.full(count, export_kw),
            )
        )
    return tuple(nodes)


def depth(
    candidate: Candidate,
    grid: TimeGrid,
    event_intervals: int,
    fleet: Fleet,
    *,
    direction: Direction = Direction.CURTAIL,
) -> float:
    """Largest response that a resource could be credited with, as a share of its own baseline; ``inf`` for storage.

    Both are means over the event.
    """
    if isinstance(candidate.offer.flexibility, Storage):
        return float("inf")
    load_kw = float(np.maximum(candidate.baseline_kw[:event_intervals], 0.0).mean())
    offered_kw = creditable_kw(candidate, grid, event_intervals, fleet, direction=direction)
    if load_kw > 0:
        return float(offered_kw.mean()) / load_kw
    # Against no load at all, whatever is taken can be measured.
    return float("inf") if direction is Direction.FILL and offered_kw.any() else 0.0


def creditable_kw(
    candidate: Candidate,
    grid: TimeGrid,
    event_intervals: int,
    fleet: Fleet,
    *,
    direction: Direction = Direction.CURTAIL,
) -> Series:
    """Largest response that a resource could be credited with, per event interval; limits of the network aside."""
    return most_kw(_resource(candidate, grid, event_intervals, fleet), event_intervals, direction)


def as_offered(offer: CapabilityOffer, grid: TimeGrid, fleet: Fleet) -> DispatchResource:
    """A resource by its gateway's own forecast alone, all of ``grid`` being the event: before baselines are frozen."""
    first = offer.grid.index_of(grid.start)
    forecast_kw = offer.forecast_kw[np.clip(np.arange(first, first + len(grid)), 0, len(offer.grid) - 1)]
    return _resource(Candidate(offer, forecast_kw, delivery_fraction=1.0), grid, len(grid), fleet)


def resources_and_nodes(  # noqa: PLR0913 - as dispatch_problem
    candidates: Sequence[Candidate],
    grid: TimeGrid,
    event_intervals: int,
    fleet: Fleet,
    node_flow_kw: Mapping[str, Series],
    *,
    changes: NetworkChanges = AS_REGISTERED,
) -> tuple[tuple[DispatchResource, ...], tuple[DispatchNode, ...]]:
    """The parts of a problem in which nothing is asked for yet; arguments as for ``dispatch_problem``."""
    resources = tuple(_resource(c, grid, event_intervals, fleet) for c in candidates)
    return resources, (*_network(fleet, changes, node_flow_kw, grid), *_sites(fleet, resources, len(grid)))


def reachable_kw(problem: DispatchProblem) -> Series:
    """Upper bound of the response that the resources offer per event interval, limits of the network aside."""
    total = np.zeros(problem.event_intervals)
    for resource in problem.resources:
        total += most_kw(resource, problem.event_intervals, problem.direction)
    return total


def most_kw(resource: DispatchResource, count: int, direction: Direction = Direction.CURTAIL) -> Series:
    """Upper bound of one resource's response in each of the first ``count`` intervals, taken alone."""
    if direction is Direction.FILL:
        return most_filled_kw(resource, count)
    match resource.flexibility:
        case Curtailable() as f:
            return f.segment_1_kw[:count] + f.segment_2_kw[:count]
        case Block() | Cooling() as f:
            return f.available_kw[:count]
        case Charging() as f:
            return np.maximum(resource.forecast_kw[:count] - f.power_min_kw[:count], 0.0)
        case Storage() as f:
            energy_kw = (f.soc_kwh - f.soc_min_kwh) * f.efficiency / (count * INTERVAL_H)
            lowest = -f.power_max_kw if f.export_allowed else 0.0
            return np.minimum(np.maximum(resource.forecast_kw[:count] - lowest, 0.0), max(energy_kw, 0.0))
