"""Composes the whole optimisation model out of its physical ideas."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from optimizer.aim import Aim
from optimizer.cost import energy_worth
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


@dataclass(frozen=True, slots=True, eq=False)
class DispatchModel:
    """The Pyomo model and where to find the answer in it."""

    pyomo: Any
    responses: Responses
    shortfall: Variables


def dispatch_model(
    arrays: ProblemArrays, aim: Aim, *, shortfall_price: float, exclusive: Exclusive = frozenset()
) -> DispatchModel:
    """The cheapest-response model of ``arrays``.

    Args:
        arrays: A checked problem.
        aim: Credited response to reach.
        shortfall_price: CNY per missing kWh.
        exclusive: Storages that need binaries against charging and discharging at once.
    """
    model: Any = pyo.ConcreteModel()
    responses = Responses.empty(arrays.count, arrays.intervals)
    with _collector_paused():
        add_curtailable(model, arrays.curtailable, responses)
        add_block(model, arrays.block, responses)
        add_charging(model, arrays.charging, responses)
        add_cooling(model, arrays.cooling, responses)
        add_storage(model, arrays.storage, responses, exclusive)
        add_network(model, arrays, responses)
        shortfall = add_target(model, arrays, responses, aim=aim, shortfall_price=shortfall_price)
        add_rebound(model, arrays, responses)
        worth = energy_worth(arrays)
        if worth.any():
            _earn(responses, worth.tolist())
        model.cost = pyo.Objective(
            expr=LinearExpression(
                constant=-float(worth @ responses.constant_kw.sum(axis=0)),
                linear_coefs=[price for price, _ in responses.costs],
                linear_vars=[variable for _, variable in responses.costs],
            )
        )
    return DispatchModel(model, responses, shortfall)


def _earn(responses: Responses, worth: list[float]) -> None:
    """Takes what responses earn by the price of energy off the objective."""
    for series in responses.terms:
        for price, terms in zip(worth, series, strict=True):
            responses.costs.extend((-price * coefficient, variable) for coefficient, variable in terms)


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
