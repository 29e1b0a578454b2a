"""The response against the asked direction after the event, priced above its cap."""

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.coupling import summed
from optimizer.formulation.linear import Responses, Row, add_rows, add_variables
from optimizer.problem import ProblemArrays
from vpp.domain.timegrid import INTERVAL_H


def add_rebound(model: pyo.ConcreteModel, arrays: ProblemArrays, responses: Responses) -> None:
    """``-sum of responses <= cap + excess`` in each recovery interval, full responses."""
    block = model.rebound = pyo.Block()
    event, cap_kw = arrays.event_intervals, arrays.columns.rebound_cap_kw
    excess = add_variables(block, "excess", 0.0, np.full(arrays.intervals - event, np.inf))
    responses.charge(arrays.columns.rebound_cny_per_kwh * INTERVAL_H, excess)
    constant_kw = responses.constant_kw.sum(axis=0)
    rows: list[Row] = []
    for k, extra in enumerate(excess):
        terms = summed(responses, range(arrays.count), event + k)
        rows.append((float(-cap_kw[k] - constant_kw[event + k]), [*terms, (1.0, extra)], None))
    add_rows(block, "cap", rows)
