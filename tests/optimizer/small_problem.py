"""Small dispatch problems: named single resources for worked cases, and random ones for properties."""

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from vpp.domain.dispatch import DispatchNode, DispatchPlan, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid

START = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
STEP_H = 0.25


def series(values: ArrayLike, count: int) -> Series:
    return np.array(np.broadcast_to(np.asarray(values, dtype=np.float64), (count,)))


def padded(values: ArrayLike, event: int, count: int) -> Series:
    found = np.zeros(count)
    found[:event] = np.broadcast_to(np.asarray(values, dtype=np.float64), (event,))
    return found


def block(
    available: ArrayLike,
    *,
    event: int,
    count: int,
    minimum: ArrayLike | None = None,
    cost: float = 1.0,
    start_cost: float = 0.0,
    min_run: int = 1,
    max_run: int | None = None,
    max_calls: int = 1,
    running: int = 0,
    min_rest: int = 1,
) -> Block:
    kw = padded(available, event, count)
    least = kw if minimum is None else padded(minimum, event, count)
    return Block(kw, least, cost, start_cost, min_run, max_run or event, max_calls, running, min_rest)


def curtailable(kw: float, *, event: int, count: int, cost: float, energy_kwh: float = 1e9) -> Curtailable:
    return Curtailable(padded(kw, event, count), np.zeros(count), cost, cost, energy_kwh)


def node(count: int, *, name: str = "root", parent: str | None = None, forecast: ArrayLike = 10_000.0) -> DispatchNode:
    unlimited = np.full(count, np.inf)
    return DispatchNode(name, parent, series(forecast, count), unlimited, unlimited)


def problem(
    flexibilities: dict[str, Flexibility],
    target: ArrayLike,
    *,
    event: int,
    recovery: int = 0,
    rebound_cap: float = 1e6,
    forecast: ArrayLike = 1000.0,
    nodes: tuple[DispatchNode, ...] | None = None,
) -> DispatchProblem:
    count = event + recovery
    nodes = nodes or (node(count),)
    return DispatchProblem(
        TimeGrid(START, count),
        event,
        series(target, event),
        np.full(recovery, rebound_cap),
        tuple(
            DispatchResource(name, nodes[-1].id, series(forecast, count), flexibility)
            for name, flexibility in flexibilities.items()
        ),
        nodes,
    )


def plan_of(asked: DispatchProblem, **responses: ArrayLike) -> DispatchPlan:
    """A hand-made plan whose figures about itself are right; resources not named respond with 0."""
    event, count = asked.event_intervals, asked.grid.count
    response = {r.id: series(responses.get(r.id, 0.0), count) for r in asked.resources}
    total = sum(response.values(), np.zeros(count))
    covered = np.array([_covered_kw(asked, response, t) for t in range(event)])
    return DispatchPlan(
        response,
        "by hand",
        "",
        0.0,
        float("nan"),
        np.maximum(asked.target_kw - covered, 0.0),
        np.maximum(-total[event:] - asked.rebound_cap_kw, 0.0),
        0.0,
    )


def _covered_kw(asked: DispatchProblem, response: dict[str, Series], t: int) -> float:
    """Response delivered in interval ``t`` with the asked probability."""
    mean, variance, common = 0.0, 0.0, defaultdict[str, float](float)
    for r in asked.resources:
        kw = float(response[r.id][t])
        mean += r.delivery_fraction * kw
        variance += (r.delivery_sd * kw) ** 2
        common[r.delivery_class] += r.delivery_fraction * kw
    variance += sum((asked.common_sd.get(name, 0.0) * kw) ** 2 for name, kw in common.items())
    return mean - NormalDist().inv_cdf(asked.coverage) * math.sqrt(variance)


def random_problem(seed: int) -> DispatchProblem:
    """Up to ten resources of all kinds below two nodes with limits that may bind; some already run or are warm."""
    rng = np.random.default_rng(seed)
    event, recovery = int(rng.integers(1, 6)), int(rng.integers(0, 5))
    count = event + recovery
    makers = (_some_block, _some_curtailable, _some_charging, _some_cooling, _some_storage)
    resources = []
    for i in range(int(rng.integers(1, 11))):
        forecast, flexibility = makers[int(rng.integers(len(makers)))](rng, event, count)
        resources.append(
            DispatchResource(
                f"r{i}",
                f"n{int(rng.integers(1, 3))}",
                forecast,
                flexibility,
                float(rng.uniform(0.5, 1.2)),
                reserved=bool(rng.random() < 0.1),
            )
        )
    top = sum((np.max(r.forecast_kw) for r in resources), 0.0)
    sums = {name: np.full(count, 50.0) for name in ("n0", "n1", "n2")}
    for r in resources:
        sums[r.node_id] += r.forecast_kw
        sums["n0"] += r.forecast_kw
    nodes = tuple(
        DispatchNode(
            name,
            None if name == "n0" else "n0",
            sums[name],
            sums[name].max() * rng.uniform(0.95, 1.2, count),
            np.full(count, float(rng.choice([0.0, 100.0, np.inf]))),
        )
        for name in ("n0", "n1", "n2")
    )
    return DispatchProblem(
        TimeGrid(START, count),
        event,
        rng.uniform(0.0, 0.5) * top * rng.uniform(0.8, 1.0, event),
        np.full(recovery, float(rng.uniform(0.0, 0.3)) * top),
        tuple(resources),
        nodes,
    )


Made = tuple[Series, Flexibility]


def _some_block(rng: np.random.Generator, event: int, count: int) -> Made:
    available = padded(rng.uniform(20.0, 300.0) * rng.uniform(0.8, 1.0, event), event, count)
    min_run = int(rng.integers(1, event + 1))
    max_run = int(rng.integers(min_run, event + 2))
    running = int(rng.integers(0, max_run + 1)) if rng.random() < 0.3 else 0
    running = max(running, min_run - event) if running else 0
    return available + 50.0, Block(
        available,
        available * float(rng.choice([0.0, 0.5, 1.0])),
        float(rng.uniform(0.0, 2.0)),
        float(rng.uniform(0.0, 100.0)),
        min_run,
        max_run,
        int(rng.integers(0, 3)),
        running,
    )


def _some_curtailable(rng: np.random.Generator, event: int, count: int) -> Made:
    one, two = (padded(rng.uniform(0.0, 100.0, event), event, count) for _ in range(2))
    cost = float(rng.uniform(0.1, 1.0))
    return np.full(count, 250.0), Curtailable(one, two, cost, cost + 0.5, float(rng.uniform(5.0, 200.0)))


def _some_charging(rng: np.random.Generator, event: int, count: int) -> Made:
    most = np.full(count, float(rng.uniform(50.0, 400.0)))
    forecast = most * rng.uniform(0.1, 0.9, count)
    energy = np.cumsum(forecast) * STEP_H
    floor = np.maximum.accumulate(np.maximum(energy - rng.uniform(0.0, 0.6) * energy[-1], 0.0))
    floor[-1] = rng.uniform(0.9, 1.0) * energy[-1]
    floor = np.maximum.accumulate(floor)
    least = forecast * float(rng.choice([0.0, 0.5]))
    return forecast, Charging(least, most, np.minimum(floor, energy), energy * 1.05 + 1.0, float(rng.uniform(0, 1)))


def _some_cooling(rng: np.random.Generator, event: int, count: int) -> Made:
    size = float(rng.uniform(20.0, 200.0))
    band = float(rng.uniform(1.0, 3.0))
    return np.full(count, 3 * size), Cooling(
        padded(size, event, count),
        float(rng.uniform(0.3, 0.8)) * size,
        float(rng.uniform(0.85, 0.98)),
        float(rng.uniform(0.15, 0.5)) / size,
        band,
        float(rng.choice([0.0, 0.5 * band, 1.2 * band])),
        float(rng.uniform(0.0, 0.5)),
        float(rng.uniform(0.0, 1.0)),
    )


def _some_storage(rng: np.random.Generator, event: int, count: int) -> Made:
    power = float(rng.uniform(50.0, 300.0))
    capacity = power * float(rng.uniform(1.0, 3.0))
    soc = capacity * float(rng.uniform(0.3, 1.0))
    end = min(float(rng.uniform(0.2, 0.9)) * capacity, soc + 0.5 * power * STEP_H)
    declared = np.where(rng.random(count) < 0.2, 0.2 * power, 0.0)
    return declared, Storage(
        power, capacity, soc, 0.1 * capacity, end, 0.95, float(rng.uniform(0.0, 0.5)), bool(rng.random() < 0.7)
    )


def with_target(asked: DispatchProblem, target: ArrayLike) -> DispatchProblem:
    return replace(asked, target_kw=series(target, asked.event_intervals))
