"""Puts resources together that are alike but for their size: one of them, as large as all, stands for them.

Exact for the convex kinds: whatever the large one does, each member can do its share of, and no sum of what members do
is beyond it. On/off calls stay apart. Alike means: same node, delivery class, expected delivery, price of use, and the
same figures per unit of size, to ten digits.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from optimizer.aim import certain
from vpp.domain.columns import (
    ChargingColumns,
    CoolingColumns,
    CurtailableColumns,
    DispatchColumns,
    Index,
    StorageColumns,
)
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

Convex = TypeVar("Convex", CurtailableColumns, ChargingColumns, CoolingColumns, StorageColumns)
AnyConvex = CurtailableColumns | ChargingColumns | CoolingColumns | StorageColumns
DIGITS = 10
SEED = 20260720
ENOUGH = 1e-9
WORTH_WHILE = 0.9
"""Share of the resources that must be left at the most for clustering to be worth anything."""

# Figures that grow with size, those that shrink with it; all others are the same for every member.
_GROWING: dict[type[Any], tuple[str, ...]] = {
    CurtailableColumns: ("segment_1_kw", "segment_2_kw", "energy_max_kwh"),
    ChargingColumns: ("forecast_kw", "power_min_kw", "power_max_kw", "energy_floor_kwh", "energy_ceiling_kwh"),
    CoolingColumns: ("available_kw", "payback_max_kw", "discomfort_cny_per_kh"),
    StorageColumns: ("forecast_kw", "power_max_kw", "capacity_kwh", "soc_kwh", "soc_min_kwh", "soc_end_kwh"),
}
_SHRINKING: dict[type[Any], tuple[str, ...]] = {CoolingColumns: ("gain_k_per_kw",)}


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """A problem with clusters in the members' place.

    Attributes:
        columns: The smaller problem.
        cluster_of: Position of each original resource's cluster, shape (N,).
        share: Of its cluster, shape (N,).
    """

    columns: DispatchColumns
    cluster_of: Index
    share: Series

    def expanded(self, response_kw: Series) -> Series:
        """Responses of the original resources, shape (N, H).

        What moves energy in time is shared out by size. Of divisible curtailment as few members as can do it at the
        same cost are asked: a call counts, however small.
        """
        share = self.share.copy()
        order = np.argsort(self.cluster_of, kind="stable")
        ends = np.searchsorted(self.cluster_of[order], np.arange(self.columns.count + 1))
        for k, position in enumerate(self.columns.curtailable.index.tolist()):
            members = order[ends[position] : ends[position + 1]]
            if len(members) > 1:
                needed = _needed_share(self.columns.curtailable, k, response_kw[position])
                enough = int(np.searchsorted(np.cumsum(share[members]), needed - ENOUGH)) + 1
                share[members[enough:]] = 0.0
                share[members] /= share[members].sum()
        return np.asarray(share[:, None] * response_kw[self.cluster_of])


def clustered(columns: DispatchColumns) -> Clusters | None:
    """The clusters of a problem; ``None`` where there are too few to be worth it."""
    cluster_of, size = np.arange(columns.count), np.ones(columns.count)
    for kind in (columns.curtailable, columns.charging, columns.cooling, columns.storage):
        # Few are asked of many: with spreads of their own, which vary less the more are asked, that is another plan.
        few = isinstance(kind, CurtailableColumns) and not certain(columns) and columns.delivery_sd[kind.index].any()
        if len(kind.index) and not few:
            size[kind.index] = _sizes(kind)
            cluster_of[kind.index] = kind.index[_first_alike(columns, kind, size[kind.index])]
    leaders, packed = np.unique(cluster_of, return_inverse=True)
    if len(leaders) > WORTH_WHILE * columns.count:
        return None
    total = np.bincount(packed, size, minlength=len(leaders))
    share = size / total[packed]
    spread = np.sqrt(np.bincount(packed, (share * columns.delivery_sd) ** 2, minlength=len(leaders)))
    factor = np.zeros(columns.count)
    factor[leaders] = total / size[leaders]
    small = replace(
        columns,
        ids=[columns.ids[i] for i in leaders.tolist()],
        node_of=columns.node_of[leaders],
        delivery_mean=columns.delivery_mean[leaders],
        delivery_sd=spread,
        class_of=columns.class_of[leaders],
        use_price_cny_per_kwh=columns.use_price_cny_per_kwh[leaders],
        reserved=columns.reserved[leaders],
        curtailable=_grown(columns.curtailable, leaders, factor),
        block=replace(columns.block, index=np.searchsorted(leaders, columns.block.index)),
        charging=_grown(columns.charging, leaders, factor),
        cooling=_grown(columns.cooling, leaders, factor),
        storage=_grown(columns.storage, leaders, factor),
    )
    return Clusters(small, packed, share)


def _needed_share(kind: CurtailableColumns, k: int, response_kw: Series) -> float:
    """Share of a cluster that can do all of its response at the same cost."""
    asked_kw = response_kw[: kind.segment_1_kw.shape[1]]
    first_kw, second_kw = kind.segment_1_kw[k], kind.segment_2_kw[k]
    cheap_kw = first_kw if kind.cost_1_cny_per_kwh[k] <= kind.cost_2_cny_per_kwh[k] else second_kw
    if kind.cost_1_cny_per_kwh[k] == kind.cost_2_cny_per_kwh[k]:
        cheap_kw = first_kw + second_kw
    used = asked_kw > 0.0
    if not used.any():
        return 0.0
    if (asked_kw[used] > cheap_kw[used]).any():
        return 1.0
    energy = float(asked_kw.sum()) * INTERVAL_H / max(float(kind.energy_max_kwh[k]), 1e-12)
    return min(max(float((asked_kw[used] / cheap_kw[used]).max()), energy), 1.0)


def _sizes(kind: AnyConvex) -> Series:
    """A figure that grows with size, shape (n,); 1 where it is 0."""
    name = {ChargingColumns: "power_max_kw", StorageColumns: "power_max_kw", CoolingColumns: "available_kw"}
    if isinstance(kind, CurtailableColumns):
        found = (kind.segment_1_kw + kind.segment_2_kw).sum(axis=1)
    else:
        figures = getattr(kind, name[type(kind)])
        found = figures if figures.ndim == 1 else figures.sum(axis=1)
    return np.where(found > 0.0, found, 1.0)


def _first_alike(columns: DispatchColumns, kind: AnyConvex, size: Series) -> Index:
    """Per row the first row that is like it, shape (n,)."""
    rng = np.random.default_rng(SEED)
    # Two numbers per row, drawn from all its figures, are enough to tell rows apart: equal rows give equal numbers.
    marks = np.zeros((len(size), 2))
    for field in fields(kind):
        figures = np.asarray(getattr(kind, field.name), dtype=np.float64)
        if field.name == "index":
            continue
        rows = figures[:, None] if figures.ndim == 1 else figures
        if field.name in _GROWING[type(kind)]:
            rows = rows / size[:, None]
        elif field.name in _SHRINKING.get(type(kind), ()):
            rows = rows * size[:, None]
        marks += rows @ rng.uniform(0.5, 1.5, (rows.shape[1], 2))
    scale = np.maximum(np.abs(marks).max(axis=0, initial=0.0), 1e-300)
    index = kind.index
    key = np.concatenate(
        [
            np.round(marks / scale, DIGITS),
            columns.node_of[index][:, None],
            columns.class_of[index][:, None],
            columns.delivery_mean[index][:, None],
            columns.use_price_cny_per_kwh[index][:, None],
            columns.reserved[index][:, None],
        ],
        axis=1,
    )
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.ravel()])


def _grown(kind: Convex, leaders: Index, factor: Series) -> Convex:
    """The leaders of one kind, each as large as its cluster."""
    rows = np.flatnonzero(factor[kind.index] > 0.0)
    times = factor[kind.index][rows]
    taken: dict[str, Any] = {}
    for field in fields(kind):
        figures = getattr(kind, field.name)[rows]
        weight = times if figures.ndim == 1 else times[:, None]
        if field.name in _GROWING[type(kind)]:
            figures = figures * weight
        elif field.name in _SHRINKING.get(type(kind), ()):
            figures = figures / weight
        taken[field.name] = figures
    taken["index"] = np.searchsorted(leaders, kind.index[rows])
    return replace(kind, **taken)
