"""The prices of an earlier plan, put to the rows of the present problem."""

import numpy as np

from optimizer.coordinate.layout import layout_of
from optimizer.coordinate.master import Duals
from optimizer.problem import ProblemArrays
from vpp.domain.dispatch import DispatchPlan
from vpp.domain.flexibility import Series


def warm_prices(arrays: ProblemArrays, previous: DispatchPlan) -> Duals | None:
    """``None`` where the earlier plan has no prices or covers less time; both horizons end together."""
    marginals = previous.marginals
    if marginals is None:
        return None
    layout = layout_of(arrays)
    recovery = layout.intervals - layout.event
    if len(marginals.target_cny_per_kw) < layout.event or len(marginals.rebound_cny_per_kw) != recovery:
        return None
    ids = arrays.columns.nodes.ids
    nodes = np.zeros(len(layout.least_kw))
    for row, (m, t) in enumerate(zip(layout.node_of_row.tolist(), layout.interval_of_row.tolist(), strict=True)):
        series: Series | None = marginals.node_cny_per_kw.get(ids[m])
        if series is not None and len(series) >= layout.intervals:
            nodes[row] = series[len(series) - layout.intervals + t]
    return Duals(marginals.target_cny_per_kw[-layout.event :], marginals.rebound_cny_per_kw.copy(), nodes)
