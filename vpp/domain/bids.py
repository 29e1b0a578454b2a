"""Bids by quantity: which resources of a bidder are taken, and how a plan is kept from asking for more than was bid.

A bidder's resources are taken best first until what they offer reaches the bid in every interval. Where the last one
offers more than is left of the bid, only what is left may be asked of it, interval by interval.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vpp.domain.dispatch import DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.filling import bound_filled_kw, cut_filling
from vpp.domain.flexibility import (
    Block,
    Charging,
    Cooling,
    Curtailable,
    Flexibility,
    Series,
    Storage,
    first_cost_cny_per_kwh,
)
from vpp.domain.portfolio import most_kw
from vpp.domain.timegrid import INTERVAL_H

SLACK_KW = 1e-6
"""Less than this is nothing: a thousandth of what a setpoint can express."""


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What of a bidder's resources makes up its bid.

    Attributes:
        kept: Resources that may be called, in the order in which they were taken, offers cut to the bid.
        left_kw: What of the bid nothing was offered for, per event interval, shape (T,), >= 0.
    """

    kept: Mapping[str, DispatchResource]
    left_kw: Series

    @property
    def reached(self) -> bool:
        """Whether the bid is reached in every interval."""
        return bool((self.left_kw <= SLACK_KW).all())


@dataclass(frozen=True, slots=True)
class Bid:
    """One participant's bid for an event.

    Attributes:
        resource_ids: Its committed resources.
        quantity_kw: The most that may be asked of all of them together in any interval, > 0.
    """

    resource_ids: tuple[str, ...]
    quantity_kw: float


def share_of_bid(
    resources: Sequence[DispatchResource],
    quantity_kw: float,
    *,
    event_intervals: int,
    called: Collection[str] = (),
    direction: Direction = Direction.CURTAIL,
) -> Share:
    """The resources that reach ``quantity_kw``: those already called first, then by price, then by id.

    A resource that cannot be asked for as little as is left (a line that runs or stands) is passed over.
    """
    left_kw = np.full(event_intervals, quantity_kw)
    kept: dict[str, DispatchResource] = {}
    for resource in sorted(resources, key=lambda r: (r.id not in called, first_cost_cny_per_kwh(r.flexibility), r.id)):
        if (left_kw <= SLACK_KW).all():
            break
        cut = _cut(resource, left_kw, direction)
        if cut is not None:
            kept[resource.id] = cut
            left_kw = np.maximum(left_kw - _bound_kw(cut, event_intervals, direction), 0.0)
    return Share(kept, left_kw)


def hold_bids(
    problem: DispatchProblem, bids: Sequence[Bid], called: Collection[str]
) -> tuple[DispatchProblem, tuple[str, ...]]:
    """The problem with every bidder's offers cut to its bid, and the ids of resources that had to be left out.

    Whatever plan answers it asks no bidder for more than its bid in any interval.
    """
    changed: dict[str, DispatchResource] = {}
    beyond: list[str] = []
    by_id = {resource.id: resource for resource in problem.resources}
    for bid in bids:
        own = [by_id[r] for r in bid.resource_ids if r in by_id]
        share = share_of_bid(
            own,
            bid.quantity_kw,
            event_intervals=problem.event_intervals,
            called=called,
            direction=problem.direction,
        )
        changed |= share.kept
        beyond += [resource.id for resource in own if resource.id not in share.kept]
    if not changed and not beyond:
        return problem, ()
    left_out = frozenset(beyond)
    resources = tuple(changed.get(r.id, r) for r in problem.resources if r.id not in left_out)
    return replace(problem, resources=resources), tuple(beyond)


def _bound_kw(resource: DispatchResource, count: int, direction: Direction) -> Series:
    """What no plan can exceed in any event interval; a battery may give in one what it cannot give in all."""
    if direction is Direction.FILL:
        return bound_filled_kw(resource, count)
    f = resource.flexibility
    if not isinstance(f, Storage):
        return most_kw(resource, count)
    lowest_kw = -f.power_max_kw if f.export_allowed else 0.0
    return np.maximum(resource.forecast_kw[:count] - lowest_kw, 0.0)


def _cut(resource: DispatchResource, left_kw: Series, direction: Direction) -> DispatchResource | None:
    """The resource offering at most ``left_kw`` per event interval; ``None`` where it cannot be asked for so little.

    A battery is cut to what it can give in all intervals, where it can, so that the others of its owner make up the
    rest of the bid.
    """
    for most in (np.minimum(left_kw, most_kw(resource, len(left_kw), direction)), left_kw):
        if (_bound_kw(resource, len(most), direction) <= most + SLACK_KW).all():
            return resource
        flexibility = cut_filling(resource, most) if direction is Direction.FILL else _cut_flexibility(resource, most)
        if flexibility is not None:
            return replace(resource, flexibility=flexibility)
    return None


def _cut_flexibility(resource: DispatchResource, most: Series) -> Flexibility | None:
    match resource.flexibility:
        case Curtailable() as f:
            first = _at_most(f.segment_1_kw, most)
            return replace(f, segment_1_kw=first, segment_2_kw=_at_most(f.segment_2_kw, most - first[: len(most)]))
        case Block() as f:
            if (f.minimum_kw[: len(most)] > most + SLACK_KW).any():
                return None
            return replace(f, available_kw=np.maximum(_at_most(f.available_kw, most), f.minimum_kw))
        case Cooling() as f:
            return replace(f, available_kw=_at_most(f.available_kw, most))
        case Charging() as f:
            return _cut_charging(f, resource.forecast_kw, most)
        case Storage() as f:
            return _cut_storage(f, resource.forecast_kw, most)


def _at_most(values: Series, most: Series) -> Series:
    """``values`` with its first intervals no higher than ``most``."""
    held = values.copy()
    held[: len(most)] = np.minimum(held[: len(most)], np.maximum(most, 0.0))
    return held


def _cut_charging(f: Charging, forecast_kw: Series, most: Series) -> Charging | None:
    """Charges at least what leaves the rest of the response; the cars must be able to take that much."""
    least = f.power_min_kw.copy()
    least[: len(most)] = np.maximum(least[: len(most)], forecast_kw[: len(most)] - most)
    if (least > f.power_max_kw + SLACK_KW).any() or (np.cumsum(least) * INTERVAL_H > f.energy_ceiling_kwh).any():
        return None
    return replace(f, power_min_kw=np.minimum(least, f.power_max_kw))


def _cut_storage(f: Storage, schedule_kw: Series, most: Series) -> Storage | None:
    """A smaller converter, where one exists that can still follow the declared schedule."""
    power_kw = min(f.power_max_kw, float(np.min(most - schedule_kw[: len(most)])))
    if not f.export_allowed or power_kw <= SLACK_KW or power_kw + SLACK_KW < np.abs(schedule_kw).max():
        return None
    return replace(f, power_max_kw=power_kw)
