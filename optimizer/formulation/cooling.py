"""Cooling: the building warms while curtailed and pays the cooling back."""

from collections.abc import Iterator

import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, Row, Term, Variables, add_rows, add_variables
from optimizer.kinds import CoolingArrays
from vpp.domain.timegrid import INTERVAL_H


def add_cooling(model: pyo.ConcreteModel, kind: CoolingArrays, responses: Responses) -> None:
    """``r = c - q`` and ``theta_t = retention theta_{t-1} + gain r_t`` within its band, back near zero at the end."""
    block = model.cooling = pyo.Block()
    curtailed = add_variables(block, "curtailed", 0.0, kind.available_kw)
    payback = add_variables(block, "payback", 0.0, kind.payback_kw)
    theta = add_variables(block, "theta", 0.0, kind.theta_max_k)
    for k, resource in enumerate(kind.index.tolist()):
        responses.add(resource, 1.0, curtailed[k])
        responses.add(resource, -1.0, payback[k])
    responses.charge(kind.cost[:, None] * INTERVAL_H, curtailed)
    responses.charge(kind.discomfort[:, None] * INTERVAL_H, theta)
    add_rows(block, "warming", _warming(kind, curtailed, payback, theta))


def _warming(kind: CoolingArrays, curtailed: Variables, payback: Variables, theta: Variables) -> Iterator[Row]:
    event = curtailed.shape[1]
    retention, gain, theta_0 = kind.retention.tolist(), kind.gain.tolist(), kind.theta_0_k.tolist()
    for k in range(len(kind.index)):
        for t in range(theta.shape[1]):
            terms: list[Term] = [(1.0, theta[k, t]), (gain[k], payback[k, t])]
            if t < event:
                terms.append((-gain[k], curtailed[k, t]))
            carried = retention[k] * theta_0[k] if t == 0 else 0.0
            if t:
                terms.append((-retention[k], theta[k, t - 1]))
            yield carried, terms, carried
