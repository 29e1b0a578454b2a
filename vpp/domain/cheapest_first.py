"""The cheapest way to a target when every resource is divisible and nothing else limits it: a picture, not a plan."""

import numpy as np
from numpy.typing import NDArray

from vpp.domain.flexibility import Series

Order = NDArray[np.intp]


def order_of(price_cny_per_kwh: Series) -> Order:
    """Positions in rising order of price, shape (N,)."""
    return np.argsort(price_cny_per_kwh, kind="stable")


def cheapest_shares(power_kw: Series, order: Order, target_kw: float) -> Series:
    """Share of each resource that is used when ``order`` is followed up to the target, shape (N,), in [0, 1]."""
    ordered = power_kw[order]
    before = np.concatenate(([0.0], np.cumsum(ordered)[:-1]))
    wanted = np.clip(target_kw - before, 0.0, ordered)
    share = np.zeros(len(power_kw))
    share[order] = np.divide(wanted, ordered, out=np.zeros(len(order)), where=ordered > 0)
    return share
