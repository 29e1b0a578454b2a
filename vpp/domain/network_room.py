"""What the network lets resources do at most, all of them at once: a bound that any mix of responses keeps within.

Where the resources below a node could together do more than the node bears, each is allowed its share, so that no
choice among them can break a limit. ``capability_table`` uses it instead of solving for flows.
"""

from dataclasses import dataclass

import numpy as np

from vpp.domain.columns import Flags, Index, NodeColumns
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What the net flow of every node may change by, in kW, shape (M, H), >= 0."""

    less_kw: Series
    more_kw: Series


def room_of(nodes: NodeColumns) -> Room:
    """How much less and how much more may flow; 0 where the forecast alone already violates the limit."""
    return Room(
        less_kw=np.maximum(nodes.forecast_kw + nodes.export_limit_kw, 0.0),
        more_kw=np.maximum(nodes.import_limit_kw - nodes.forecast_kw, 0.0),
    )


def shared_kw(most_kw: Series, first: Flags, node_of: Index, parent: Index, room_kw: Series) -> Series:
    """``most_kw`` (N, H) scaled down so that the sum below each node stays within ``room_kw`` (M, H).

    Those marked ``first`` (N,) are cut last: a block that is cut below its minimum is of no use at all.
    """
    tiers = [np.zeros_like(room_kw), np.zeros_like(room_kw)]
    for below_kw, chosen in zip(tiers, (first, ~first), strict=True):
        np.add.at(below_kw, node_of[chosen], most_kw[chosen])
    shares = [np.ones_like(room_kw), np.ones_like(room_kw)]
    order = from_the_leaves(parent)
    for m in order:
        left_kw = room_kw[m]
        for below_kw, share in zip(tiers, shares, strict=True):
            allowed_kw = np.minimum(below_kw[m], left_kw)
            share[m] = np.divide(allowed_kw, below_kw[m], out=np.ones_like(allowed_kw), where=below_kw[m] > 0)
            left_kw = left_kw - allowed_kw
            if parent[m] >= 0:
                below_kw[parent[m]] += allowed_kw
    for share in shares:
        for m in order[::-1]:
            if parent[m] >= 0:
                share[m] *= share[parent[m]]
    return np.asarray(most_kw * np.where(first[:, None], shares[0][node_of], shares[1][node_of]))


def from_the_leaves(parent: Index) -> Index:
    """Nodes in an order in which each comes before its parent."""
    depth = np.zeros(len(parent), dtype=np.intp)
    at = parent.copy()
    while (at >= 0).any():
        depth += at >= 0
        at = np.where(at >= 0, parent[np.maximum(at, 0)], -1)
    return np.argsort(-depth, kind="stable")
