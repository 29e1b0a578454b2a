"""Refuses a malformed problem, and tells a contradictory one from a hard one, before any method runs."""

from collections.abc import Iterator
from typing import assert_never

import numpy as np

from optimizer.envelope import charging_envelope, storage_floor
from vpp.domain.dispatch import BindingLimit, DispatchProblem, DispatchResource, Infeasible
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import INTERVAL_H

SLACK_KWH = 1e-6
MAX_DELIVERY = 1.5


def check_problem(problem: DispatchProblem) -> Infeasible | None:
    """``None`` for a sound problem; ``Infeasible`` where a resource's own limits contradict each other.

    Raises:
        InputError: wrong length, not finite, unknown or repeated id, or a figure outside its range.
    """
    count, event = problem.grid.count, problem.event_intervals
    if not 0 < event <= count:
        raise InputError(f"event of {event} intervals does not fit a horizon of {count}")
    _series("target_kw", problem.target_kw, event, least=0.0)
    _series("rebound_cap_kw", problem.rebound_cap_kw, count - event, least=0.0)
    _within("reserve_fraction", problem.reserve_fraction, 0.0, 0.999)
    _within("shortfall_cny_per_kwh", problem.shortfall_cny_per_kwh, 0.0, np.inf)
    _within("rebound_cny_per_kwh", problem.rebound_cny_per_kwh, 0.0, np.inf)
    _check_nodes(problem)
    _unique("resource", [resource.id for resource in problem.resources])
    nodes = {node.id for node in problem.nodes}
    for resource in problem.resources:
        if resource.node_id not in nodes:
            raise InputError(f"resource {resource.id!r} names unknown node {resource.node_id!r}")
        _check_resource(resource, count)
    limits = tuple(limit for resource in problem.resources for limit in _contradictions(resource, event))
    return Infeasible(limits[0].text, limits) if limits else None


def _check_nodes(problem: DispatchProblem) -> None:
    _unique("node", [node.id for node in problem.nodes])
    parents = {node.id: node.parent_id for node in problem.nodes}
    for node in problem.nodes:
        name = f"node {node.id!r}"
        _series(f"{name} forecast_kw", node.forecast_kw, problem.grid.count)
        for limit in ("import_limit_kw", "export_limit_kw"):
            _series(f"{name} {limit}", getattr(node, limit), problem.grid.count, least=0.0, infinite=True)
        above, steps = node.parent_id, 0
        while above is not None:
            if above not in parents:
                raise InputError(f"{name} hangs from unknown node {above!r}")
            above, steps = parents[above], steps + 1
            if steps > len(parents):
                raise InputError(f"{name} is its own ancestor")


def _check_resource(resource: DispatchResource, count: int) -> None:
    name = f"resource {resource.id!r}"
    _series(f"{name} forecast_kw", resource.forecast_kw, count)
    if not 0.0 < resource.delivery_fraction <= MAX_DELIVERY:
        raise InputError(f"{name}: delivery_fraction {resource.delivery_fraction} is outside (0, {MAX_DELIVERY}]")
    flexibility = resource.flexibility
    for field in _SERIES[type(flexibility)]:
        _series(f"{name} {field}", getattr(flexibility, field), count, least=0.0)
    for field in _FIGURES[type(flexibility)]:
        _within(f"{name} {field}", getattr(flexibility, field), 0.0, np.inf)
    match flexibility:
        case Storage():
            _within(f"{name} efficiency", flexibility.efficiency, 0.01, 1.0)
        case Cooling():
            _within(f"{name} retention", flexibility.retention, 0.0, 1.0)
        case Curtailable() | Block() | Charging():
            pass
        case other:
            assert_never(other)


_SERIES: dict[type[Flexibility], tuple[str, ...]] = {
    Curtailable: ("segment_1_kw", "segment_2_kw"),
    Block: ("available_kw", "minimum_kw"),
    Charging: ("power_min_kw", "power_max_kw", "energy_floor_kwh", "energy_ceiling_kwh"),
    Cooling: ("available_kw",),
    Storage: (),
}
_FIGURES: dict[type[Flexibility], tuple[str, ...]] = {
    Curtailable: ("cost_1_cny_per_kwh", "cost_2_cny_per_kwh", "energy_max_kwh"),
    Block: ("cost_cny_per_kwh", "start_cost_cny", "min_run", "max_run", "max_calls", "running_intervals"),
    Charging: ("cost_cny_per_kwh",),
    Cooling: ("payback_max_kw", "gain_k_per_kw", "band_k", "theta_0_k", "cost_cny_per_kwh", "discomfort_cny_per_kh"),
    Storage: ("power_max_kw", "capacity_kwh", "soc_kwh", "soc_min_kwh", "soc_end_kwh", "cost_cny_per_kwh"),
}


def _series(name: str, series: Series, count: int, *, least: float = -np.inf, infinite: bool = False) -> None:
    if np.shape(series) != (count,):
        raise InputError(f"{name} has shape {np.shape(series)}, expected ({count},)")
    wrong = np.isnan(series) | (series < least) | (np.isinf(series) & (not infinite))
    if wrong.any():
        at = int(np.argmax(wrong))
        bound = "" if least == -np.inf else f" and at least {least:g}"
        raise InputError(f"{name}[{at}] is {series[at]}, expected a finite number{bound}")


def _within(name: str, value: float, least: float, most: float) -> None:
    if not (np.isfinite(value) and least <= value <= most):
        raise InputError(f"{name} is {value}, expected a finite number within [{least:g}, {most:g}]")


def _unique(what: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for thing_id in ids:
        if thing_id in seen:
            raise InputError(f"{what} id {thing_id!r} is used twice")
        seen.add(thing_id)


def _contradictions(resource: DispatchResource, event: int) -> Iterator[BindingLimit]:
    if resource.reserved:
        return
    match resource.flexibility:
        case Charging() as f:
            yield from _charging(resource, f)
        case Storage() as f:
            yield from _storage(resource, f)
        case Block() as f:
            yield from _block(resource, f, event)
        case Curtailable() | Cooling():
            return
        case other:
            assert_never(other)


def _limit(resource: DispatchResource, name: str, interval: int | None, text: str) -> BindingLimit:
    return BindingLimit(f"resource:{resource.id}:{name}", interval, f"resource {resource.id!r}: {text}")


def _charging(resource: DispatchResource, f: Charging) -> Iterator[BindingLimit]:
    if (f.power_min_kw > f.power_max_kw).any():
        at = int(np.argmax(f.power_min_kw > f.power_max_kw))
        text = f"least power {f.power_min_kw[at]:g} kW above most power {f.power_max_kw[at]:g} kW in interval {at}"
        yield _limit(resource, "power", at, text)
        return
    low, high = charging_envelope(
        f.power_min_kw[None, :], f.power_max_kw[None, :], f.energy_floor_kwh[None, :], f.energy_ceiling_kwh[None, :]
    )
    crossed = low[0] > high[0] + SLACK_KWH
    if crossed.any():
        at = int(np.argmax(crossed))
        text = (
            f"charged energy must be at least {low[0, at]:g} kWh and at most {high[0, at]:g} kWh by the end of "
            f"interval {at} (floor {f.energy_floor_kwh[at]:g}, ceiling {f.energy_ceiling_kwh[at]:g} kWh)"
        )
        yield _limit(resource, "energy", at, text)


def _storage(resource: DispatchResource, f: Storage) -> Iterator[BindingLimit]:
    step_kwh = f.power_max_kw * f.efficiency * INTERVAL_H
    count = len(resource.forecast_kw)
    low = storage_floor(np.array([f.soc_min_kwh]), np.array([f.soc_end_kwh]), np.array([step_kwh]), count)[0]
    if f.soc_kwh > f.capacity_kwh + SLACK_KWH:
        yield _limit(resource, "soc", None, f"state of charge {f.soc_kwh:g} kWh above capacity {f.capacity_kwh:g} kWh")
    elif low.max() > f.capacity_kwh + SLACK_KWH:
        text = f"state of charge {low.max():g} kWh is asked for, above capacity {f.capacity_kwh:g} kWh"
        yield _limit(resource, "soc", None, text)
    elif f.soc_kwh + step_kwh < low[0] - SLACK_KWH:
        text = (
            f"state of charge {f.soc_kwh:g} kWh cannot reach {f.soc_end_kwh:g} kWh at the end or stay above "
            f"{f.soc_min_kwh:g} kWh with {f.power_max_kw:g} kW"
        )
        yield _limit(resource, "soc_end", None, text)


def _block(resource: DispatchResource, f: Block, event: int) -> Iterator[BindingLimit]:
    crossed = f.minimum_kw[:event] > f.available_kw[:event] + SLACK_KWH
    if crossed.any():
        at = int(np.argmax(crossed))
        text = f"least response {f.minimum_kw[at]:g} kW above available {f.available_kw[at]:g} kW in interval {at}"
        yield _limit(resource, "minimum", at, text)
    elif f.min_run > f.max_run:
        yield _limit(resource, "runs", None, f"min run {f.min_run} above max run {f.max_run} intervals")
    elif 0 < f.running_intervals < f.min_run and f.min_run - f.running_intervals > event:
        text = f"running call needs {f.min_run - f.running_intervals} more intervals, event has {event}"
        yield _limit(resource, "runs", None, text)
