"""Cleans away what a solver's tolerance leaves behind in responses."""

import numpy as np

from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series

ON = 0.5


def cleaned(arrays: ProblemArrays, response_kw: Series) -> Series:
    """``response_kw`` with blocks snapped to off or their band, and everything within its own bounds.

    The changes are of the solver's tolerance (below 1 W); what an exact zero means must not be left to it.
    """
    found = np.clip(response_kw, arrays.least_kw, arrays.most_kw)
    event = arrays.event_intervals
    block = arrays.block
    asked = found[block.index, :event]
    on = asked > np.maximum(ON * block.minimum_kw, NEARLY_NOTHING_KW)
    found[block.index, :event] = np.where(on, np.clip(asked, block.minimum_kw, block.available_kw), 0.0)
    found[np.abs(found) < NEARLY_NOTHING_KW] = 0.0
    return found


def within_capacity(arrays: ProblemArrays, response_kw: Series) -> Series:
    """``response_kw`` with batteries charging less where they would be full.

    A mixture of paths that charge and paths that discharge burns less energy than each of them: the battery is fuller
    than the mixture's figures say.
    """
    storage = arrays.storage
    soc_kwh = storage.soc_kwh.copy()
    power_kw = storage.forecast_kw - storage.sign * response_kw[storage.index]
    for t in range(arrays.intervals):
        most_kw = storage.power_for_kw(np.maximum(storage.capacity_kwh - soc_kwh, 0.0))
        power_kw[:, t] = np.maximum(np.minimum(power_kw[:, t], most_kw), storage.power_min_kw[:, t])
        soc_kwh = soc_kwh + storage.stored_kwh(power_kw[:, t])
    found = response_kw.copy()
    found[storage.index] = storage.sign * (storage.forecast_kw - power_kw)
    return found


def storages_doing_both(arrays: ProblemArrays, response_kw: Series) -> frozenset[int]:
    """Positions of storages whose true state of charge would pass their capacity under ``response_kw``.

    A solution that charges and discharges at once burns energy that a real battery would keep.
    """
    storage = arrays.storage
    soc_kwh = storage.soc_kwh.copy()
    over = np.zeros(len(storage.index), dtype=np.bool_)
    for t in range(arrays.intervals):
        power_kw = storage.forecast_kw[:, t] - storage.sign * response_kw[storage.index, t]
        soc_kwh = soc_kwh + storage.stored_kwh(power_kw)
        over |= soc_kwh > storage.capacity_kwh + NEARLY_NOTHING_KW
    return frozenset(storage.index[over].tolist())


NEARLY_NOTHING_KW = 1e-6
