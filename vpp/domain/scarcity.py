"""What a scarce call is worth: the price of using a resource now, by what it could save in events still to come.

Littlewood's rule of yield management (Littlewood 1972; Talluri and van Ryzin, The Theory and Practice of Revenue
Management, 2004): the last of ``c`` calls is worth keeping if at least ``c`` more occasions come. With ``N`` events to
come in a period, ``c_i`` calls left to resource ``i``, its cost ``k_i`` and ``lambda(N)``, what a kWh costs then,

    price_i = sum_{N >= c_i} P(N) max(lambda(N) - k_i, 0)

``lambda(N)`` comes from the fluid picture of these events: this one takes what is cheapest, the ``N`` others share what
is left, so that each has ``power_i min(1, c'_i / N)`` of every resource, by merit order, and pays the price of missing
energy where all of it together does not reach the target. Ample calls cost nothing, therefore; scarce ones rise with
the chance that they will be missed, the more so the cheaper the resource is than what would have to replace it. Of
several periods (day, week, season) the dearest decides, since one call takes one of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vpp.domain.cheapest_first import Order, cheapest_shares, order_of
from vpp.domain.flexibility import Series
from vpp.domain.use_limits import Period


@dataclass(frozen=True, slots=True, eq=False)
class Fleetwide:
    """What may be called in this event, and how often still.

    Attributes:
        power_kw: Expected response of each resource, its mean over the event, shape (N,).
        cost_cny_per_kwh: Of its first kWh, shape (N,).
        calls_left: Per period, this event's call included; ``inf`` without a limit, shape (N,).
    """

    power_kw: Series
    cost_cny_per_kwh: Series
    calls_left: Mapping[Period, Series]


def scarcity_prices(
    fleet: Fleetwide,
    to_come: Mapping[Period, Series],
    *,
    target_kw: float,
    shortfall_cny_per_kwh: float,
    largest_cny_per_kwh: float,
) -> Series:
    """Price of using each resource in this event, CNY/kWh, shape (N,), in ``[0, largest_cny_per_kwh)``.

    Args:
        fleet: Resources that may be called.
        to_come: Per period, the probability of 0, 1, ... further events.
        target_kw: Of this event and the others.
        shortfall_cny_per_kwh: What a missing kWh costs.
        largest_cny_per_kwh: What prices approach, well below what missing the target costs now; a price ``p`` becomes
            ``p / (1 + p / largest)``, so that small ones hardly change and large ones keep their order.
    """
    price = np.zeros(len(fleet.power_kw))
    order = order_of(fleet.cost_cny_per_kwh)
    used = cheapest_shares(fleet.power_kw, order, target_kw)
    for period, probability in to_come.items():
        calls = fleet.calls_left[period]
        if np.isfinite(calls).any():
            replaced = _replacement_prices(
                fleet, order, calls - used, len(probability), target_kw, shortfall_cny_per_kwh
            )
            price = np.maximum(price, _kept_worth(fleet.cost_cny_per_kwh, calls, probability, replaced))
    return price / (1.0 + price / largest_cny_per_kwh)


def _replacement_prices(  # noqa: PLR0913, PLR0917 - the fluid picture is these figures
    fleet: Fleetwide,
    order: Order,
    calls: Series,
    count: int,
    target_kw: float,
    shortfall_cny_per_kwh: float,
) -> Series:
    """Cost of the marginal kWh when 0, 1, ... ``count - 1`` events share ``calls``, shape (count,)."""
    cost = fleet.cost_cny_per_kwh[order]
    power, calls = fleet.power_kw[order], calls[order]
    price = np.zeros(count)
    for events in range(1, count):
        reached = np.cumsum(power * np.minimum(1.0, calls / events))
        marginal = int(np.searchsorted(reached, target_kw * (1.0 - 1e-9)))
        price[events] = cost[marginal] if marginal < len(cost) else shortfall_cny_per_kwh
    return price


def _kept_worth(cost: Series, calls: Series, probability: Series, replaced: Series) -> Series:
    """``sum_{N >= c} P(N) max(replaced(N) - cost, 0)`` per resource; nothing where calls have no limit."""
    events = np.arange(len(probability))
    worth = np.zeros(len(cost))
    for left in np.unique(calls[np.isfinite(calls)]):
        alike = calls == left
        weight = np.where(events >= left, probability, 0.0)
        worth[alike] = np.maximum(replaced[None, :] - cost[alike, None], 0.0) @ weight
    return worth
