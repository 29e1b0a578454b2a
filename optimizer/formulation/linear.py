"""Arrays of variables and linear rows on a Pyomo block: the small vocabulary that every formulation module uses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.core.expr.numeric_expr import LinearExpression

from vpp.domain.flexibility import Series

Variables = NDArray[np.object_]
Term = tuple[float, Any]
Row = tuple[float | None, Sequence[Term], float | None]
"""Lower bound, terms, upper bound; ``None`` where there is no bound."""


def add_variables(
    block: pyo.Block, name: str, lower: Series | float, upper: Series, *, binary: bool = False
) -> Variables:
    """New variables of ``upper``'s shape with elementwise bounds (``inf`` for none), named ``name`` on ``block``."""
    low = np.broadcast_to(lower, upper.shape).ravel().tolist()
    high = [None if value == np.inf else value for value in upper.ravel().tolist()]
    domain = pyo.Binary if binary else pyo.Reals
    made = pyo.Var(range(upper.size), domain=domain, bounds=lambda _, k: (low[k], high[k]))
    block.add_component(name, made)
    found = np.empty(upper.size, dtype=np.object_)
    found[:] = list(made.values())
    return found.reshape(upper.shape)


def add_rows(block: pyo.Block, name: str, rows: Iterable[Row]) -> None:
    """The constraints ``lower <= sum(coefficient * variable) <= upper``, named ``name`` on ``block``."""
    listed = list(rows)

    def rule(_: pyo.Block, k: int) -> tuple[float | None, LinearExpression, float | None]:
        lower, terms, upper = listed[k]
        body = LinearExpression(
            constant=0.0, linear_coefs=[term[0] for term in terms], linear_vars=[term[1] for term in terms]
        )
        return lower, body, upper

    block.add_component(name, pyo.Constraint(range(len(listed)), rule=rule))


@dataclass(slots=True)
class Responses:
    """The response of each resource and interval as ``constant + terms``, collected while the model is composed.

    Attributes:
        constant_kw: Shape (N, H).
        terms: Per resource and interval.
        costs: Terms of the objective, CNY.
        binaries: On/off variables per resource position, shape (T,) each, for a start value of the search.
    """

    constant_kw: Series
    terms: list[list[list[Term]]]
    costs: list[Term] = field(default_factory=list)
    binaries: dict[int, Variables] = field(default_factory=dict)

    @classmethod
    def empty(cls, resources: int, intervals: int) -> "Responses":
        """No response of any resource yet."""
        return cls(np.zeros((resources, intervals)), [[[] for _ in range(intervals)] for _ in range(resources)])

    def add(self, resource: int, coefficients: Series | float, variables: Variables) -> None:
        """Adds ``coefficients * variables`` to the first ``len(variables)`` intervals of one resource."""
        weights = np.broadcast_to(coefficients, variables.shape).tolist()
        for t, (weight, variable) in enumerate(zip(weights, variables, strict=True)):
            if weight != 0.0:
                self.terms[resource][t].append((weight, variable))

    def charge(self, price_cny: Series | float, variables: Variables) -> None:
        """Adds ``price_cny * variables`` (any shape, price broadcast to it) to the objective."""
        prices = np.broadcast_to(price_cny, variables.shape).ravel().tolist()
        self.costs.extend((price, var) for price, var in zip(prices, variables.ravel(), strict=True) if price != 0.0)
