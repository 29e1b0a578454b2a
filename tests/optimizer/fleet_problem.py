"""Synthetic dispatch problems of realistic size and figures, from a seed."""

from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator

from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.timegrid import TimeGrid

START = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
H_STEP = 0.25


def fleet_problem(
    *,
    seed: int = 1,
    scale: float = 1.0,
    event: int = 8,
    recovery: int = 8,
    target_share: float = 0.6,
    nodes: int = 20,
) -> DispatchProblem:
    """About ``982 * scale`` resources: 300 blocks, 300 cooling, 250 charging, 120 lighting, 12 storages."""
    rng = np.random.default_rng(seed)
    count = event + recovery
    made: list[tuple[Series, Flexibility]] = []
    makers = ((300, _block), (300, _cooling), (250, _charging), (120, _lighting), (12, _storage))
    for number, maker in makers:
        made += [maker(rng, event, count) for _ in range(max(1, round(number * scale)))]
    leaf = rng.integers(1, nodes, len(made))
    resources = tuple(
        DispatchResource(f"res-{i:05d}", f"node-{leaf[i]:02d}", forecast, flexibility, float(rng.uniform(0.75, 1.05)))
        for i, (forecast, flexibility) in enumerate(made)
    )
    reach = np.zeros(event)
    for resource in resources:
        reach += resource.delivery_fraction * np.maximum(most_kw(resource)[:event], 0.0)
    target = target_share * reach.mean() * (0.95 + 0.05 * np.sin(np.linspace(0, np.pi, event)))
    return DispatchProblem(
        TimeGrid(START, count),
        event,
        target,
        np.full(recovery, 0.25 * target.max()),
        resources,
        _tree(rng, resources, leaf, nodes, count),
    )


def most_kw(resource: DispatchResource) -> Series:
    """Largest response per interval, ignoring energy."""
    match resource.flexibility:
        case Curtailable() as f:
            return f.segment_1_kw + f.segment_2_kw
        case Block() | Cooling() as f:
            return f.available_kw
        case Charging() as f:
            return resource.forecast_kw - f.power_min_kw
        case Storage() as f:
            return resource.forecast_kw + f.power_max_kw


def _tree(
    rng: Generator, resources: tuple[DispatchResource, ...], leaf: np.ndarray, nodes: int, count: int
) -> tuple[DispatchNode, ...]:
    sums = np.zeros((nodes, count))
    for resource, at in zip(resources, leaf, strict=True):
        sums[at] += resource.forecast_kw * 1.3
    sums[0] = sums.sum(axis=0)
    margin = rng.uniform(1.01, 1.25, nodes)
    unlimited = np.full(count, np.inf)
    return tuple(
        DispatchNode(
            f"node-{n:02d}", "node-00" if n else None, sums[n], np.full(count, sums[n].max() * margin[n]), unlimited
        )
        for n in range(nodes)
    )


def _block(rng: Generator, event: int, count: int) -> tuple[Series, Block]:
    size = float(rng.uniform(50, 900))
    available = np.where(np.arange(count) < event, size * rng.uniform(0.9, 1.0, count), 0.0)
    min_run = int(rng.integers(1, 5))
    return available * 1.2 + size * 0.2, Block(
        available,
        available * float(rng.choice([0.5, 0.8, 1.0])),
        float(rng.uniform(0.4, 2.0)),
        float(rng.uniform(0.05, 0.4) * size),
        min(min_run, event),
        min(int(rng.integers(min_run, 9)), 8),
        int(rng.integers(1, 3)),
    )


def _cooling(rng: Generator, event: int, count: int) -> tuple[Series, Cooling]:
    size = float(rng.lognormal(4.4, 0.6))
    available = np.where(np.arange(count) < event, 0.35 * size, 0.0)
    return np.full(count, size), Cooling(
        available,
        0.25 * size,
        float(rng.uniform(0.90, 0.98)),
        float(rng.uniform(0.15, 0.4) / (0.35 * size)),
        float(rng.uniform(1.0, 2.5)),
        0.0,
        float(rng.uniform(0.1, 0.6)),
        float(rng.uniform(0.002, 0.02) * 0.35 * size),
    )


def _charging(rng: Generator, event: int, count: int) -> tuple[Series, Charging]:
    piles, pile_kw = int(rng.integers(4, 12)), float(rng.choice([7.0, 60.0, 120.0]))
    most = np.full(count, piles * pile_kw)
    forecast = most * rng.uniform(0.2, 0.6, count)
    energy = np.cumsum(forecast) * H_STEP
    slack = float(rng.uniform(0.25, 1.5)) * forecast.mean()
    floor = np.maximum(np.minimum(energy - slack, energy), 0.0)
    floor[-1] = 0.98 * energy[-1]
    return forecast, Charging(
        np.zeros(count), most, np.maximum.accumulate(floor), energy + 0.5 * slack, float(rng.uniform(0.1, 0.8))
    )


def _lighting(rng: Generator, event: int, count: int) -> tuple[Series, Curtailable]:
    size = float(rng.lognormal(4.0, 0.5))
    one = np.where(np.arange(count) < event, 0.15 * size, 0.0)
    cost = float(rng.uniform(0.3, 1.0))
    budget = float(0.3 * size * event * H_STEP * rng.uniform(0.6, 1.1))
    return np.full(count, size), Curtailable(one, one, cost, cost + float(rng.uniform(0.2, 1.0)), budget)


def _storage(rng: Generator, event: int, count: int) -> tuple[Series, Storage]:
    power = float(rng.uniform(200, 2000))
    capacity = power * float(rng.uniform(1.5, 3.0))
    soc = capacity * float(rng.uniform(0.5, 0.9))
    return np.zeros(count), Storage(
        power,
        capacity,
        soc,
        0.1 * capacity,
        0.5 * soc,
        float(rng.uniform(0.9, 0.97)),
        float(rng.uniform(0.2, 0.7)),
        True,
    )
