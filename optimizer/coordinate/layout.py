"""How a fleet is cut for price coordination: which rows couple resources, and which resources are summed.

Coupling rows, in kW: those of the target and of the rebound, then one for each interval in which the limits of a node
could bind at all. A *group* is the resources below the same such nodes, a *slot* those of one kind, delivery class and
group, a *block* a few slots of one kind that share a convexity row of the master problem.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.aim import certain
from optimizer.problem import ProblemArrays
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

MOST_BLOCKS = 72


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Rows, groups, slots and blocks; ``D`` node rows, ``S`` slots, ``B`` blocks, ``G`` groups.

    Attributes:
        node_of_row, interval_of_row: Shape (D,).
        least_kw, most_kw: Bounds of the node rows; infinite where a side cannot bind, shape (D,).
        classes: Delivery classes that are told apart, K.
        class_of, group_of, slot_of: Shape (N,).
        kind_of_slot, class_of_slot, block_of_slot: Shape (S,).
        members_of_slot: Number of resources, shape (S,).
        pair_slot, pair_row: Which slot counts in which node row.
        group_row: Which node rows price a group's response: pairs of group and row.
    """

    event: int
    intervals: int
    node_of_row: Index
    interval_of_row: Index
    least_kw: Series
    most_kw: Series
    classes: int
    class_of: Index
    group_of: Index
    slot_of: Index
    kind_of_slot: Index
    class_of_slot: Index
    block_of_slot: Index
    members_of_slot: Index
    pair_slot: Index
    pair_row: Index
    groups: int
    group_row: tuple[Index, Index]

    @property
    def slots(self) -> int:
        """Number of slots, S."""
        return len(self.block_of_slot)

    @property
    def blocks(self) -> int:
        """Number of blocks, B."""
        return int(self.block_of_slot.max(initial=-1)) + 1

    def node_sums_kw(self, full_kw: Series) -> Series:
        """The node rows' sums, shape (D,), of responses summed per slot, shape (S, H)."""
        counted_kw = full_kw[self.pair_slot, self.interval_of_row[self.pair_row]]
        sums: Series = np.bincount(self.pair_row, counted_kw, minlength=len(self.least_kw)).astype(np.float64)
        return sums

    def class_sums_kw(self, by_slot: Series) -> Series:
        """Sums per class, shape (K, T), of figures per slot, shape (S, T)."""
        found = np.zeros((self.classes, by_slot.shape[1]))
        np.add.at(found, self.class_of_slot, by_slot)
        return found


def layout_of(arrays: ProblemArrays) -> Layout:
    """The layout of a problem."""
    columns = arrays.columns
    below, above = arrays.open_rows
    active: Flags = np.asarray((below | above).any(axis=1))
    lowest = _lowest_active(arrays, active)
    listed = np.flatnonzero(active)
    number = np.zeros(len(active) + 1, dtype=np.intp)
    number[listed] = 1 + np.arange(len(listed))
    group_of = number[lowest[columns.node_of]] if columns.count else np.zeros(0, dtype=np.intp)
    kind_of = np.full(columns.count, -1, dtype=np.intp)
    for number_of_kind, index in enumerate(kind.index for kind in arrays.kinds):
        kind_of[index] = number_of_kind
    # Where nothing is uncertain, classes differ in nothing that anybody has to tell apart.
    class_of = np.zeros_like(columns.class_of) if certain(columns) else columns.class_of
    groups, classes = 1 + len(listed), 1 if certain(columns) else max(len(columns.class_sd), 1)
    code = (kind_of * classes + class_of) * groups + group_of
    known = kind_of >= 0
    codes, slot_known = np.unique(code[known], return_inverse=True)
    slot_of = np.full(columns.count, -1, dtype=np.intp)
    slot_of[known] = slot_known
    row_node, row_interval = np.nonzero(below | above)
    chain = _chains(arrays, active)
    members = np.bincount(slot_known, minlength=len(codes))
    kind_of_slot, rest = codes // (classes * groups), codes % (classes * groups)
    group_of_slot = rest % groups
    group_pairs = _pairs(chain, listed, row_node)
    pair_slot, pair_row = _slot_pairs(group_of_slot, group_pairs)
    return Layout(
        arrays.event_intervals,
        arrays.intervals,
        row_node,
        row_interval,
        np.where(below[row_node, row_interval], arrays.node_least_kw[row_node, row_interval], -np.inf),
        np.where(above[row_node, row_interval], arrays.node_most_kw[row_node, row_interval], np.inf),
        classes,
        class_of,
        group_of,
        slot_of,
        kind_of_slot,
        rest // groups,
        _blocks(kind_of_slot, members),
        members,
        pair_slot,
        pair_row,
        groups,
        group_pairs,
    )


def _lowest_active(arrays: ProblemArrays, active: NDArray[np.bool_]) -> Index:
    """Per node the lowest node with rows at or above it; the last position stands for none."""
    parent = arrays.columns.nodes.parent
    lowest = np.full(len(parent) + 1, len(parent), dtype=np.intp)
    for m in arrays.levels[::-1].tolist():
        lowest[m] = m if active[m] else lowest[parent[m]]
    return lowest


def _chains(arrays: ProblemArrays, active: NDArray[np.bool_]) -> dict[int, list[int]]:
    """Per node with rows: itself and those with rows above it."""
    parent = arrays.columns.nodes.parent
    chains: dict[int, list[int]] = {}
    for m in np.flatnonzero(active).tolist():
        at, found = m, []
        while at >= 0:
            if active[at]:
                found.append(at)
            at = int(parent[at])
        chains[m] = found
    return chains


def _pairs(chains: dict[int, list[int]], listed: Index, row_node: Index) -> tuple[Index, Index]:
    """Pairs of group and node row such that the group's response counts in the row."""
    first = np.searchsorted(row_node, np.arange(row_node.max(initial=-1) + 2))
    groups, rows = [], []
    for position, m in enumerate(listed.tolist()):
        for node in chains[m]:
            found = np.arange(first[node], first[node + 1])
            groups.append(np.full(len(found), 1 + position))
            rows.append(found)
    if not rows:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    return np.concatenate(groups), np.concatenate(rows)


def _slot_pairs(group_of_slot: Index, group_pairs: tuple[Index, Index]) -> tuple[Index, Index]:
    group, row = group_pairs
    order = np.argsort(group, kind="stable")
    ends = np.searchsorted(group[order], np.arange(group_of_slot.max(initial=0) + 2))
    slots, rows = [], []
    for slot, g in enumerate(group_of_slot.tolist()):
        found = row[order[ends[g] : ends[g + 1]]]
        slots.append(np.full(len(found), slot))
        rows.append(found)
    if not rows:
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    return np.concatenate(slots).astype(np.intp), np.concatenate(rows)


def _blocks(kind_of_slot: Index, members: Index) -> Index:
    """Packs neighbouring slots of one kind until there are few enough blocks."""
    if len(kind_of_slot) <= MOST_BLOCKS:
        return np.arange(len(kind_of_slot))
    share = max(float(members.sum()) / (MOST_BLOCKS - int(kind_of_slot.max()) - 1), 1.0)
    found = np.zeros(len(kind_of_slot), dtype=np.intp)
    block, filled = -1, np.inf
    for slot, kind in enumerate(kind_of_slot.tolist()):
        if filled >= share or kind != kind_of_slot[slot - 1]:
            block, filled = block + 1, 0.0
        found[slot] = block
        filled += float(members[slot])
    return found
