"""Charging clusters: power within limits, cumulative energy within its envelope, energy by departure."""

from collections.abc import Iterator

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, Row, Term, Variables, add_rows, add_variables
from optimizer.kinds import ChargingArrays
from vpp.domain.timegrid import INTERVAL_H


def add_charging(model: pyo.ConcreteModel, kind: ChargingArrays, responses: Responses) -> None:
    """``r = with_it - against``, ``p = forecast - sign r``; ``E_t = E_{t-1} + h p_t`` between floor and ceiling.

    ``sign`` is 1 when curtailing, -1 when filling; only the response with the asked direction costs.
    """
    block = model.charging = pyo.Block()
    low_kw, high_kw = kind.forecast_kw - kind.power_max_kw, kind.forecast_kw - kind.power_min_kw
    if kind.sign < 0:
        low_kw, high_kw = -high_kw, -low_kw
    with_it = add_variables(block, "with_it", np.maximum(low_kw, 0.0), np.maximum(high_kw, 0.0))
    against = add_variables(block, "against", np.maximum(-high_kw, 0.0), np.maximum(-low_kw, 0.0))
    energy = add_variables(block, "energy", kind.floor_kwh, kind.ceiling_kwh)
    for k, resource in enumerate(kind.index.tolist()):
        responses.add(resource, 1.0, with_it[k])
        responses.add(resource, -1.0, against[k])
    responses.charge(kind.cost[:, None] * INTERVAL_H, with_it)
    add_rows(block, "balance", _balance(kind, with_it, against, energy))


def _balance(kind: ChargingArrays, with_it: Variables, against: Variables, energy: Variables) -> Iterator[Row]:
    uncontrolled_kwh = (kind.forecast_kw * INTERVAL_H).tolist()
    for k in range(len(kind.index)):
        for t in range(energy.shape[1]):
            step = kind.sign * INTERVAL_H
            terms: list[Term] = [(1.0, energy[k, t]), (step, with_it[k, t]), (-step, against[k, t])]
            if t:
                terms.append((-1.0, energy[k, t - 1]))
            yield uncontrolled_kwh[k][t], terms, uncontrolled_kwh[k][t]
