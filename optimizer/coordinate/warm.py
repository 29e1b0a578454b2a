"""The prices of an earlier plan, put to the rows of the present problem."""

from collections.abc import Sequence

import numpy as np

from optimizer.coordinate.layout import Layout
from optimizer.coordinate.master import Duals
from vpp.domain.dispatch import DispatchPlan
from vpp.domain.flexibility import Series


def warm_prices(layout: Layout, node_ids: Sequence[str], previous: DispatchPlan | None) -> Duals | None:
    """``None`` where no earlier plan has prices, or it covers less time; both horizons end together."""
    marginals = None if previous is None else previous.marginals
    if marginals is None:
        return None
    recovery = layout.intervals - layout.event
    if len(marginals.target_cny_per_kw) < layout.event or len(marginals.rebound_cny_per_kw) != recovery:
        return None
    nodes = np.zeros(len(layout.least_kw))
    for row, (m, t) in enumerate(zip(layout.node_of_row.tolist(), layout.interval_of_row.tolist(), strict=True)):
        series: Series | None = marginals.node_cny_per_kw.get(node_ids[m])
        if series is not None and len(series) >= layout.intervals:
            nodes[row] = series[len(series) - layout.intervals + t]
    return Duals(marginals.target_cny_per_kw[-layout.event :], marginals.rebound_cny_per_kw.copy(), nodes)
