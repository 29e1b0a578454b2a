"""Composes the whole optimisation model out of its physical ideas."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from optimizer.formulation.block import add_block
from optimizer.formulation.charging import add_charging
from optimizer.formulation.cooling import add_cooling
from optimizer.formulation.curtailable import add_curtailable
from optimizer.formulation.linear import Responses, Variables
from optimizer.formulation.network import add_network
from optimizer.formulation.rebound import add_rebound
from optimizer.formulation.storage import Exclusive, add_storage
from optimizer.formulation.target import add_target
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class DispatchModel:
    """The Pyomo model and where to find the answer in it."""

    pyomo: Any
    responses: Responses
    shortfall: Variables


def dispatch_model(
    arrays: ProblemArrays, *, ceiling_kw: Series, shortfall_price: float, exclusive: Exclusive = frozenset()
) -> DispatchModel:
    """The cheapest-response model of ``arrays``.

    Args:
        arrays: A checked problem.
        ceiling_kw: Largest expected response that may be committed, shape (T,).
        shortfall_price: CNY per missing kWh.
        exclusive: Storages that need binaries against charging and discharging at once.
    """
    model: Any = pyo.ConcreteModel()
    responses = Responses.empty(len(arrays.delivery), arrays.intervals)
    with _collector_paused():
        add_curtailable(model, arrays.curtailable, responses)
        add_block(model, arrays.block, responses)
        add_charging(model, arrays.charging, responses)
        add_cooling(model, arrays.cooling, responses)
        add_storage(model, arrays.storage, responses, exclusive)
        add_network(model, arrays, responses)
        shortfall = add_target(model, arrays, responses, ceiling_kw=ceiling_kw, shortfall_price=shortfall_price)
        add_rebound(model, arrays, responses)
        model.cost = pyo.Objective(
            expr=LinearExpression(
                constant=0.0,
                linear_coefs=[price for price, _ in responses.costs],
                linear_vars=[variable for _, variable in responses.costs],
            )
        )
    return DispatchModel(model, responses, shortfall)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Building makes many objects and no cycles: letting the collector walk them again and again costs up to 6x."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
