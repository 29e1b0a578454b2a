"""What the responses of a plan add up to: net flow per node, total response, delivery and its spread.

Part of the plan's independent check; rows are taken in slices, as in ``vpp.domain.kind_limits``.
"""

from dataclasses import dataclass

import numpy as np

from vpp.domain.columns import DispatchColumns, Index, NodeColumns
from vpp.domain.flexibility import Series
from vpp.domain.kind_limits import SLICE_ROWS


@dataclass(frozen=True, slots=True, eq=False)
class PlanSums:
    """Sums over all resources, in kW.

    Attributes:
        node_flow_kw: Net flow of each node under the plan, shape (M, H).
        total_kw: Response asked, shape (H,).
        mean_kw: Expected response delivered, shape (T,).
        sd_kw: Standard deviation of the response delivered, shape (T,): each resource's own spread, and each class's
            common factor, which moves all resources of the class together.
    """

    node_flow_kw: Series
    total_kw: Series
    mean_kw: Series
    sd_kw: Series


def plan_sums(columns: DispatchColumns, response_kw: Series) -> PlanSums:
    """Sums of ``response_kw``, shape (N, H), all of it finite."""
    event, intervals = columns.event_intervals, columns.intervals
    below_kw = np.zeros((len(columns.nodes.ids), intervals))
    class_kw = np.zeros((len(columns.class_sd), event))
    own_variance = np.zeros(event)
    for begin in range(0, columns.count, SLICE_ROWS):
        rows = slice(begin, begin + SLICE_ROWS)
        r = response_kw[rows]
        below_kw += _by_group(columns.node_of[rows], r, len(below_kw))
        delivered_kw = columns.delivery_mean[rows, None] * r[:, :event]
        class_kw += _by_group(columns.class_of[rows], delivered_kw, len(class_kw))
        own_variance += (columns.delivery_sd[rows] ** 2) @ (r[:, :event] ** 2)
    total_kw = below_kw.sum(axis=0)
    common_variance = ((columns.class_sd[:, None] * class_kw) ** 2).sum(axis=0)
    sign = columns.direction.sign
    return PlanSums(
        columns.nodes.forecast_kw - sign * _with_ancestors(columns.nodes, below_kw),
        total_kw,
        class_kw.sum(axis=0),
        np.sqrt(own_variance + common_variance),
    )


def _by_group(group_of: Index, values: Series, count: int) -> Series:
    """Sums of the rows of each group, shape (count, W)."""
    found = [np.bincount(group_of, weights=column, minlength=count) for column in values.T]
    return np.array(found, dtype=np.float64).T.reshape(count, values.shape[1])


def _with_ancestors(nodes: NodeColumns, own_kw: Series) -> Series:
    """Each node's own sum with those of all nodes below it, shape (M, H)."""
    found = own_kw.copy()
    at, carried = np.arange(len(nodes.ids)), own_kw
    while True:
        inner = nodes.parent[at] >= 0
        if not inner.any():
            return found
        at, carried = nodes.parent[at[inner]], carried[inner]
        np.add.at(found, at, carried)
