"""Charging clusters: power within limits, cumulative energy within its envelope, energy by departure."""

from collections.abc import Iterator

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, Row, Term, Variables, add_rows, add_variables
from optimizer.kinds import ChargingArrays
from vpp.domain.timegrid import INTERVAL_H


def add_charging(model: pyo.ConcreteModel, kind: ChargingArrays, responses: Responses) -> None:
    """``p = forecast - less + more``; ``E_t = E_{t-1} + h p_t`` between floor and ceiling; ``r = less - more``."""
    block = model.charging = pyo.Block()
    above_min, below_max = kind.forecast_kw - kind.power_min_kw, kind.power_max_kw - kind.forecast_kw
    less = add_variables(block, "less", np.maximum(-below_max, 0.0), np.maximum(above_min, 0.0))
    more = add_variables(block, "more", np.maximum(-above_min, 0.0), np.maximum(below_max, 0.0))
    energy = add_variables(block, "energy", kind.floor_kwh, kind.ceiling_kwh)
    for k, resource in enumerate(kind.index.tolist()):
        responses.add(resource, 1.0, less[k])
        responses.add(resource, -1.0, more[k])
    responses.charge(kind.cost[:, None] * INTERVAL_H, less)
    add_rows(block, "balance", _balance(kind, less, more, energy))


def _balance(kind: ChargingArrays, less: Variables, more: Variables, energy: Variables) -> Iterator[Row]:
    uncontrolled_kwh = (kind.forecast_kw * INTERVAL_H).tolist()
    for k in range(len(kind.index)):
        for t in range(energy.shape[1]):
            terms: list[Term] = [(1.0, energy[k, t]), (INTERVAL_H, less[k, t]), (-INTERVAL_H, more[k, t])]
            if t:
                terms.append((-1.0, energy[k, t - 1]))
            yield uncontrolled_kwh[k][t], terms, uncontrolled_kwh[k][t]
