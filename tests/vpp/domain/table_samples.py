"""A district's day as a dispatch problem on a capability table's grid, from a seed."""

from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator

from vpp.domain.capability_table import event_intervals, table_grid
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import INTERVAL_H

NOW = datetime(2026, 7, 20, 2, 5, tzinfo=UTC)
RECOVERY = 8
SHARES = {"block": 0.3, "cooling": 0.3, "charging": 0.25, "lighting": 0.13, "storage": 0.02}
COMMON_SD = {"block": 0.08, "cooling": 0.06, "charging": 0.15, "lighting": 0.05, "storage": 0.02}
OWN_SD = {"block": 0.25, "cooling": 0.15, "charging": 0.3, "lighting": 0.1, "storage": 0.03}


def table_problem(count: int = 100, *, seed: int = 1, tight: float = 1.0) -> DispatchProblem:
    """``count`` resources of every kind on a tree of ten feeders; ``tight`` below 1 makes feeders export-limited."""
    rng = np.random.default_rng(seed)
    grid = table_grid(NOW, RECOVERY)
    day = np.sin(2 * np.pi * (np.arange(grid.count) - 20) / 96)
    resources: list[DispatchResource] = []
    for kind, share in SHARES.items():
        for _ in range(max(1, round(share * count))):
            forecast_kw, flexibility = _one(kind, rng, day)
            resources.append(
                DispatchResource(
                    f"res-{len(resources):05d}",
                    f"feeder-{rng.integers(10)}",
                    forecast_kw,
                    flexibility,
                    delivery_fraction=float(rng.uniform(0.75, 1.0)),
                    delivery_sd=OWN_SD[kind],
                    delivery_class=kind,
                )
            )
    return DispatchProblem(
        grid,
        event_intervals(),
        np.zeros(event_intervals()),
        np.full(RECOVERY, np.inf),
        tuple(resources),
        _tree(resources, grid.count, tight),
        direction=Direction.CURTAIL,
        common_sd=COMMON_SD,
    )


def notices_s(problem: DispatchProblem) -> Series:
    """A minute, ten minutes and an hour in turn."""
    return np.array([60.0, 600.0, 3600.0])[np.arange(len(problem.resources)) % 3]


def _tree(resources: list[DispatchResource], count: int, tight: float) -> tuple[DispatchNode, ...]:
    below_kw = {f"feeder-{k}": np.zeros(count) for k in range(10)}
    for resource in resources:
        below_kw[resource.node_id] += 1.2 * resource.forecast_kw
    nodes = [DispatchNode("root", None, sum(below_kw.values(), np.zeros(count)), *_limits(count, np.inf, np.inf))]
    for node_id, flow_kw in below_kw.items():
        export_kw = np.inf if tight >= 1.0 else tight * float(flow_kw.mean()) - float(flow_kw.min())
        nodes.append(DispatchNode(node_id, "root", flow_kw, *_limits(count, 1.3 * float(flow_kw.max()), export_kw)))
    return tuple(nodes)


def _limits(count: int, import_kw: float, export_kw: float) -> tuple[Series, Series]:
    return np.full(count, import_kw), np.full(count, export_kw)


def _one(kind: str, rng: Generator, day: Series) -> tuple[Series, Flexibility]:
    size_kw = float(rng.lognormal(4.5, 0.7))
    shape = np.maximum(0.6 + 0.4 * day + rng.normal(0.0, 0.03, len(day)), 0.0)
    cost = float(rng.uniform(0.2, 1.5))
    match kind:
        case "block":
            on = np.roll(np.arange(len(day)) % 96 < 64, int(rng.integers(96)))
            load_kw = size_kw * 4 * on * rng.uniform(0.95, 1.0, len(day))
            run = int(rng.integers(1, 5))
            longest = int(rng.integers(run, 17))
            least_kw = load_kw * float(rng.choice([0.5, 1.0]))
            return load_kw, Block(
                load_kw,
                least_kw,
                cost,
                0.2 * size_kw,
                run,
                longest,
                int(rng.integers(1, 4)),
                0,
                int(rng.integers(1, 4)),
            )
        case "cooling":
            gain = float(rng.uniform(0.15, 0.4)) / (0.35 * size_kw)
            retention, band = float(rng.uniform(0.9, 0.98)), float(rng.uniform(1.0, 2.5))
            theta = float(rng.uniform(0.0, 0.5))
            return size_kw * shape, Cooling(
                0.4 * size_kw * shape, 0.25 * size_kw, retention, gain, band, theta, cost, 0.005 * size_kw
            )
        case "charging":
            forecast_kw = size_kw * shape * rng.uniform(0.7, 1.0, len(day))
            ceiling = np.cumsum(forecast_kw) * INTERVAL_H
            late = int(rng.integers(2, 12))
            floor = np.concatenate([np.zeros(late), ceiling[:-late]])
            most_kw = np.full(len(day), 3.0 * size_kw)
            return forecast_kw, Charging(np.zeros(len(day)), most_kw, floor, ceiling, cost)
        case "lighting":
            part_kw = 0.15 * size_kw * shape
            return size_kw * shape, Curtailable(
                part_kw, part_kw, cost, cost + 0.5, float(rng.uniform(0.2, 1.2)) * size_kw
            )
        case _:
            return _battery(rng, size_kw, day)


def _battery(rng: Generator, size_kw: float, day: Series) -> tuple[Series, Storage]:
    capacity, cost = 8.0 * size_kw, float(rng.uniform(0.2, 1.5))
    exports = bool(rng.random() < 0.8)
    schedule_kw = size_kw * 0.2 * np.roll(day, int(rng.integers(96)))
    if not exports:
        schedule_kw = np.maximum(schedule_kw, 0.0) * 0.2
    soc = float(rng.uniform(0.5, 0.8)) * capacity
    return schedule_kw, Storage(
        4 * size_kw, capacity, soc, 0.1 * capacity, 0.2 * capacity, 0.93, cost, export_allowed=exports
    )
