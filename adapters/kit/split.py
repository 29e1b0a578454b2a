"""Sharing one power out to several devices; pure arithmetic that conserves the sum."""

import numpy as np

from adapters.kit.driver import Indices, Mask
from vpp.domain.flexibility import Series

_TOLERANCE_KW = 1e-9


def fill_proportionally(total_kw: float, lower_kw: Series, upper_kw: Series, weight: Series) -> Series:
    """Powers in proportion to ``weight`` as far as limits allow.

    ``x_i = clip(level * weight_i, lower_i, upper_i)`` with the one ``level`` at which they add up to ``total_kw``; a
    total outside ``[sum lower, sum upper]`` is moved to its nearer end.

    Args:
        total_kw: Power to share out.
        lower_kw: Shape (devices,), <= ``upper_kw``.
        upper_kw: Shape (devices,).
        weight: Shape (devices,), >= 0; a device without weight gets the value in its limits that is nearest to 0,
            unless the others cannot take the total.
    """
    if total_kw <= lower_kw.sum():
        return lower_kw.copy()
    if total_kw >= upper_kw.sum():
        return upper_kw.copy()
    weight = np.where(weight > 0, weight, max(weight.max(), 1.0) * 1e-6)
    powers = np.zeros_like(lower_kw)
    free = np.ones(len(lower_kw), dtype=bool)
    rest = total_kw
    while free.any():
        wanted = rest / weight[free].sum() * weight
        over = free & (wanted > upper_kw)
        under = free & (wanted < lower_kw)
        excess = (wanted - upper_kw)[over].sum()
        lack = (lower_kw - wanted)[under].sum()
        if excess <= _TOLERANCE_KW and lack <= _TOLERANCE_KW:
            powers[free] = np.clip(wanted, lower_kw, upper_kw)[free]
            break
        # Only the side that is violated more is certain to stay at its limit in the solution.
        fixed, limit = (over, upper_kw) if excess >= lack else (under, lower_kw)
        powers[fixed] = limit[fixed]
        free &= ~fixed
        rest = total_kw - powers[~free].sum()
    return powers


def fill_in_order(total_kw: float, minimum_kw: Series, maximum_kw: Series, order: Indices) -> Series:
    """Powers for devices that are either off or between their minimum and maximum.

    First the minimum to each in ``order`` that it still fits, then the rest in the same order up to the maximum. The
    sum never exceeds ``total_kw``; it falls short only when all devices that run are at their maximum and what is left
    is less than the minimum of each of the others.

    Args:
        total_kw: Power to share out; below 0 counts as 0.
        minimum_kw: Shape (devices,), >= 0.
        maximum_kw: Shape (devices,); a device whose maximum is below its minimum, or 0, stays off.
        order: Device positions, first served first.
    """
    powers = np.zeros_like(minimum_kw)
    rest = max(total_kw, 0.0)
    running: list[int] = []
    for device in order.tolist():
        if 0 < maximum_kw[device] >= minimum_kw[device] <= rest + _TOLERANCE_KW:
            powers[device] = minimum_kw[device]
            rest -= minimum_kw[device]
            running.append(device)
    for device in running:
        more = min(max(rest, 0.0), maximum_kw[device] - powers[device])
        powers[device] += more
        rest -= more
    return powers


def fill_wanted_first(
    total_kw: float, minimum_kw: Series, maximum_kw: Series, *, wanted: Mask, order: Indices
) -> Series:
    """``fill_in_order`` for devices that want power now; the others may have what is left once those are full."""
    first = fill_in_order(total_kw, minimum_kw, np.where(wanted, maximum_kw, 0.0), order)
    rest = total_kw - float(first.sum())
    return first + fill_in_order(rest, minimum_kw, np.where(wanted, 0.0, maximum_kw), order)
