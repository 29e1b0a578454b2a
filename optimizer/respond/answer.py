"""What a fleet is asked and what it answers: prices one way, sums per slot the other.

Sums carry along what their rounding has lost (Knuth's two-sum), so that they come out the same to the last digit in
whatever order resources are added: on any number of threads, and however a fleet is cut into shards.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from optimizer.respond.jit import compiled
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

COST, PROFIT, FULL = 0, 1, 2
"""Columns of ``Sums``: cost, profit, then the full response (H), its expected value and its variance (T each)."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceTables:
    """What one kW of response is worth, CNY per kW and interval.

    Attributes:
        class_price: Per delivery class, of the expected response, shape (K, T).
        group_price: Per group of resources below the same limits, of the full response, shape (G, H).
    """

    class_price: Series
    group_price: Series


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The sums of the best responses per slot (resources of one kind, class and group).

    Attributes:
        full_kw: Shape (S, H).
        mean_kw: Expected response, shape (S, T).
        variance_kw2: Sum of the squared own spreads of the response delivered, shape (S, T).
        cost_cny, profit_cny: Shape (S,).
    """

    full_kw: Series
    mean_kw: Series
    variance_kw2: Series
    cost_cny: Series
    profit_cny: Series

    def scaled(self, weight: Series) -> "Answer":
        """Each slot ``weight`` times over, shape (S,)."""
        return Answer(*(array * (weight if array.ndim == 1 else weight[:, None]) for array in self.arrays))

    @property
    def arrays(self) -> tuple[Series, Series, Series, Series, Series]:
        """All sums, in the order of the fields."""
        return self.full_kw, self.mean_kw, self.variance_kw2, self.cost_cny, self.profit_cny


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums per slot on their way: ``high`` and, for what rounding took from it, ``low``; shape (S, W) each."""

    high: Series
    low: Series

    @classmethod
    def nothing(cls, slots: int, width: int) -> Self:
        """Zeros."""
        return cls(np.zeros((slots, width)), np.zeros((slots, width)))

    @classmethod
    def of(cls, parts: Iterable["Sums"]) -> "Sums":
        """The sums of all ``parts``, of which there must be one at least."""
        first, *rest = parts
        total = cls(first.high.copy(), first.low.copy())
        for part in rest:
            total.take_in(part)
        return total

    def take_in(self, other: "Sums") -> None:
        """Adds ``other`` in place."""
        add_sums(self.high, self.low, other.high, other.low)

    @property
    def values(self) -> Series:
        """The sums, rounded once, shape (S, W)."""
        return self.high + self.low

    def answer(self, event: int, intervals: int) -> Answer:
        """As an answer over ``event`` of all ``intervals``."""
        values = self.values
        mean = FULL + intervals
        return Answer(
            np.ascontiguousarray(values[:, FULL:mean]),
            np.ascontiguousarray(values[:, mean : mean + event]),
            np.ascontiguousarray(values[:, mean + event :]),
            values[:, COST].copy(),
            values[:, PROFIT].copy(),
        )


def width_of(event: int, intervals: int) -> int:
    """Columns of the sums that make an answer."""
    return FULL + intervals + 2 * event


@compiled
def add_to(high: Series, low: Series, row: int, column: int, value: float) -> None:
    """Adds one value to one sum."""
    before = high[row, column]
    after = before + value
    part = after - before
    low[row, column] += (before - (after - part)) + (value - part)
    high[row, column] = after


@compiled
def add_sums(high: Series, low: Series, more_high: Series, more_low: Series) -> None:
    """Adds sums to sums."""
    for s in range(high.shape[0]):
        for w in range(high.shape[1]):
            add_to(high, low, s, w, more_high[s, w])
            low[s, w] += more_low[s, w]


@compiled
def add_rows(slot_of: NDArray[np.intp], rows: Series, high: Series, low: Series) -> None:
    """Adds rows (n, W) to the sums of their slots; rows without a slot (-1) are left out."""
    for i in range(rows.shape[0]):
        if slot_of[i] >= 0:
            for w in range(rows.shape[1]):
                add_to(high, low, slot_of[i], w, rows[i, w])


@compiled
def add_responses(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    slot_of: Index,
    asked: Flags,
    mean: Series,
    spread: Series,
    event: int,
    response: Series,
    cost: Series,
    profit: Series,
    high: Series,
    low: Series,
) -> None:
    """Adds responses (n, H) with their costs and profits (n,) to the sums of their slots, where those are asked."""
    count = response.shape[1]
    for i in range(response.shape[0]):
        slot = slot_of[i]
        if slot < 0 or not asked[slot]:
            continue
        add_to(high, low, slot, COST, cost[i])
        add_to(high, low, slot, PROFIT, profit[i])
        for t in range(count):
            add_to(high, low, slot, FULL + t, response[i, t])
        for t in range(event):
            add_to(high, low, slot, FULL + count + t, mean[i] * response[i, t])
            if spread[i] != 0.0:
                add_to(high, low, slot, FULL + count + event + t, (spread[i] * response[i, t]) ** 2)
