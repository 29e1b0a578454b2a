"""Node limits on net flow, hard in both directions, as limits on the summed response below a node."""

from collections.abc import Iterator

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.coupling import summed
from optimizer.formulation.linear import Responses, Row, add_rows
from optimizer.problem import ProblemArrays


def add_network(model: pyo.ConcreteModel, arrays: ProblemArrays, responses: Responses) -> None:
    """``node_least <= sum of responses below the node <= node_most``, in the rows that can bind at all.

    The bounds have the forecast in them and contain 0 by construction: where the forecast alone violates a limit, the
    plan may not make it worse.
    """
    model.network = pyo.Block()
    add_rows(model.network, "flow", _rows(arrays, responses))


def _rows(arrays: ProblemArrays, responses: Responses) -> Iterator[Row]:
    below, above = arrays.open_rows
    for m, t in np.argwhere(below | above).tolist():
        members = arrays.members(m)
        constant_kw = float(responses.constant_kw[members, t].sum())
        low = float(arrays.node_least_kw[m, t]) - constant_kw if below[m, t] else None
        high = float(arrays.node_most_kw[m, t]) - constant_kw if above[m, t] else None
        yield low, summed(responses, members.tolist(), t), high
