"""Tightens energy envelopes to what the power limits can still reach, so that every step inside them has a next one."""

import numpy as np

from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H


def charging_envelope(
    power_min_kw: Series, power_max_kw: Series, floor_kwh: Series, ceiling_kwh: Series
) -> tuple[Series, Series]:
    """The smallest and the largest cumulative energy that lie on some feasible path; all shapes (n, H).

    Where the lowest exceeds the highest in any interval, that resource has no feasible path.
    """
    low, high = floor_kwh.copy(), ceiling_kwh.copy()
    least, most = power_min_kw * INTERVAL_H, power_max_kw * INTERVAL_H
    count = low.shape[1]
    low_before, high_before = np.zeros(len(low)), np.zeros(len(low))
    for t in range(count):
        low[:, t] = np.maximum(low[:, t], low_before + least[:, t])
        high[:, t] = np.minimum(high[:, t], high_before + most[:, t])
        low_before, high_before = low[:, t], high[:, t]
    for t in range(count - 2, -1, -1):
        low[:, t] = np.maximum(low[:, t], low[:, t + 1] - most[:, t + 1])
        high[:, t] = np.minimum(high[:, t], high[:, t + 1] - least[:, t + 1])
    return low, high


def storage_floor(soc_min_kwh: Series, soc_end_kwh: Series, step_kwh: Series) -> Series:
    """The lowest state of charge from which the end of the horizon is still reached, shape (n, H).

    Args:
        soc_min_kwh: Lowest allowed state of charge, shape (n,).
        soc_end_kwh: Lowest allowed state of charge after the last interval, shape (n,).
        step_kwh: Energy that full charging stores in each interval, shape (n, H).
    """
    later_kwh = step_kwh[:, ::-1].cumsum(axis=1)[:, ::-1] - step_kwh
    return np.asarray(np.maximum(soc_min_kwh[:, None], soc_end_kwh[:, None] - later_kwh))


def cooling_ceiling(limit_k: Series, undisturbed_k: Series, retention: Series, step_k: Series) -> Series:
    """The highest temperature rise from which every later limit is still kept, shape (n, H).

    Args:
        limit_k: Highest allowed rise, shape (n, H), at least ``undisturbed_k``.
        undisturbed_k: Rise without any response, shape (n, H).
        retention: Share of a rise that is left after one interval, shape (n,).
        step_k: Fall by full payback in each interval, shape (n, H).
    """
    ceiling = limit_k.copy()
    for t in range(limit_k.shape[1] - 2, -1, -1):
        later_k = (ceiling[:, t + 1] + step_k[:, t + 1]) / np.maximum(retention, 1e-9)
        ceiling[:, t] = np.maximum(np.minimum(ceiling[:, t], later_k), undisturbed_k[:, t])
    return ceiling
