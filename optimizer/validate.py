"""Refuses a malformed problem, and tells a contradictory one from a hard one, before any method runs.

``check_names`` looks at what must hold before a problem can be put into columns, ``check_columns_sound`` at every
figure of the columns, for fleets of any size; ``check_problem`` does both. Each message names the thing, the key, the
value and what was expected.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from optimizer.contradictions import contradictions
from optimizer.sound_figures import (
    check_figure,
    check_figures,
    check_kind_figures,
    check_length,
    check_series,
    check_table,
)
from vpp.domain.columns import DispatchColumns, NodeColumns, columns_of
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource, Infeasible
from vpp.domain.errors import InputError
from vpp.domain.events import Direction
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Storage

LEAST_COVERAGE = 0.5
MAX_DELIVERY = 1.5

_SERIES: dict[type[Flexibility], tuple[str, ...]] = {
    Curtailable: ("segment_1_kw", "segment_2_kw"),
    Block: ("available_kw", "minimum_kw"),
    Charging: ("power_min_kw", "power_max_kw", "energy_floor_kwh", "energy_ceiling_kwh"),
    Cooling: ("available_kw",),
    Storage: (),
}
_COUNTS = ("min_run", "max_run", "max_calls", "running_intervals", "min_rest")


def check_problem(problem: DispatchProblem) -> Infeasible | None:
    """``None`` for a sound problem; ``Infeasible`` where a resource's own limits contradict each other.

    Raises:
        InputError: wrong length, not finite, unknown or repeated id, or a figure outside its range.
    """
    check_names(problem)
    return check_columns_sound(columns_of(problem))


def check_names(problem: DispatchProblem) -> None:
    """Accepts what ``columns_of`` can turn into columns.

    Raises:
        InputError: the event does not fit the horizon, a series of the wrong length, an unknown node, a figure that
            columns do not hold is not sound.
    """
    count = problem.grid.count
    _check_event(problem.event_intervals, count)
    if problem.energy_price_cny_per_kwh is not None:
        check_series("energy_price_cny_per_kwh", problem.energy_price_cny_per_kwh, count)
    for name in sorted(problem.common_sd):
        check_figure(f"common_sd of class {name!r}", problem.common_sd[name])
    _check_nodes(problem.nodes, count)
    nodes = {node.id for node in problem.nodes}
    for resource in problem.resources:
        if resource.node_id not in nodes:
            raise InputError(f"resource {resource.id!r} names unknown node {resource.node_id!r}")
        check_length(f"resource {resource.id!r} forecast_kw", resource.forecast_kw, count)
        flexibility = resource.flexibility
        for field in _SERIES[type(flexibility)]:
            check_length(f"resource {resource.id!r} {field}", getattr(flexibility, field), count)
        if isinstance(flexibility, Block):
            _check_counts(resource.id, flexibility)
    _check_whole_series(problem.resources)


def check_columns_sound(columns: DispatchColumns) -> Infeasible | None:
    """``None`` for sound columns; ``Infeasible`` where a resource's own limits contradict each other.

    Raises:
        InputError: wrong shape, not finite, repeated id, or a figure outside its range.
    """
    event, count = columns.event_intervals, columns.intervals
    _check_event(event, count)
    direction: object = columns.direction
    if not isinstance(direction, Direction):
        raise InputError(f"direction is {direction!r}, expected a Direction: {' or '.join(Direction)}")
    check_series("target_kw", columns.target_kw, event, least=0.0)
    check_series("rebound_cap_kw", columns.rebound_cap_kw, count - event, least=0.0)
    check_series("energy_price_cny_per_kwh", columns.energy_price_cny_per_kwh, count)
    if not LEAST_COVERAGE <= columns.coverage < 1.0:
        raise InputError(f"coverage is {columns.coverage}, expected a probability within [{LEAST_COVERAGE:g}, 1)")
    check_figure("shortfall_cny_per_kwh", columns.shortfall_cny_per_kwh)
    check_figure("rebound_cny_per_kwh", columns.rebound_cny_per_kwh)
    _check_node_columns(columns.nodes, count)
    _check_members(columns)
    check_kind_figures(columns)
    limits = contradictions(columns)
    return Infeasible(limits[0].text, limits) if limits else None


def _check_event(event: int, count: int) -> None:
    if not 0 < event <= count:
        raise InputError(f"event of {event} intervals does not fit a horizon of {count}")


def _check_counts(resource_id: str, block: Block) -> None:
    for field in _COUNTS:
        value = getattr(block, field)
        if not isinstance(value, int | np.integer):
            raise InputError(f"resource {resource_id!r} {field} is {value}, expected a whole number")


def _check_whole_series(resources: Sequence[DispatchResource]) -> None:
    """Series of resources over the whole horizon: columns keep the event's part of some, and of forecasts only some."""
    if not resources:
        return
    subjects = [f"resource {resource.id!r}" for resource in resources]
    count = len(resources[0].forecast_kw)
    check_table("forecast_kw", subjects, np.array([resource.forecast_kw for resource in resources]), count)
    for kind in (Curtailable, Block, Cooling):
        members = [(f"resource {r.id!r}", r.flexibility) for r in resources if isinstance(r.flexibility, kind)]
        for field in _SERIES[kind] if members else ():
            rows = np.array([getattr(flexibility, field) for _, flexibility in members])
            check_table(field, [subject for subject, _ in members], rows, count, least=0.0)


def _check_nodes(nodes: Sequence[DispatchNode], count: int) -> None:
    _check_unique("node", [node.id for node in nodes])
    known = {node.id for node in nodes}
    for node in nodes:
        if node.parent_id is not None and node.parent_id not in known:
            raise InputError(f"node {node.id!r} hangs from unknown node {node.parent_id!r}")
        for field in ("forecast_kw", "import_limit_kw", "export_limit_kw"):
            check_length(f"node {node.id!r} {field}", getattr(node, field), count)


def _check_node_columns(nodes: NodeColumns, count: int) -> None:
    _check_unique("node", nodes.ids)
    subjects = [f"node {node_id!r}" for node_id in nodes.ids]
    check_table("forecast_kw", subjects, nodes.forecast_kw, count)
    check_table("import_limit_kw", subjects, nodes.import_limit_kw, count, least=0.0, infinite=True)
    check_table("export_limit_kw", subjects, nodes.export_limit_kw, count, least=0.0, infinite=True)
    check_length("parent of nodes", nodes.parent, len(nodes.ids))
    for m in np.flatnonzero((nodes.parent < -1) | (nodes.parent >= len(nodes.ids))).tolist():
        raise InputError(f"{subjects[m]} hangs from unknown node {nodes.parent[m]}")
    above = np.arange(len(nodes.ids))
    for _ in nodes.ids:
        if (above < 0).all():
            return
        above = np.where(above >= 0, nodes.parent[above], -1)
    for m in np.flatnonzero(above >= 0).tolist():
        raise InputError(f"{subjects[m]} is its own ancestor")


def _check_members(columns: DispatchColumns) -> None:
    """Every resource has one kind, a node, a class and figures within their ranges."""
    count, nodes, classes = columns.count, len(columns.nodes.ids), len(columns.class_sd)
    check_length("ids of resources", columns.ids, count)
    _check_unique("resource", columns.ids)
    kinds = (columns.curtailable, columns.block, columns.charging, columns.cooling, columns.storage)
    positions = np.concatenate([kind.index for kind in kinds])
    if len(positions) != count or not np.array_equal(np.sort(positions), np.arange(count)):
        raise InputError(f"indices of the kinds name {len(positions)} resources, expected each of {count} once")
    for name, places, most in (("node", columns.node_of, nodes), ("delivery class", columns.class_of, classes)):
        check_length(f"{name} of resources", places, count)
        for i in np.flatnonzero((places < 0) | (places >= most))[:1].tolist():
            raise InputError(f"resource {columns.ids[i]!r} names unknown {name} {places[i]}")
    check_series("class_sd", columns.class_sd, classes, least=0.0)
    check_length("reserved", columns.reserved, count)
    positions = np.arange(count)
    check_figures(columns, positions, "delivery_fraction", columns.delivery_mean, (0.0, MAX_DELIVERY), above=True)
    check_figures(columns, positions, "delivery_sd", columns.delivery_sd)
    check_figures(columns, positions, "use_price_cny_per_kwh", columns.use_price_cny_per_kwh)


def _check_unique(what: str, ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        twice = next(thing_id for thing_id, times in Counter(ids).items() if times > 1)
        raise InputError(f"{what} id {twice!r} is used twice")
