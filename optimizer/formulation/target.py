"""The response asked for, priced where it is missed, and the reserve that no plan may commit."""

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.coupling import summed
from optimizer.formulation.linear import Responses, Variables, add_rows, add_variables
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H


def add_target(
    model: pyo.ConcreteModel, arrays: ProblemArrays, responses: Responses, *, ceiling_kw: Series, shortfall_price: float
) -> Variables:
    """``sum of expected responses + shortfall >= target`` and ``sum of expected responses <= ceiling``.

    Args:
        model: Gets a block ``target``.
        arrays: The problem.
        responses: Of all resources.
        ceiling_kw: Largest expected response that may be committed, shape (T,); ``inf`` where nothing is held back.
        shortfall_price: CNY per missing kWh.

    Returns:
        The shortfall variables, shape (T,).
    """
    block = model.target = pyo.Block()
    target_kw = arrays.problem.target_kw
    shortfall = add_variables(block, "shortfall", 0.0, np.full(arrays.event_intervals, np.inf))
    responses.charge(shortfall_price * INTERVAL_H, shortfall)
    everyone = range(len(arrays.delivery))
    expected = [summed(responses, everyone, t, arrays.delivery) for t in range(arrays.event_intervals)]
    constant_kw = arrays.delivery @ responses.constant_kw
    add_rows(
        block,
        "asked",
        (
            (float(target_kw[t] - constant_kw[t]), [*terms, (1.0, shortfall[t])], None)
            for t, terms in enumerate(expected)
        ),
    )
    add_rows(
        block,
        "reserve",
        (
            (None, terms, float(ceiling_kw[t] - constant_kw[t]))
            for t, terms in enumerate(expected)
            if np.isfinite(ceiling_kw[t])
        ),
    )
    return shortfall
