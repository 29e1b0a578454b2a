"""Turns a dispatch problem into arrays, once and solver-neutrally: every method behind this module starts from them.

Resources held back are left out, so that no method can use them by mistake. Nodes with a single resource below them
are folded into that resource's own bounds. ``n`` is the number of resources of a kind, ``N`` of all resources, ``M`` of
nodes, ``T`` of event intervals and ``H`` of all intervals.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from scipy import sparse

from optimizer.kinds import (
    BlockArrays,
    ChargingArrays,
    CoolingArrays,
    CurtailableArrays,
    Room,
    StorageArrays,
    all_pieces,
)
from vpp.domain.columns import (
    BlockColumns,
    ChargingColumns,
    CoolingColumns,
    CurtailableColumns,
    DispatchColumns,
    Flags,
    Index,
    StorageColumns,
)
from vpp.domain.flexibility import Series

Columns = TypeVar("Columns", CurtailableColumns, BlockColumns, ChargingColumns, CoolingColumns, StorageColumns)


@dataclass(frozen=True, eq=False)
class ProblemArrays:
    """A dispatch problem as arrays.

    Attributes:
        columns: Where the arrays come from.
        below: Which resources hang from which node, itself and deeper ones, of shape (M, N), ones.
        node_least_kw: Smallest summed response that a node's limits allow, <= 0, shape (M, H).
        node_most_kw: Largest summed response that a node's limits allow, >= 0, shape (M, H).
        levels: Node indices from the leaves to the roots.
        folded: Whether a node's limits were folded into a resource's own bounds.
    """

    columns: DispatchColumns
    curtailable: CurtailableArrays
    block: BlockArrays
    charging: ChargingArrays
    cooling: CoolingArrays
    storage: StorageArrays
    below: sparse.csr_array
    node_least_kw: Series
    node_most_kw: Series
    levels: Index
    folded: bool

    @property
    def kinds(self) -> tuple[CurtailableArrays, BlockArrays, ChargingArrays, CoolingArrays, StorageArrays]:
        """All kinds, in their fixed order."""
        return self.curtailable, self.block, self.charging, self.cooling, self.storage

    @property
    def count(self) -> int:
        """Number of resources, N."""
        return self.columns.count

    @cached_property
    def unfolded(self) -> "ProblemArrays":
        """The same problem with all limits of nodes apart: what a resource could do by itself."""
        return problem_arrays(self.columns, fold=False) if self.folded else self

    @property
    def event_intervals(self) -> int:
        """Number of event intervals, T."""
        return self.columns.event_intervals

    @property
    def intervals(self) -> int:
        """Number of all intervals, H."""
        return self.columns.intervals

    def members(self, node: int) -> Index:
        """Positions of the resources below a node."""
        return np.asarray(self.below.indices[self.below.indptr[node] : self.below.indptr[node + 1]], dtype=np.intp)

    @cached_property
    def least_kw(self) -> Series:
        """Lower bound of each response, taken alone, shape (N, H)."""
        return self._bounds[0]

    @cached_property
    def most_kw(self) -> Series:
        """Upper bound of each response, taken alone, shape (N, H)."""
        return self._bounds[1]

    @cached_property
    def _bounds(self) -> tuple[Series, Series]:
        least_kw, most_kw = np.zeros((self.count, self.intervals)), np.zeros((self.count, self.intervals))
        for kind in self.kinds:
            least_kw[kind.index], most_kw[kind.index] = kind.response_bounds()
        return least_kw, most_kw

    @cached_property
    def open_rows(self) -> tuple[Flags, Flags]:
        """Where a node with several resources could be brought below its least, above its most, shape (M, H) each."""
        least_kw, most_kw = np.zeros_like(self.node_least_kw), np.zeros_like(self.node_least_kw)
        below = self.below.tocsc()
        for piece in all_pieces(self, PIECE_ROWS):
            low, high = piece.response_bounds()
            part = below[:, piece.index]
            least_kw += part @ low
            most_kw += part @ high
        several = np.diff(self.below.indptr) > (1 if self.folded else 0)
        low_open = several[:, None] & (least_kw < self.node_least_kw - ROOM_KW)
        return low_open, several[:, None] & (most_kw > self.node_most_kw + ROOM_KW)

    @property
    def reachable_kw(self) -> Series:
        """Expected response if every resource gave its most in that interval alone, shape (T,).

        An upper bound: energy limits over several intervals and node limits are left out on purpose, so that the
        figure is the same for every method.
        """
        event = self.event_intervals
        mean = self.columns.delivery_mean
        total = np.zeros(event)
        for kind in self.kinds:
            total += mean[kind.index] @ np.maximum(kind.response_bounds()[1][:, :event], 0.0)
        return total


def problem_arrays(columns: DispatchColumns, *, fold: bool = True) -> ProblemArrays:
    """The arrays of ``columns``, which must have passed ``optimizer.validate``; ``fold`` as in the module's text."""
    sign = float(columns.direction.sign)
    nodes, count = columns.nodes, columns.intervals
    if sign > 0:
        least_kw = np.minimum(nodes.forecast_kw - nodes.import_limit_kw, 0.0)
        most_kw = np.maximum(nodes.forecast_kw + nodes.export_limit_kw, 0.0)
    else:
        least_kw = np.minimum(-nodes.export_limit_kw - nodes.forecast_kw, 0.0)
        most_kw = np.maximum(nodes.import_limit_kw - nodes.forecast_kw, 0.0)
    below = _below(columns)
    rooms = _rooms(below, least_kw, most_kw) if fold else {}
    curtailable, block, charging, cooling, storage = (
        _unreserved(columns.curtailable, columns.reserved),
        _unreserved(columns.block, columns.reserved),
        _unreserved(columns.charging, columns.reserved),
        _unreserved(columns.cooling, columns.reserved),
        _unreserved(columns.storage, columns.reserved),
    )
    use = columns.use_price_cny_per_kwh
    return ProblemArrays(
        columns,
        CurtailableArrays.of(curtailable, use[curtailable.index], count, _room(rooms, curtailable.index)),
        BlockArrays.of(block, use[block.index], count, _room(rooms, block.index)),
        ChargingArrays.of(charging, use[charging.index], sign, _room(rooms, charging.index)),
        CoolingArrays.of(cooling, use[cooling.index], count, _room(rooms, cooling.index)),
        StorageArrays.of(storage, use[storage.index], sign, _room(rooms, storage.index)),
        below,
        least_kw,
        most_kw,
        _levels(nodes.parent),
        folded=bool(rooms),
    )


def _unreserved(columns: Columns, reserved: Flags) -> Columns:
    keep = ~reserved[columns.index]
    if keep.all():
        return columns
    return replace(columns, **{field.name: getattr(columns, field.name)[keep] for field in fields(columns)})


def _levels(parent: Index) -> Index:
    depth = np.zeros(len(parent), dtype=np.intp)
    above = parent.copy()
    while (above >= 0).any():
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return np.argsort(-depth, kind="stable")


def _below(columns: DispatchColumns) -> sparse.csr_array:
    """Incidence of nodes and the resources below them; those held back are left out."""
    parent = columns.nodes.parent
    members = np.flatnonzero(~columns.reserved)
    at, rows, cols = columns.node_of[members], [], []
    while members.size:
        rows.append(at)
        cols.append(members)
        at = parent[at]
        members, at = members[at >= 0], at[at >= 0]
    shape = (len(parent), columns.count)
    if not rows:
        return sparse.csr_array(shape)
    row, col = np.concatenate(rows).astype(np.int32), np.concatenate(cols).astype(np.int32)
    return sparse.csr_array((np.ones(len(row)), (row, col)), shape=shape)


def _rooms(below: sparse.csr_array, least_kw: Series, most_kw: Series) -> dict[int, tuple[Series, Series]]:
    """Per resource that is alone below some node: what those nodes leave for it."""
    found: dict[int, tuple[Series, Series]] = {}
    for m in np.flatnonzero(np.diff(below.indptr) == 1).tolist():
        i = int(below.indices[below.indptr[m]])
        low, high = found.get(i, (least_kw[m], most_kw[m]))
        found[i] = (np.maximum(low, least_kw[m]), np.minimum(high, most_kw[m]))
    return found


def _room(rooms: dict[int, tuple[Series, Series]], index: Index) -> Room | None:
    rows = [(k, rooms[i]) for k, i in enumerate(index.tolist()) if i in rooms] if rooms else []
    if not rows:
        return None
    width = len(rows[0][1][0])
    least, most = np.full((len(index), width), -np.inf), np.full((len(index), width), np.inf)
    for k, (low, high) in rows:
        least[k], most[k] = low, high
    return Room(least, most)


ROOM_KW = 1e-9
PIECE_ROWS = 16_384
