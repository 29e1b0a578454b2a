"""Two hand-made answers per resource that moves energy: the least intrusive one, and using it evenly to the full.

Every mixture ``base + x (full - base)`` with ``0 <= x <= 1`` is feasible for the resource taken alone: its limits are
convex. That lets the greedy method scale a resource by one number without losing its energy promise or its payback.
"""

import numpy as np

from optimizer.kinds import ChargingArrays, CoolingArrays, StorageArrays
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

Profiles = tuple[Series, Series]
"""Base and full responses, shape (n, H) each."""


def charging_profiles(kind: ChargingArrays, event: int) -> Profiles:
    """Base: as near to the uncontrolled charging as the promises allow. Full: as late as they allow, then even.

    When filling, full charges as early as the cars can take it.
    """
    base, full = np.empty_like(kind.forecast_kw), np.empty_like(kind.forecast_kw)
    count = kind.forecast_kw.shape[1]
    wanted_kwh = np.cumsum(kind.forecast_kw, axis=1) * INTERVAL_H
    near = moved = np.zeros(len(kind.index))
    end_kwh = np.clip(wanted_kwh[:, -1], kind.floor_kwh[:, -1], kind.ceiling_kwh[:, -1])
    extreme = np.full(len(kind.index), -kind.sign * np.inf)
    for t in range(count):
        step = _charging_step(kind, t, near, wanted_kwh[:, t])
        base[:, t], near = kind.sign * (kind.forecast_kw[:, t] - (step - near) / INTERVAL_H), step
        aim = extreme if t < event else moved + (end_kwh - moved) / (count - t)
        step = _charging_step(kind, t, moved, aim)
        full[:, t], moved = kind.sign * (kind.forecast_kw[:, t] - (step - moved) / INTERVAL_H), step
    return base, full


def _charging_step(kind: ChargingArrays, t: int, before_kwh: Series, aim_kwh: Series) -> Series:
    low = np.maximum(kind.floor_kwh[:, t], before_kwh + kind.power_min_kw[:, t] * INTERVAL_H)
    high = np.minimum(kind.ceiling_kwh[:, t], before_kwh + kind.power_max_kw[:, t] * INTERVAL_H)
    return np.asarray(np.minimum(np.maximum(aim_kwh, low), high))


def cooling_profiles(kind: CoolingArrays, event: int) -> Profiles:
    """Base: leave the building alone. Full: the largest constant share of what is offered, paid back evenly."""
    count = kind.theta_max_k.shape[1]
    rise_k, per_unit_k = np.zeros(len(kind.index)), np.empty((len(kind.index), event))
    for t in range(event):
        rise_k = kind.retention * rise_k + kind.gain * kind.available_kw[:, t]
        per_unit_k[:, t] = rise_k
    room_k = kind.theta_max_k[:, :event] - kind.undisturbed_k[:, :event]
    share = np.min(np.where(per_unit_k > 0, room_k / np.maximum(per_unit_k, 1e-12), 1.0), axis=1, initial=1.0)
    left = count - event
    decay = kind.retention**left
    reach_k = kind.gain * (kind.retention[:, None] ** np.arange(left)[None, :]).sum(axis=1)
    if left:
        end_k, begun_k = kind.theta_max_k[:, -1], kind.undisturbed_k[:, event - 1]
        payback_kw = kind.payback_kw[:, event:].min(axis=1)
        most_k = (end_k + reach_k * payback_kw) / np.maximum(decay, 1e-12) - begun_k
        share = np.minimum(share, np.where(rise_k > 0, most_k / np.maximum(rise_k, 1e-12), 1.0))
    share = np.maximum(share, 0.0)
    full = np.zeros((len(kind.index), count))
    full[:, :event] = share[:, None] * kind.available_kw
    if left:
        surplus_k = decay * (begun_k + share * rise_k) - end_k
        full[:, event:] = -np.maximum(surplus_k / np.maximum(reach_k, 1e-12), 0.0)[:, None]
    return np.zeros_like(full), full


def storage_profiles(kind: StorageArrays, event: int, *, refill_at_once: bool = False) -> Profiles:
    """Base: as near to the declared schedule as the battery can. Full: an even discharge over the event.

    What the end of the horizon asks for is charged evenly after the event, or with ``refill_at_once`` evenly over all
    intervals: less power in each, where a node has no room for more. When filling, full is an even charge.
    """
    count = kind.forecast_kw.shape[1]
    declared_kw = kind.forecast_kw[:, :event]
    if kind.sign > 0:
        spare_kwh = np.maximum(kind.soc_kwh - kind.soc_low_kwh[:, event - 1], 0.0)
        even_kw = -spare_kwh * kind.efficiency / (event * INTERVAL_H)
        moved_kw = np.minimum(np.repeat(even_kw[:, None], event, axis=1), declared_kw)
    else:
        spare_kwh = np.maximum(kind.capacity_kwh - kind.soc_kwh, 0.0)
        even_kw = spare_kwh / kind.efficiency / (event * INTERVAL_H)
        moved_kw = np.maximum(np.repeat(even_kw[:, None], event, axis=1), declared_kw)
    return (
        _storage_path(kind, kind.forecast_kw[:, : 0 if refill_at_once else event], count),
        _storage_path(kind, moved_kw, count),
    )


def _storage_path(kind: StorageArrays, wanted_kw: Series, count: int) -> Series:
    soc_kwh, event = kind.soc_kwh, wanted_kw.shape[1]
    response_kw = np.empty((len(kind.index), count))
    for t in range(count):
        if t < event:
            aim_kw = wanted_kw[:, t]
        else:
            missing_kwh = np.maximum(kind.soc_low_kwh[:, -1] - soc_kwh, 0.0)
            even_kw = missing_kwh / ((count - t) * INTERVAL_H * kind.efficiency)
            aim_kw = np.maximum(kind.forecast_kw[:, t], even_kw)
        low_kw = np.maximum(kind.power_min_kw[:, t], kind.power_for_kw(kind.soc_low_kwh[:, t] - soc_kwh))
        high_kw = np.minimum(kind.power_max_kw[:, t], kind.power_for_kw(kind.capacity_kwh - soc_kwh))
        power_kw = np.minimum(np.maximum(aim_kw, low_kw), high_kw)
        soc_kwh = soc_kwh + kind.stored_kwh(power_kw)
        response_kw[:, t] = kind.sign * (kind.forecast_kw[:, t] - power_kw)
    return response_kw
