"""Synthetic fleets for the optimiser's benchmark and tests: every resource its own figures, any size, from a seed.

A quarter are divisible curtailment in two price segments, a fifth on/off lines, 30 % charging clusters, 15 % buildings
and a tenth batteries, spread over 12 feeders below 3 substations. The target is 45 % of what all could give at once. A
quarter of the feeders carry so much generation that their room for response is tight, a third have little room for the
rebound. Nothing is identical, so that clustering has nothing to gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import overload

import numpy as np
from numpy.random import Generator

from vpp.domain.columns import (
    BlockColumns,
    ChargingColumns,
    CoolingColumns,
    CurtailableColumns,
    DispatchColumns,
    Index,
    NodeColumns,
    StorageColumns,
)
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H, TimeGrid

START = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
FEEDERS, SUBSTATIONS = 12, 3
SHARES = {"curtailable": 0.25, "block": 0.20, "charging": 0.30, "cooling": 0.15, "storage": 0.10}
TARGET_SHARE = 0.45
REBOUND_SHARE = 0.22


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    rng: Generator
    event: int
    count: int

    def series(self, size_kw: Series, share: float, width: int) -> Series:
        """About ``share`` of each size over ``width`` intervals, rising and falling with the day, noisy."""
        day = 0.85 + 0.15 * np.sin(np.linspace(0.0, np.pi, self.count))[:width]
        noise = 1.0 + 0.1 * self.rng.standard_normal((len(size_kw), width))
        return np.asarray(share * size_kw[:, None] * np.clip(day * noise, 0.3, 1.6))


def synthetic_fleet(
    count: int, *, event: int = 16, recovery: int = 8, blocks: bool = True, seed: int = 0
) -> DispatchColumns:
    """A problem of ``count`` resources over ``event + recovery`` intervals.

    Without ``blocks``, the lines are divisible with an energy budget in place of their runs: a linear programme.
    """
    rng = np.random.default_rng(seed)
    shape = _Shape(rng, event, event + recovery)
    numbers = {name: round(share * count) for name, share in SHARES.items()}
    numbers["curtailable"] += count - sum(numbers.values())
    ends = np.cumsum(list(numbers.values()))
    rows = {name: np.arange(end - numbers[name], end) for name, end in zip(numbers, ends.tolist(), strict=True)}
    curtailable = _curtailable(shape, rows["curtailable"])
    block = _block(shape, rows["block"])
    if not blocks:
        curtailable, block = _joined(curtailable, _divisible(block)), _block(shape, rows["block"][:0])
    charging = _charging(shape, rows["charging"])
    cooling, storage = _cooling(shape, rows["cooling"]), _storage(shape, rows["storage"])
    feeder = rng.integers(0, FEEDERS, count)
    offered = (
        (curtailable.segment_1_kw + curtailable.segment_2_kw).sum(axis=0)
        + block.available_kw.sum(axis=0)
        + charging.forecast_kw[:, :event].sum(axis=0)
        + cooling.available_kw.sum(axis=0)
    )
    day = 0.85 + 0.15 * np.sin(np.linspace(0.0, np.pi, event + recovery))[:event]
    target = TARGET_SHARE * float(offered.mean()) * day / day.max()
    return DispatchColumns(
        ids=_Names(count),
        grid=TimeGrid(START, event + recovery),
        event_intervals=event,
        target_kw=target,
        rebound_cap_kw=np.full(recovery, REBOUND_SHARE * float(target.max())),
        nodes=_nodes(feeder, target, event, recovery),
        node_of=1 + SUBSTATIONS + feeder,
        delivery_mean=np.ones(count),
        delivery_sd=np.zeros(count),
        class_of=np.zeros(count, dtype=np.intp),
        class_sd=np.zeros(1),
        use_price_cny_per_kwh=np.zeros(count),
        reserved=np.zeros(count, dtype=np.bool_),
        curtailable=curtailable,
        block=block,
        charging=charging,
        cooling=cooling,
        storage=storage,
        direction=Direction.CURTAIL,
        coverage=0.95,
        energy_price_cny_per_kwh=np.zeros(event + recovery),
        shortfall_cny_per_kwh=5.0,
        rebound_cny_per_kwh=2.0,
    )


class _Names(Sequence[str]):
    """Names of resources, made when asked for: a million strings would weigh more than their figures."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self._count))]
        if not 0 <= at < self._count:
            raise IndexError(at)
        return f"res-{at:07d}"


def _curtailable(shape: _Shape, index: Index) -> CurtailableColumns:
    rng, event, n = shape.rng, shape.event, len(index)
    size = rng.lognormal(3.0, 0.7, n)
    first = rng.uniform(0.10, 0.60, n)
    return CurtailableColumns(
        index,
        shape.series(size, 0.1, event),
        shape.series(size, 0.1, event),
        first,
        first + rng.uniform(0.1, 0.5, n),
        0.2 * size * event * INTERVAL_H * rng.uniform(0.3, 0.8, n),
    )


def _block(shape: _Shape, index: Index) -> BlockColumns:
    rng, event, n = shape.rng, shape.event, len(index)
    size = rng.lognormal(4.5, 0.6, n)
    available = shape.series(size, 0.25, event)
    shortest = rng.integers(1, max(2, min(4, event // 2) + 1), n)
    longest = np.maximum(shortest, rng.integers(max(1, event // 4), max(2, event // 2 + 1), n)).clip(1, 12)
    return BlockColumns(
        index,
        available,
        0.5 * available,
        rng.uniform(0.15, 0.8, n),
        rng.uniform(0.02, 0.2, n) * size * INTERVAL_H,
        shortest,
        longest,
        rng.integers(1, 3, n),
        np.zeros(n, dtype=np.intp),
        np.ones(n, dtype=np.intp),
    )


def _divisible(block: BlockColumns) -> CurtailableColumns:
    event = block.available_kw.shape[1]
    lasts = np.minimum(event, block.max_run * block.max_calls)
    price = block.cost_cny_per_kwh
    budget = block.available_kw.mean(axis=1) * lasts * INTERVAL_H
    return CurtailableColumns(block.index, block.available_kw, np.zeros_like(block.available_kw), price, price, budget)


def _joined(one: CurtailableColumns, two: CurtailableColumns) -> CurtailableColumns:
    return CurtailableColumns(
        np.concatenate([one.index, two.index]),
        np.concatenate([one.segment_1_kw, two.segment_1_kw]),
        np.concatenate([one.segment_2_kw, two.segment_2_kw]),
        np.concatenate([one.cost_1_cny_per_kwh, two.cost_1_cny_per_kwh]),
        np.concatenate([one.cost_2_cny_per_kwh, two.cost_2_cny_per_kwh]),
        np.concatenate([one.energy_max_kwh, two.energy_max_kwh]),
    )


def _charging(shape: _Shape, index: Index) -> ChargingColumns:
    rng, count, n = shape.rng, shape.count, len(index)
    pile = rng.choice([7.0, 11.0, 22.0, 60.0], n, p=[0.5, 0.25, 0.15, 0.1])
    most = pile[:, None] * (rng.random((n, count)) < 0.93)  # noqa: PLR2004 - share of the time that cars are plugged in
    forecast = most * (rng.random((n, count)) < 0.55) * rng.uniform(0.5, 1.0, (n, 1))  # noqa: PLR2004 - and charge
    energy = np.cumsum(forecast, axis=1) * INTERVAL_H
    # The promise stands at the horizon's end; what cars can take follows them by up to an hour of full charging.
    floor = np.zeros((n, count))
    floor[:, -1] = 0.95 * energy[:, -1]
    ceiling = np.maximum.accumulate(np.maximum(energy + pile[:, None] * rng.uniform(0.25, 1.0, (n, 1)), 0.0), axis=1)
    return ChargingColumns(index, forecast, np.zeros((n, count)), most, floor, ceiling, rng.uniform(0.02, 0.25, n))


def _cooling(shape: _Shape, index: Index) -> CoolingColumns:
    rng, event, n = shape.rng, shape.event, len(index)
    size = rng.lognormal(3.5, 0.6, n)
    return CoolingColumns(
        index,
        shape.series(size, 0.3, event),
        0.25 * size,
        rng.uniform(0.90, 0.98, n),
        rng.uniform(0.15, 0.4, n) / (0.3 * size),
        rng.uniform(1.0, 2.5, n),
        np.zeros(n),
        rng.uniform(0.02, 0.15, n),
        rng.uniform(0.002, 0.02, n) * 0.3 * size,
    )


def _storage(shape: _Shape, index: Index) -> StorageColumns:
    rng, n = shape.rng, len(index)
    power = rng.lognormal(3.3, 0.6, n)
    capacity = power * rng.uniform(1.0, 4.0, n)
    soc = capacity * rng.uniform(0.3, 0.9, n)
    return StorageColumns(
        index,
        np.zeros((n, shape.count)),
        power,
        capacity,
        soc,
        0.1 * capacity,
        np.maximum(0.1 * capacity, 0.6 * soc),
        rng.uniform(0.9, 0.97, n),
        rng.uniform(0.05, 0.25, n),
        np.ones(n, dtype=np.bool_),
    )


def _nodes(feeder: Index, target: Series, event: int, recovery: int) -> NodeColumns:
    """Root, substations and feeders, with room for response and for rebound in proportion to their members."""
    share = np.bincount(feeder, minlength=FEEDERS) / max(len(feeder), 1)
    at = np.arange(FEEDERS)
    most = float(target.max()) * share * np.where(at % 4 == 0, 0.85, 1.6)
    rebound = 0.25 * float(target.max()) * share * np.where(at % 3 == 0, 0.9, 2.5)
    above = at % SUBSTATIONS
    sub_most = np.array([0.92 * most[above == s].sum() for s in range(SUBSTATIONS)])
    sub_rebound = np.array([0.95 * rebound[above == s].sum() for s in range(SUBSTATIONS)])
    room_kw = np.concatenate([sub_most, most])[:, None] * np.ones(event + recovery)
    rebound_kw = np.concatenate([sub_rebound, rebound])[:, None] * np.ones(event + recovery)
    forecast = 0.5 * room_kw
    whole = forecast[:SUBSTATIONS].sum(axis=0)[None, :]
    unlimited = np.full((1, event + recovery), np.inf)
    during = np.arange(event + recovery) < event
    return NodeColumns(
        ids=["district", *(f"sub-{s}" for s in range(SUBSTATIONS)), *(f"feeder-{f:02d}" for f in range(FEEDERS))],
        parent=np.concatenate([[-1], np.zeros(SUBSTATIONS, dtype=np.intp), 1 + above]).astype(np.intp),
        forecast_kw=np.concatenate([whole, forecast]),
        import_limit_kw=np.concatenate([unlimited, np.where(during, np.inf, forecast + rebound_kw)]),
        export_limit_kw=np.concatenate([unlimited, np.where(during, room_kw - forecast, np.inf)]),
    )
