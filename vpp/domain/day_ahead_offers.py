"""A day of what gateways offer: their own words as far as they reach, and the usual load of the hour beyond.

Offers cover hours, a capability table a day and more. Beyond an offer the resource is taken to offer the same share of
its load as at the offer's end, its load being what it usually is at that time of day. Nothing is made up that was not
there at the offer's end: a line that stands still then is not counted on later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vpp.domain.capability import CapabilityOffer
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.events import Direction
from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Charging, Series, Storage
from vpp.domain.network import AS_REGISTERED, NetworkChanges
from vpp.domain.portfolio import Candidate, resources_and_nodes
from vpp.domain.timegrid import INTERVAL_H, TimeGrid


@dataclass(frozen=True, slots=True, eq=False)
class Offered:
    """One resource that may be called.

    Attributes:
        usual_kw: Usual load on the problem's grid, shape (H,), ``nan`` where unknown.
        delivery_mean, delivery_sd, kind: What is known of its delivery; see ``Candidate``.
    """

    offer: CapabilityOffer
    usual_kw: Series
    delivery_mean: float
    delivery_sd: float
    kind: str


def offered_problem(  # noqa: PLR0913 - what a problem is made of, each named
    grid: TimeGrid,
    event_intervals: int,
    offered: Sequence[Offered],
    *,
    fleet: Fleet,
    node_flow_kw: Mapping[str, Series],
    common_sd: Mapping[str, float],
    direction: Direction,
    changes: NetworkChanges = AS_REGISTERED,
) -> DispatchProblem:
    """Everything offered as one problem without a target, for looking at.

    Args:
        grid: H intervals; offers must not begin after it.
        event_intervals: Of these, in which responses may lie.
        offered: Resources.
        fleet: Network and contracted demands.
        node_flow_kw: Expected net flow without an event, everything below the node included, shape (H,) each.
        common_sd: By delivery class.
        direction: Whether less consumption is wanted, or more.
        changes: Limits of nodes for a while.
    """
    candidates = [_candidate(one, grid) for one in offered]
    resources, nodes = resources_and_nodes(candidates, grid, event_intervals, fleet, node_flow_kw, changes=changes)
    return DispatchProblem(
        grid=grid,
        event_intervals=event_intervals,
        target_kw=np.zeros(event_intervals),
        rebound_cap_kw=np.full(grid.count - event_intervals, np.inf),
        resources=resources,
        nodes=nodes,
        direction=direction,
        common_sd=common_sd,
    )


def _candidate(one: Offered, grid: TimeGrid) -> Candidate:
    offer, load_kw = _extended(one.offer, grid, one.usual_kw)
    return Candidate(offer, load_kw, delivery_fraction=one.delivery_mean, delivery_sd=one.delivery_sd, kind=one.kind)


def _extended(offer: CapabilityOffer, grid: TimeGrid, usual_kw: Series) -> tuple[CapabilityOffer, Series]:
    """The offer, of charging long enough for ``grid``, and the expected load on ``grid``."""
    first = offer.grid.index_of(grid.start)
    asked = np.arange(first, first + grid.count)
    told = asked < len(offer.grid)
    last_kw = offer.forecast_kw[np.minimum(asked, len(offer.grid) - 1)]
    if isinstance(offer.flexibility, Storage):
        return offer, np.where(told, last_kw, 0.0)
    load_kw = np.where(told | ~np.isfinite(usual_kw), last_kw, np.maximum(usual_kw, 0.0))
    if isinstance(offer.flexibility, Charging):
        return _longer(offer, offer.flexibility, load_kw[~told]), load_kw
    return offer, load_kw


def _longer(offer: CapabilityOffer, charging: Charging, beyond_kw: Series) -> CapabilityOffer:
    """Charging whose envelope goes on: as much energy may wait as at the offer's end, or less where there is less."""
    end_kwh = float(charging.energy_ceiling_kwh[-1])
    floor_kwh = float(charging.energy_floor_kwh[-1])
    mean_kw = max(float(offer.forecast_kw.mean()), 1e-9)
    ceiling_kwh = end_kwh + np.cumsum(beyond_kw) * INTERVAL_H
    waiting_kwh = (end_kwh - floor_kwh) * np.minimum(beyond_kw / mean_kw, 1.0)
    floors_kwh = np.maximum.accumulate(np.maximum(ceiling_kwh - waiting_kwh, floor_kwh))
    least_share = min(float(charging.power_min_kw[-1]) / max(float(offer.forecast_kw[-1]), 1e-9), 1.0)
    most_kw = np.maximum(charging.power_max_kw[-1], beyond_kw)
    longer = replace(
        charging,
        power_min_kw=np.concatenate([charging.power_min_kw, least_share * beyond_kw]),
        power_max_kw=np.concatenate([charging.power_max_kw, most_kw]),
        energy_floor_kwh=np.concatenate([charging.energy_floor_kwh, np.minimum(floors_kwh, ceiling_kwh)]),
        energy_ceiling_kwh=np.concatenate([charging.energy_ceiling_kwh, ceiling_kwh]),
    )
    return replace(
        offer,
        grid=TimeGrid(offer.grid.start, offer.grid.count + beyond_kw.size),
        forecast_kw=np.concatenate([offer.forecast_kw, beyond_kw]),
        flexibility=longer,
    )
