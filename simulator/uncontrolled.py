"""What every device but the charging piles would draw without any control: 15-minute means over the history.

The same arrays give the history of the meters and the starting point of the one-minute physics.
"""

import numpy as np
from numpy.typing import NDArray

from simulator.common_factors import common_factor
from simulator.district import DeviceTable, District
from simulator.meter_shapes import load_building_residuals, load_steel_residuals
from simulator.streams import Keys, Streams, keys_of
from simulator.weather import HOUR, QUARTERS, Weather

Floats = NDArray[np.float64]

REFERENCE_C = 36.0
"""Outdoor temperature at which a cooling zone's stated level holds."""
OFF_SHIFT = 0.08
"""Power outside the shifts over in-shift power; 20 kW over 265 kW at the measured steel plant."""


def slow_noise(keys: Keys, purpose: str, streams: Streams, days: int, *, memory: float = 0.85) -> Floats:
    """First-order autoregressive noise of unit variance per 15 minutes, shape (n, days, 96); days are independent."""
    shocks = streams.normal(keys, purpose, days * QUARTERS).reshape(keys.size, days, QUARTERS)
    scale = np.sqrt(1.0 - memory**2)
    for quarter in range(1, QUARTERS):
        shocks[:, :, quarter] = memory * shocks[:, :, quarter - 1] + scale * shocks[:, :, quarter]
    return shocks


def warmth(slope_per_k: Floats, weather: Weather) -> Floats:
    """Answer of each device to the outdoor temperature, 1 at the reference temperature, shape (n, days, 96)."""
    answer = 1.0 + slope_per_k[:, None, None] * (weather.felt_c[None] - REFERENCE_C)
    return np.asarray(np.maximum(answer, 0.15), dtype=np.float64)


ONE_SHIFT, TWO_SHIFTS, THREE_SHIFTS = 1, 2, 3


def between(begin_h: float, end_h: float) -> NDArray[np.bool_]:
    """Which quarter-hours of a day lie in ``[begin_h, end_h)``, shape (96,)."""
    return (begin_h <= HOUR) & (end_h > HOUR)


def shift_plan(shifts: int, *, lunch: bool, workday: bool) -> Floats:
    """Share of the in-shift power by quarter-hour, shape (96,): one shift 8-17:30, two 7-23, three around the clock."""
    plan = np.full(QUARTERS, OFF_SHIFT)
    if shifts == THREE_SHIFTS:
        plan[:] = 1.0 if workday else 0.93
    elif workday and shifts == TWO_SHIFTS:
        plan[between(7.0, 17.5)] = 1.0
        plan[between(17.5, 23.0)] = 0.75
    elif workday:
        plan[between(8.0, 17.5)] = 1.0
    elif shifts == TWO_SHIFTS:
        plan[between(8.0, 17.0)] = 0.45
    if lunch and shifts != THREE_SHIFTS:
        plan[between(12.0, 13.0)] = np.minimum(plan[between(12.0, 13.0)], 0.15)
    return plan


def line_plans(devices: DeviceTable, workday: NDArray[np.bool_]) -> Floats:
    """Shift plan of each line on each day, shape (lines, days, 96)."""
    lines = devices.lines
    codes = (lines.shifts.astype(np.int64) - 1) * 4 + lines.lunch.astype(np.int64) * 2
    plans = np.array(
        [shift_plan(s, lunch=bool(n), workday=bool(w)) for s in (1, 2, 3) for n in (0, 1) for w in (0, 1)],
        dtype=np.float64,
    )
    return np.asarray(plans[codes[:, None] + workday.astype(np.int64)[None, :]], dtype=np.float64)


def line_kw(district: District, streams: Streams, weather: Weather) -> Floats:
    """Production lines: shift plan, times a real steel plant's in-shift variation of a random day, times levels."""
    devices = district.devices
    keys = devices.keys[devices.kind_slices["factory_line"]]
    days = len(weather.days)
    steel = load_steel_residuals()
    row = streams.integers(keys, "line/day", days, below=steel.shape[0])
    roll = streams.integers(keys, "line/roll", days, below=28)
    quarter = (np.arange(QUARTERS)[None, None, :] + roll[:, :, None]) % 84
    variation = steel[row[:, :, None], quarter]
    plan = line_plans(devices, weather.workday)
    level = 1.0 + 0.08 * np.clip(streams.normal(keys, "line/level", days), -2.0, 2.0)
    running = np.where(plan > 2 * OFF_SHIFT, variation, 1.0)
    kw = devices.lines.level_kw[:, None, None] * plan * np.clip(running * level[:, :, None], 0.05, 1.85)
    kw = kw * warmth(devices.lines.slope_per_k, weather) * common_factor("factory_line", streams, weather)[None]
    rated_kw = devices.rated_kw[devices.kind_slices["factory_line"]]
    return np.asarray(np.minimum(kw, rated_kw[:, None, None]), dtype=np.float64)


def process_kw(district: District, streams: Streams, weather: Weather) -> Floats:
    """Continuous processes: nearly flat, with slow noise of 3 %."""
    devices = district.devices
    keys = devices.keys[devices.kind_slices["factory_process"]]
    days = len(weather.days)
    noise = 1.0 + 0.03 * np.clip(slow_noise(keys, "process/noise", streams, days, memory=0.95), -3.0, 3.0)
    kw = devices.processes.level_kw[:, None, None] * noise * warmth(devices.processes.slope_per_k, weather)
    return np.asarray(kw * common_factor("factory_process", streams, weather)[None], dtype=np.float64)


# Occupancy profiles by hour (assumed): office, mall, around the clock, data centre; value 1 at 14-16 h.
_USE_PROFILE = np.array(
    [
        [.12, .12, .12, .12, .12, .14, .25, .60, .90, .98, 1, 1,
         .97, .98, 1, 1, .98, .92, .70, .45, .30, .20, .15, .12],
        [.15, .15, .15, .15, .15, .15, .18, .25, .55, .85, .95, .98,
         .99, 1, 1, 1, 1, 1, .98, .96, .92, .75, .35, .18],
        [.60, .57, .55, .54, .54, .56, .62, .72, .82, .88, .92, .95,
         .97, .99, 1, 1, 1, .99, .97, .94, .90, .84, .76, .67],
        [.97, .97, .97, .97, .97, .97, .97, .98, .98, .99, 1, 1,
         1, 1, 1, 1, 1, 1, .99, .99, .98, .98, .97, .97],
    ]
)  # fmt: skip
_WEEKEND = np.array([0.40, 1.05, 1.0, 1.0])


def use_profiles(use: Floats, workday: NDArray[np.bool_]) -> Floats:
    """Occupancy factor of each building part on each day, shape (n, days, 96)."""
    hours = np.arange(25)
    wrapped = np.concatenate([_USE_PROFILE, _USE_PROFILE[:, :1]], axis=1)
    fine = np.array([np.interp(HOUR, hours, profile) for profile in wrapped])
    code = use.astype(np.int64)
    weekend = np.where(workday[None, :], 1.0, _WEEKEND[code][:, None])
    return np.asarray(fine[code][:, None, :] * weekend[:, :, None], dtype=np.float64)


def building_variation(district: District, rows: NDArray[np.int64], streams: Streams, days: int) -> Floats:
    """Real building days by site and day, hourly values joined by straight lines between the hours' middles.

    Args:
        district: Gives the site of each resource.
        rows: Resource row of each device; devices of one site share the real day.
        streams: Random streams of the seed.
        days: Number of days.

    Returns:
        Factor near 1, shape (len(rows), days, 96).
    """
    pool = load_building_residuals()
    keys = keys_of([district.resources[row].site_id for row in np.unique(rows)])
    pick = streams.integers(keys, "building/day", days, below=pool.shape[0])
    padded = np.concatenate([pool[:, :1], pool, pool[:, -1:]], axis=1)
    left = np.floor(HOUR + 0.5).astype(np.int64)
    weight = HOUR + 0.5 - left
    fine = padded[:, left] * (1.0 - weight) + padded[:, left + 1] * weight
    _, inverse = np.unique(rows, return_inverse=True)
    return np.asarray(fine[pick][inverse], dtype=np.float64)


def cooling_kw(district: District, streams: Streams, weather: Weather) -> Floats:
    """Chillers: occupancy, outdoor temperature, a real building's variation, and noise of 2 % per zone."""
    devices = district.devices
    part = devices.kind_slices["cooling"]
    days = len(weather.days)
    zones = devices.zones
    variation = building_variation(district, devices.resource_index[part], streams, days)
    noise = 1.0 + 0.02 * np.clip(slow_noise(devices.keys[part], "zone/noise", streams, days), -3.0, 3.0)
    kw = zones.level_kw[:, None, None] * use_profiles(zones.use, weather.workday)
    kw = kw * warmth(zones.slope_per_k, weather) * variation * noise * common_factor("cooling", streams, weather)[None]
    return np.asarray(np.minimum(kw, zones.capacity_kw[:, None, None]), dtype=np.float64)


def lighting_kw(district: District, streams: Streams, weather: Weather) -> Floats:
    """Lighting: occupancy, and a third of the building's variation."""
    devices = district.devices
    part = devices.kind_slices["lighting"]
    days = len(weather.days)
    variation = 1.0 + (building_variation(district, devices.resource_index[part], streams, days) - 1.0) / 3.0
    kw = devices.lights.level_kw[:, None, None] * use_profiles(devices.lights.use, weather.workday) * variation
    kw = kw * common_factor("lighting", streams, weather)[None]
    return np.asarray(np.minimum(kw, 1.25 * devices.lights.level_kw[:, None, None]), dtype=np.float64)


def battery_schedule_kw(district: District) -> Floats:
    """Declared power of each battery by quarter-hour of any day, shape (batteries, 96).

    Charging in the valley hours 1-6, discharging 19:30-21:30; those that a call may not make discharge also charge from
    13 to 16 h for the evening.
    """
    batteries = district.devices.batteries
    night = between(1.0, 6.0).astype(np.float64)
    noon = between(13.0, 16.0).astype(np.float64)
    evening = between(19.5, 21.5).astype(np.float64)
    cycled = 0.75 * batteries.capacity_kwh
    midday = (batteries.schedule_code == 1.0).astype(np.float64)
    charge_h = cycled / batteries.efficiency
    night_kw = np.minimum(charge_h * (1.0 - 0.5 * midday) / 5.0, batteries.power_kw)
    noon_kw = np.minimum(charge_h * 0.5 * midday / 3.0, batteries.power_kw)
    evening_kw = np.minimum(cycled * batteries.efficiency / 2.0, batteries.power_kw)
    return np.asarray(
        night_kw[:, None] * night + noon_kw[:, None] * noon - evening_kw[:, None] * evening, dtype=np.float64
    )


def storage_kw(district: District, weather: Weather) -> Floats:
    """Batteries follow their declared schedule every day, shape (batteries, days, 96)."""
    schedule = battery_schedule_kw(district)
    return np.repeat(schedule[:, None, :], len(weather.days), axis=1)
