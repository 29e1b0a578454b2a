"""Batteries: state of charge with losses, no export unless allowed.

Nothing in the relaxation forbids charging and discharging at once, and it rarely pays. The intervals in which a
solution did it are made exclusive with a binary and the model is solved again (``exclusive``); everywhere else the
model stays free of binaries.
"""

from collections.abc import Iterator

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, Row, Term, Variables, add_rows, add_variables
from optimizer.kinds import StorageArrays
from vpp.domain.timegrid import INTERVAL_H

Exclusive = frozenset[int]
"""Positions of resources whose charging and discharging must exclude each other."""


def add_storage(model: pyo.ConcreteModel, kind: StorageArrays, responses: Responses, exclusive: Exclusive) -> None:
    """``r = sign (forecast - charge + discharge)``; only the response above zero (``paid``) costs."""
    block = model.storage = pyo.Block()
    shape = kind.forecast_kw.shape
    low_kw, high_kw = kind.power_min_kw, kind.power_max_kw
    charge = add_variables(block, "charge", np.maximum(low_kw, 0.0), np.maximum(high_kw, 0.0))
    discharge = add_variables(block, "discharge", np.maximum(-high_kw, 0.0), np.maximum(-low_kw, 0.0))
    paid = add_variables(block, "paid", 0.0, np.full(shape, np.inf))
    soc = add_variables(block, "soc", kind.soc_low_kwh, np.broadcast_to(kind.capacity_kwh[:, None], shape))
    for k, resource in enumerate(kind.index.tolist()):
        responses.constant_kw[resource] += kind.sign * kind.forecast_kw[k]
        responses.add(resource, -kind.sign, charge[k])
        responses.add(resource, kind.sign, discharge[k])
    responses.charge(kind.cost[:, None] * INTERVAL_H, paid)
    add_rows(block, "state", _state(kind, charge, discharge, soc))
    add_rows(
        block,
        "paid_response",
        (
            (
                kind.sign * float(kind.forecast_kw[k, t]),
                [(1.0, paid[k, t]), (kind.sign, charge[k, t]), (-kind.sign, discharge[k, t])],
                None,
            )
            for k in range(shape[0])
            for t in range(shape[1])
        ),
    )
    chosen = np.flatnonzero(np.isin(kind.index, list(exclusive)))
    charging = add_variables(block, "charging", 0.0, np.ones((len(chosen), shape[1])), binary=True)
    add_rows(block, "exclusive", _exclusive(kind, chosen.tolist(), charging, charge, discharge))


def _state(kind: StorageArrays, charge: Variables, discharge: Variables, soc: Variables) -> Iterator[Row]:
    for k, efficiency in enumerate(kind.efficiency.tolist()):
        for t in range(soc.shape[1]):
            terms: list[Term] = [
                (1.0, soc[k, t]),
                (-INTERVAL_H * efficiency, charge[k, t]),
                (INTERVAL_H / efficiency, discharge[k, t]),
            ]
            carried = float(kind.soc_kwh[k]) if t == 0 else 0.0
            if t:
                terms.append((-1.0, soc[k, t - 1]))
            yield carried, terms, carried


def _exclusive(
    kind: StorageArrays, chosen: list[int], charging: Variables, charge: Variables, discharge: Variables
) -> Iterator[Row]:
    for row, k in enumerate(chosen):
        for t in range(charge.shape[1]):
            full_kw = float(max(abs(kind.power_max_kw[k, t]), abs(kind.power_min_kw[k, t])))
            yield None, [(1.0, charge[k, t]), (-full_kw, charging[row, t])], 0.0
            yield None, [(1.0, discharge[k, t]), (full_kw, charging[row, t])], full_kw
