"""What holding a level costs, cheapest resources first: a curve of five equal steps."""

import numpy as np

from vpp.domain.columns import DispatchColumns
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

STEPS = 5


def cost_curve_cny_per_kwh(columns: DispatchColumns, response_kw: Series, segment_1_kw: Series) -> Series:
    """Mean price of each fifth of the expected energy, cheapest first; ``nan`` where nothing is expected.

    Args:
        columns: Prices, and what is expected of each response.
        response_kw: Shape (d, W, N).
        segment_1_kw: First, cheaper part of the responses of ``columns.curtailable``, shape (d, W, n).

    Returns:
        Shape (W, 5), never falling along a row.
    """
    energy_kwh, cost_cny = _items(columns, response_kw, segment_1_kw)
    price = np.divide(cost_cny, energy_kwh, out=np.full_like(cost_cny, np.inf), where=energy_kwh > 0)
    order = np.argsort(price, axis=1, kind="stable")
    cumulative_kwh = np.cumsum(np.take_along_axis(energy_kwh, order, axis=1), axis=1)
    cumulative_cny = np.cumsum(np.take_along_axis(cost_cny, order, axis=1), axis=1)
    shares = np.arange(STEPS + 1) / STEPS
    curve = np.full((response_kw.shape[1], STEPS), np.nan)
    for w, total_kwh in enumerate(cumulative_kwh[:, -1].tolist()):
        if total_kwh > 0:
            known_kwh, known_cny = np.r_[0.0, cumulative_kwh[w]], np.r_[0.0, cumulative_cny[w]]
            paid_cny = np.interp(shares * total_kwh, known_kwh, known_cny)
            curve[w] = np.diff(paid_cny) / (total_kwh / STEPS)
    return curve


def _items(columns: DispatchColumns, response_kw: Series, segment_1_kw: Series) -> tuple[Series, Series]:
    """Expected energy and cost, shape (W, N + n): each resource, the second segments behind all others."""
    windows, count = response_kw.shape[1:]
    curtailable, block, cooling = columns.curtailable, columns.block, columns.cooling
    asked_kwh = response_kw.sum(axis=0) * INTERVAL_H
    first_kwh = np.minimum(response_kw[..., curtailable.index], segment_1_kw).sum(axis=0) * INTERVAL_H
    second_kwh = asked_kwh[:, curtailable.index] - first_kwh
    asked_kwh[:, curtailable.index] = first_kwh
    price = np.zeros(count)
    price[curtailable.index] = curtailable.cost_1_cny_per_kwh
    for kind in (block, columns.charging, cooling, columns.storage):
        price[kind.index] = kind.cost_cny_per_kwh
    price += columns.use_price_cny_per_kwh
    cost_cny = asked_kwh * price
    called = response_kw[..., block.index] > 0
    before = np.concatenate([np.zeros((1, windows, len(block.index)), dtype=np.bool_), called[:-1]])
    cost_cny[:, block.index] += (called & ~before).sum(axis=0) * block.start_cost_cny
    cost_cny[:, cooling.index] += cooling.discomfort_cny_per_kh * _warm_kh(columns, response_kw)
    second_price = curtailable.cost_2_cny_per_kwh + columns.use_price_cny_per_kwh[curtailable.index]
    worth, second_worth = columns.delivery_mean, columns.delivery_mean[curtailable.index]
    return (
        np.concatenate([asked_kwh * worth, second_kwh * second_worth], axis=1),
        np.concatenate([cost_cny, second_kwh * second_price], axis=1),
    )


def _warm_kh(columns: DispatchColumns, response_kw: Series) -> Series:
    """Kelvin hours of warming by the responses within the window, shape (W, n)."""
    cooling = columns.cooling
    warm_k = np.zeros((response_kw.shape[1], len(cooling.index)))
    total = np.zeros_like(warm_k)
    for t in range(len(response_kw)):
        warm_k = cooling.retention * warm_k + cooling.gain_k_per_kw * response_kw[t][:, cooling.index]
        total += warm_k
    return total * INTERVAL_H
