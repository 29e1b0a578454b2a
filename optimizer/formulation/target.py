"""The response asked for, priced where it is missed."""

import numpy as np
import pyomo.environ as pyo

from optimizer.aim import Aim
from optimizer.formulation.coupling import summed
from optimizer.formulation.linear import Responses, Variables, add_rows, add_variables
from optimizer.problem import ProblemArrays
from vpp.domain.timegrid import INTERVAL_H


def add_target(
    model: pyo.ConcreteModel, arrays: ProblemArrays, responses: Responses, *, aim: Aim, shortfall_price: float
) -> Variables:
    """``sum of credited responses + shortfall >= aim`` in every row of the aim.

    Args:
        model: Gets a block ``target``.
        arrays: The problem.
        responses: Of all resources.
        aim: What is asked and what each response counts.
        shortfall_price: CNY per missing kWh.

    Returns:
        The shortfall variables, shape (T,).
    """
    block = model.target = pyo.Block()
    event = arrays.event_intervals
    shortfall = add_variables(block, "shortfall", 0.0, np.full(event, np.inf))
    responses.charge(shortfall_price * INTERVAL_H, shortfall)
    credit = aim.credit_of(arrays.columns)
    constant_kw = (credit * responses.constant_kw[:, aim.interval]).sum(axis=0)
    add_rows(
        block,
        "asked",
        (
            (
                float(aim.aim_kw[c] - constant_kw[c]),
                [*summed(responses, range(arrays.count), t, credit[:, c]), (1.0, shortfall[t])],
                None,
            )
            for c, t in enumerate(aim.interval.tolist())
        ),
    )
    return shortfall
