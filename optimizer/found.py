"""What a method ends with, before anybody has checked it."""

import math
from dataclasses import dataclass, field

import numpy as np

from optimizer.solve import Verdict
from vpp.domain.columns import Index
from vpp.domain.flexibility import Series


def _none() -> Index:
    return np.zeros(0, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The end of a search.

    Attributes:
        response_kw: Shape (N, H); ``None`` when nothing was found.
        source: The method.
        status: Its own word.
        verdict: How it ended; ``INFEASIBLE`` means that the hard limits alone contradict each other.
        bound_cny: No plan has a smaller objective, shortfall priced; ``nan`` where nothing is known.
        prices: Duals of the target (T,), the rebound (R,) and the node rows (D,), CNY per kW and interval.
        node_of_row, interval_of_row: Which node and interval each node row belongs to, shape (D,).
    """

    response_kw: Series | None
    source: str
    status: str
    verdict: Verdict
    bound_cny: float = float("nan")
    prices: tuple[Series, Series, Series] | None = None
    node_of_row: Index = field(default_factory=_none)
    interval_of_row: Index = field(default_factory=_none)


def higher_bound(one_cny: float, other_cny: float) -> float:
    """The better of two lower bounds; ``nan`` where neither is known."""
    known = [bound for bound in (one_cny, other_cny) if math.isfinite(bound)]
    return max(known, default=float("nan"))
