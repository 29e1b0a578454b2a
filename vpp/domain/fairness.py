"""How evenly calls are spread, and the price that spreads them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vpp.domain.cheapest_first import cheapest_shares, order_of
from vpp.domain.flexibility import Series

HALVINGS = 30
LARGEST_EXCESS = 2.0


def gini(values: Sequence[float]) -> float | None:
    """Gini coefficient of non-negative values: 0 when all are equal, towards 1 when one has all.

    ``None`` for no values or a sum of 0, where it means nothing. Mean absolute difference over twice the mean.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    total = float(ordered.sum())
    if not ordered.size or total <= 0:
        return None
    rank = np.arange(1, ordered.size + 1)
    return float((2 * rank - ordered.size - 1) @ ordered / (ordered.size * total))


def use_excess(curtailed_h: Series, capable_h: Series, cohort: Sequence[str]) -> Series:
    """How much of its share of the burden each resource has borne, shape (N,), in [0, ``LARGEST_EXCESS``].

    The share is hours curtailed per hour in which it could have been; the excess is that share over the mean of the
    cohort: 0 for who was never called, 1 for the mean. 0 as well for who could never have been called.
    """
    share = np.divide(curtailed_h, capable_h, out=np.zeros(len(curtailed_h)), where=capable_h > 0)
    names = np.asarray(cohort, dtype=np.str_)
    excess = np.zeros(len(share))
    for name in np.unique(names):
        own = names == name
        mean = float(share[own].mean())
        if mean > 0:
            excess[own] = share[own] / mean
    return excess.clip(0.0, LARGEST_EXCESS)


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """What there is to choose from for an event, shape (N,) each.

    Attributes:
        power_kw: Expected response.
        cost_cny_per_kwh: What it costs.
        other_price_cny_per_kwh: What else weighs in the choice.
        target_kw: Asked of all together.
    """

    power_kw: Series
    cost_cny_per_kwh: Series
    other_price_cny_per_kwh: Series
    target_kw: float

    def cost_cny_per_h(self, price_cny_per_kwh: Series) -> float:
        """Cost of an hour of the merit order that the price makes, the prices themselves not counted."""
        order = order_of(self.cost_cny_per_kwh + self.other_price_cny_per_kwh + price_cny_per_kwh)
        used = self.power_kw * cheapest_shares(self.power_kw, order, self.target_kw)
        return float(self.cost_cny_per_kwh @ used)


def fairness_prices(choice: Choice, excess: Series, *, extra_cost_fraction: float) -> Series:
    """Price of using each resource for the sake of even use, CNY/kWh, shape (N,), >= 0.

    Proportional to the excess, at a rate up to the mean cost that lets the cheapest way to the target cost at most
    ``extra_cost_fraction`` more than without: the largest such rate where cost rises with it, as it mostly does.

    Args:
        choice: Resources that may be called.
        excess: By ``use_excess``.
        extra_cost_fraction: Budget of evenness.
    """
    if not len(excess) or excess.max() <= excess.min():
        return np.zeros(len(excess))
    budget = choice.cost_cny_per_h(np.zeros(len(excess))) * (1.0 + extra_cost_fraction)
    low, high = 0.0, float(choice.cost_cny_per_kwh.mean())
    if choice.cost_cny_per_h(high * excess) <= budget:
        return high * excess
    for _ in range(HALVINGS):
        rate = (low + high) / 2.0
        if choice.cost_cny_per_h(rate * excess) <= budget:
            low = rate
        else:
            high = rate
    return low * excess
