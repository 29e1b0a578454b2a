"""Divisible curtailment in two price segments with an energy budget."""

import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, add_rows, add_variables
from optimizer.kinds import CurtailableArrays
from vpp.domain.timegrid import INTERVAL_H


def add_curtailable(model: pyo.ConcreteModel, kind: CurtailableArrays, responses: Responses) -> None:
    """``r = x1 + x2`` within their segments and ``sum h r <= energy_max``."""
    block = model.curtailable = pyo.Block()
    first = add_variables(block, "first", 0.0, kind.segment_1_kw)
    second = add_variables(block, "second", 0.0, kind.segment_2_kw)
    for k, resource in enumerate(kind.index.tolist()):
        responses.add(resource, 1.0, first[k])
        responses.add(resource, 1.0, second[k])
    responses.charge(kind.cost_1[:, None] * INTERVAL_H, first)
    responses.charge(kind.cost_2[:, None] * INTERVAL_H, second)
    most_kwh = (kind.segment_1_kw + kind.segment_2_kw).sum(axis=1) * INTERVAL_H
    add_rows(
        block,
        "energy",
        (
            (None, [(INTERVAL_H, var) for var in (*first[k], *second[k])], float(kind.energy_max_kwh[k]))
            for k in range(len(kind.index))
            if kind.energy_max_kwh[k] < most_kwh[k]
        ),
    )
