"""Random sites with batteries, as our scheduler and its peer take them; a check of schedules in plain arithmetic."""

from typing import Any

import numpy as np

from optimizer.storage_schedule import StorageSite
from vpp.domain.flexibility import Series

INTERVALS = 96
INTERVAL_H = 0.25
TOLERANCE_KW = 1e-4
TOLERANCE_KWH = 1e-4


def storage_site(count: int, *, seed: int = 0) -> StorageSite:
    """``count`` batteries, all different, behind a meter with a day's load, a three-part tariff and its limits.

    The connection leaves room for a third of the batteries beside the highest load; feeding in is held lower still and
    pays three quarters of what buying costs.
    """
    rng = np.random.default_rng(seed)
    at_h = np.arange(INTERVALS) * INTERVAL_H
    power = rng.lognormal(3.3, 0.6, count)
    capacity = power * rng.uniform(1.0, 4.0, count)
    soc = capacity * rng.uniform(0.3, 0.9, count)
    peak, high = (at_h >= 8) & (at_h < 12) | (at_h >= 17) & (at_h < 22), (at_h >= 12) & (at_h < 17)  # noqa: PLR2004
    buy = 0.35 + 0.35 * peak + 0.25 * high + 0.02 * rng.standard_normal(INTERVALS)
    day = 0.6 + 0.4 * np.sin(np.pi * (at_h - 6.0) / 15.0)
    load = 0.6 * power.sum() * day * (1.0 + 0.05 * rng.standard_normal(INTERVALS))
    return StorageSite(
        power,
        capacity,
        soc,
        0.1 * capacity,
        np.maximum(0.1 * capacity, 0.6 * soc),
        rng.uniform(0.90, 0.97, count),
        load,
        buy,
        0.75 * buy - 0.02,
        float(load.max() + 0.35 * power.sum()),
        float(0.3 * power.sum()),
        INTERVAL_H,
    )


def as_peer_case(site: StorageSite) -> dict[str, Any]:
    """``site`` as the file that the peer's runner reads."""
    figures = ("power_max_kw", "capacity_kwh", "soc_kwh", "soc_min_kwh", "soc_end_kwh", "efficiency")
    return {
        "interval_h": site.interval_h,
        "load_kw": site.load_kw.tolist(),
        "buy_cny_per_kwh": site.buy_cny_per_kwh.tolist(),
        "sell_cny_per_kwh": site.sell_cny_per_kwh.tolist(),
        "import_limit_kw": site.import_limit_kw,
        "export_limit_kw": site.export_limit_kw,
        "storages": [{name: float(getattr(site, name)[i]) for name in figures} for i in range(site.shape[0])],
    }


def energy_cost_cny(site: StorageSite, power_kw: Series) -> float:
    """Cost of the energy over the connection, interval by interval."""
    cost = 0.0
    for t in range(site.shape[1]):
        grid_kw = float(site.load_kw[t]) + float(power_kw[:, t].sum())
        price = site.buy_cny_per_kwh[t] if grid_kw >= 0.0 else site.sell_cny_per_kwh[t]
        cost += float(price) * grid_kw * site.interval_h
    return cost


def schedule_problems(site: StorageSite, power_kw: Series) -> list[str]:
    """What is wrong with a schedule, empty where nothing is.

    A schedule is one power per battery and interval, so that charging and discharging at once cannot be stated: the
    state of charge follows from each power by the efficiency of its own direction.
    """
    if power_kw.shape != site.shape or not np.isfinite(power_kw).all():
        return [f"powers of shape {power_kw.shape}, all finite, expected {site.shape}"]
    found = []
    grid_kw = site.load_kw + power_kw.sum(axis=0)
    gain_kwh = site.interval_h * (
        np.maximum(power_kw, 0.0) * site.efficiency[:, None] + np.minimum(power_kw, 0.0) / site.efficiency[:, None]
    )
    soc_kwh = site.soc_kwh[:, None] + np.cumsum(gain_kwh, axis=1)
    excesses = {
        "battery power": (float((np.abs(power_kw) - site.power_max_kw[:, None]).max()), TOLERANCE_KW, "kW"),
        "import limit": (float(grid_kw.max()) - site.import_limit_kw, TOLERANCE_KW * site.shape[0], "kW"),
        "export limit": (float(-grid_kw.min()) - site.export_limit_kw, TOLERANCE_KW * site.shape[0], "kW"),
        "capacity": (float((soc_kwh - site.capacity_kwh[:, None]).max()), TOLERANCE_KWH, "kWh"),
        "least charge": (float((site.soc_min_kwh[:, None] - soc_kwh).max()), TOLERANCE_KWH, "kWh"),
        "charge at the end": (float((site.soc_end_kwh - soc_kwh[:, -1]).max()), TOLERANCE_KWH, "kWh"),
    }
    for name, (excess, allowed, unit) in excesses.items():
        if excess > allowed:
            found.append(f"{name} missed by {excess:g} {unit}, allowed {allowed:g}")
    return found
