"""A dispatch problem in columns: the figures of all resources of a kind stacked, for fleets of any size.

``DispatchProblem`` is what services build and people read; a million resources are stated in columns from the start.
Both say the same. Shapes: ``N`` resources, ``n`` of one kind, ``M`` nodes, ``K`` delivery classes, ``T`` event and
``H`` all intervals. ``index`` is a resource's position among all; what offers nothing in recovery has ``T`` columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vpp.domain.dispatch import DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Series, Storage
from vpp.domain.timegrid import TimeGrid

Index = NDArray[np.intp]
Flags = NDArray[np.bool_]
K = TypeVar("K", Curtailable, Block, Charging, Cooling, Storage)


@dataclass(frozen=True, slots=True, eq=False)
class CurtailableColumns:
    """``Curtailable``; segments (n, T), the rest (n,)."""

    index: Index
    segment_1_kw: Series
    segment_2_kw: Series
    cost_1_cny_per_kwh: Series
    cost_2_cny_per_kwh: Series
    energy_max_kwh: Series


@dataclass(frozen=True, slots=True, eq=False)
class BlockColumns:
    """``Block``; powers (n, T), the rest (n,)."""

    index: Index
    available_kw: Series
    minimum_kw: Series
    cost_cny_per_kwh: Series
    start_cost_cny: Series
    min_run: Index
    max_run: Index
    max_calls: Index
    running_intervals: Index
    min_rest: Index


@dataclass(frozen=True, slots=True, eq=False)
class ChargingColumns:
    """``Charging``; series (n, H), costs (n,)."""

    index: Index
    forecast_kw: Series
    power_min_kw: Series
    power_max_kw: Series
    energy_floor_kwh: Series
    energy_ceiling_kwh: Series
    cost_cny_per_kwh: Series


@dataclass(frozen=True, slots=True, eq=False)
class CoolingColumns:
    """``Cooling``; ``available_kw`` (n, T), the rest (n,)."""

    index: Index
    available_kw: Series
    payback_max_kw: Series
    retention: Series
    gain_k_per_kw: Series
    band_k: Series
    theta_0_k: Series
    cost_cny_per_kwh: Series
    discomfort_cny_per_kh: Series


@dataclass(frozen=True, slots=True, eq=False)
class StorageColumns:
    """``Storage``; ``forecast_kw`` (n, H), the rest (n,)."""

    index: Index
    forecast_kw: Series
    power_max_kw: Series
    capacity_kwh: Series
    soc_kwh: Series
    soc_min_kwh: Series
    soc_end_kwh: Series
    efficiency: Series
    cost_cny_per_kwh: Series
    export_allowed: Flags


@dataclass(frozen=True, slots=True, eq=False)
class NodeColumns:
    """The network; series (M, H), ``inf`` where there is no limit; ``parent`` is -1 for a root."""

    ids: Sequence[str]
    parent: Index
    forecast_kw: Series
    import_limit_kw: Series
    export_limit_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class DispatchColumns:
    """The whole problem; see ``DispatchProblem`` for the meaning of each figure.

    Attributes:
        node_of: Position of each resource's lowest node, shape (N,).
        delivery_mean, delivery_sd, use_price_cny_per_kwh: Shape (N,).
        class_of: Position of each resource's delivery class, shape (N,).
        class_sd: Standard deviation of each class's common factor, shape (K,).
        reserved: Held back, shape (N,).
        energy_price_cny_per_kwh: Shape (H,); zeros where energy is not priced.
    """

    ids: Sequence[str]
    grid: TimeGrid
    event_intervals: int
    target_kw: Series
    rebound_cap_kw: Series
    nodes: NodeColumns
    node_of: Index
    delivery_mean: Series
    delivery_sd: Series
    class_of: Index
    class_sd: Series
    use_price_cny_per_kwh: Series
    reserved: Flags
    curtailable: CurtailableColumns
    block: BlockColumns
    charging: ChargingColumns
    cooling: CoolingColumns
    storage: StorageColumns
    direction: Direction
    coverage: float
    energy_price_cny_per_kwh: Series
    shortfall_cny_per_kwh: float
    rebound_cny_per_kwh: float

    @property
    def count(self) -> int:
        """Number of resources, N."""
        return len(self.node_of)

    @property
    def intervals(self) -> int:
        """Number of all intervals, H."""
        return self.grid.count


def columns_of(problem: DispatchProblem) -> DispatchColumns:
    """``problem`` in columns; its series must have the right lengths and its names must be known."""
    resources = problem.resources
    event, count = problem.event_intervals, problem.grid.count
    position = {node.id: m for m, node in enumerate(problem.nodes)}
    classes = sorted({resource.delivery_class for resource in resources})
    class_position = {name: k for k, name in enumerate(classes)}
    prices = problem.energy_price_cny_per_kwh
    return DispatchColumns(
        ids=[resource.id for resource in resources],
        grid=problem.grid,
        event_intervals=event,
        target_kw=problem.target_kw,
        rebound_cap_kw=problem.rebound_cap_kw,
        nodes=_nodes(problem, position),
        node_of=_counts([position[resource.node_id] for resource in resources]),
        delivery_mean=_figures([resource.delivery_fraction for resource in resources]),
        delivery_sd=_figures([resource.delivery_sd for resource in resources]),
        class_of=_counts([class_position[resource.delivery_class] for resource in resources]),
        class_sd=_figures([problem.common_sd.get(name, 0.0) for name in classes]),
        use_price_cny_per_kwh=_figures([resource.use_price_cny_per_kwh for resource in resources]),
        reserved=np.array([resource.reserved for resource in resources], dtype=np.bool_),
        curtailable=_curtailable(*_pick(resources, Curtailable), event),
        block=_block(*_pick(resources, Block), event),
        charging=_charging(resources, *_pick(resources, Charging), count),
        cooling=_cooling(*_pick(resources, Cooling), event),
        storage=_storage(resources, *_pick(resources, Storage), count),
        direction=problem.direction,
        coverage=problem.coverage,
        energy_price_cny_per_kwh=np.zeros(count) if prices is None else prices,
        shortfall_cny_per_kwh=problem.shortfall_cny_per_kwh,
        rebound_cny_per_kwh=problem.rebound_cny_per_kwh,
    )


def _nodes(problem: DispatchProblem, position: Mapping[str, int]) -> NodeColumns:
    nodes, count = problem.nodes, problem.grid.count
    return NodeColumns(
        ids=[node.id for node in nodes],
        parent=_counts([-1 if node.parent_id is None else position[node.parent_id] for node in nodes]),
        forecast_kw=_rows([node.forecast_kw for node in nodes], count),
        import_limit_kw=_rows([node.import_limit_kw for node in nodes], count),
        export_limit_kw=_rows([node.export_limit_kw for node in nodes], count),
    )


def _pick(resources: Sequence[DispatchResource], kind: type[K]) -> tuple[Index, list[K]]:
    found = [(i, r.flexibility) for i, r in enumerate(resources) if isinstance(r.flexibility, kind)]
    return _counts([i for i, _ in found]), [flexibility for _, flexibility in found]


def _rows(rows: Sequence[Series], width: int) -> Series:
    return np.array([row[:width] for row in rows], dtype=np.float64).reshape(len(rows), width)


def _figures(values: Sequence[float]) -> Series:
    return np.array(values, dtype=np.float64)


def _counts(values: Sequence[int]) -> Index:
    return np.array(values, dtype=np.intp)


def _curtailable(index: Index, items: Sequence[Curtailable], event: int) -> CurtailableColumns:
    return CurtailableColumns(
        index,
        _rows([f.segment_1_kw for f in items], event),
        _rows([f.segment_2_kw for f in items], event),
        _figures([f.cost_1_cny_per_kwh for f in items]),
        _figures([f.cost_2_cny_per_kwh for f in items]),
        _figures([f.energy_max_kwh for f in items]),
    )


def _block(index: Index, items: Sequence[Block], event: int) -> BlockColumns:
    return BlockColumns(
        index,
        _rows([f.available_kw for f in items], event),
        _rows([f.minimum_kw for f in items], event),
        _figures([f.cost_cny_per_kwh for f in items]),
        _figures([f.start_cost_cny for f in items]),
        _counts([f.min_run for f in items]),
        _counts([f.max_run for f in items]),
        _counts([f.max_calls for f in items]),
        _counts([f.running_intervals for f in items]),
        _counts([f.min_rest for f in items]),
    )


def _charging(
    resources: Sequence[DispatchResource], index: Index, items: Sequence[Charging], count: int
) -> ChargingColumns:
    return ChargingColumns(
        index,
        _rows([resources[i].forecast_kw for i in index], count),
        _rows([f.power_min_kw for f in items], count),
        _rows([f.power_max_kw for f in items], count),
        _rows([f.energy_floor_kwh for f in items], count),
        _rows([f.energy_ceiling_kwh for f in items], count),
        _figures([f.cost_cny_per_kwh for f in items]),
    )


def _cooling(index: Index, items: Sequence[Cooling], event: int) -> CoolingColumns:
    return CoolingColumns(
        index,
        _rows([f.available_kw for f in items], event),
        _figures([f.payback_max_kw for f in items]),
        _figures([f.retention for f in items]),
        _figures([f.gain_k_per_kw for f in items]),
        _figures([f.band_k for f in items]),
        _figures([f.theta_0_k for f in items]),
        _figures([f.cost_cny_per_kwh for f in items]),
        _figures([f.discomfort_cny_per_kh for f in items]),
    )


def _storage(
    resources: Sequence[DispatchResource], index: Index, items: Sequence[Storage], count: int
) -> StorageColumns:
    return StorageColumns(
        index,
        _rows([resources[i].forecast_kw for i in index], count),
        _figures([f.power_max_kw for f in items]),
        _figures([f.capacity_kwh for f in items]),
        _figures([f.soc_kwh for f in items]),
        _figures([f.soc_min_kwh for f in items]),
        _figures([f.soc_end_kwh for f in items]),
        _figures([f.efficiency for f in items]),
        _figures([f.cost_cny_per_kwh for f in items]),
        np.array([f.export_allowed for f in items], dtype=np.bool_),
    )
