"""Filling (填谷): what can take more than it would, and how much, taken alone.

Offers describe what a resource can do without; only two kinds say what more they can take. Charging is bounded by its
power and by the energy that its plugged cars still need, so that it fills where cars wait for their turn. Storage is
bounded by its converter and by the room in its batteries.
"""

from dataclasses import replace

import numpy as np

from vpp.domain.dispatch import DispatchResource
from vpp.domain.flexibility import Charging, Flexibility, Series, Storage
from vpp.domain.timegrid import INTERVAL_H

SLACK_KW = 1e-6


def can_fill(flexibility: Flexibility) -> bool:
    """Whether an offer of this kind says what more the resource could take."""
    return isinstance(flexibility, Charging | Storage)


def most_filled_kw(resource: DispatchResource, count: int) -> Series:
    """Upper bound of one resource's filling in each of the first ``count`` intervals, the others left as forecast."""
    forecast_kw = resource.forecast_kw
    match resource.flexibility:
        case Charging() as f:
            room_kw = (f.energy_ceiling_kwh - np.cumsum(forecast_kw) * INTERVAL_H) / INTERVAL_H
            return np.maximum(np.minimum(f.power_max_kw - forecast_kw, room_kw), 0.0)[:count]
        case Storage() as f:
            spread_kw = (f.capacity_kwh - f.soc_kwh) / f.efficiency / (count * INTERVAL_H)
            planned_kw = float(np.maximum(forecast_kw[:count], 0.0).mean())
            return np.minimum(np.maximum(f.power_max_kw - forecast_kw[:count], 0.0), max(spread_kw - planned_kw, 0.0))
        case _:
            return np.zeros(count)


def bound_filled_kw(resource: DispatchResource, count: int) -> Series:
    """What no plan can exceed in any event interval; a battery may take in one what it cannot take in all."""
    if isinstance(resource.flexibility, Storage):
        return np.maximum(resource.flexibility.power_max_kw - resource.forecast_kw[:count], 0.0)
    if isinstance(resource.flexibility, Charging):
        return np.maximum(resource.flexibility.power_max_kw - resource.forecast_kw, 0.0)[:count]
    return np.zeros(count)


def cut_filling(resource: DispatchResource, most_kw: Series) -> Flexibility | None:
    """The flexibility filling at most ``most_kw`` per event interval; ``None`` where it cannot be held to so little."""
    count = len(most_kw)
    match resource.flexibility:
        case Charging() as f:
            power_kw = f.power_max_kw.copy()
            power_kw[:count] = np.minimum(power_kw[:count], resource.forecast_kw[:count] + most_kw)
            late = np.cumsum(power_kw) * INTERVAL_H < f.energy_floor_kwh - SLACK_KW
            if late.any() or (power_kw < f.power_min_kw - SLACK_KW).any():
                return None
            return replace(f, power_max_kw=np.maximum(power_kw, f.power_min_kw))
        case Storage() as f:
            converter_kw = min(f.power_max_kw, float(np.min(most_kw + resource.forecast_kw[:count])))
            if converter_kw <= SLACK_KW or converter_kw + SLACK_KW < np.abs(resource.forecast_kw).max():
                return None
            return replace(f, power_max_kw=converter_kw)
        case _:
            return None
