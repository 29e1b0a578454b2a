"""What a gateway can read from devices: measured values, states and name-plate figures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.district import DeviceTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
StaticColumns = dict[str, NDArray[Any]]

_USUAL_DEPTH_INTERVALS = 8


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """What devices show at the end of the last minute; each array shape (devices asked for,).

    Fields of another kind of device hold ``nan`` (or False, 0). Minutes are minutes of the local day.

    Attributes:
        power_kw: Mean of the last minute.
        register_wh: Energy register, whole Wh, running on from a start that differs by device.
        online: Whether the device answers.
        limit_kw: Limit in force as last set, ``inf`` when released.
        rated_kw: Largest power into the device.
        min_kw: Least power other than 0 (lines: least running power).
        scheduled_on: Whether the shift plan has the line running now.
        floor_fraction: Power that stays, of the uncontrolled power.
        plugged: Whether a car is connected.
        session_needed_kwh: Energy the car still needs.
        begin_minute: From when the car charges by itself.
        departure_minute: When the car leaves.
        power_max_kw: The most the car can take; for cooling the chiller's capacity.
        temperature_c: Room temperature.
        setpoint_c: Its set point.
        band_k: Allowed rise above the set point.
        retention: Share of a rise that is left after 15 minutes.
        gain_k_per_kw: Rise per kW of curtailment kept for 15 minutes, air node included, as a site survey states it.
        soc_kwh: Stored energy.
        soc_min_kwh: Least stored energy.
        capacity_kwh: Largest stored energy.
        efficiency: One-way efficiency.
        schedule_kw: Declared battery power for this minute.
    """

    power_kw: Floats
    register_wh: Ints
    online: Flags
    limit_kw: Floats
    rated_kw: Floats
    min_kw: Floats
    scheduled_on: Flags
    floor_fraction: Floats
    plugged: Flags
    session_needed_kwh: Floats
    begin_minute: Floats
    departure_minute: Floats
    power_max_kw: Floats
    temperature_c: Floats
    setpoint_c: Floats
    band_k: Floats
    retention: Floats
    gain_k_per_kw: Floats
    soc_kwh: Floats
    soc_min_kwh: Floats
    capacity_kwh: Floats
    efficiency: Floats
    schedule_kw: Floats


def static_columns(devices: DeviceTable) -> StaticColumns:
    """Columns of a snapshot that never change, over all devices."""
    count = len(devices.ids)
    parts = devices.kind_slices
    zones, batteries = devices.zones, devices.batteries
    # The single-node gain that ends where mass and air node together end after two hours of steady curtailment.
    weight = (1.0 - zones.retention**_USUAL_DEPTH_INTERVALS) / (1.0 - zones.retention)
    gain = zones.gain_k_per_kw + zones.air_gain_k_per_kw / weight
    columns: StaticColumns = {"rated_kw": devices.rated_kw}
    for name, filled in (
        ("min_kw", [(parts["factory_line"], devices.lines.min_kw), (devices.pile_slice, devices.piles.min_kw)]),
        (
            "floor_fraction",
            [
                (parts["factory_line"], devices.lines.standby_fraction),
                (parts["factory_process"], devices.processes.floor_fraction),
                (parts["cooling"], zones.floor_fraction),
                (parts["lighting"], devices.lights.floor_fraction),
            ],
        ),
        ("setpoint_c", [(parts["cooling"], zones.setpoint_c)]),
        ("band_k", [(parts["cooling"], zones.band_k)]),
        ("retention", [(parts["cooling"], zones.retention)]),
        ("gain_k_per_kw", [(parts["cooling"], gain)]),
        ("soc_min_kwh", [(parts["storage"], batteries.soc_min_kwh)]),
        ("capacity_kwh", [(parts["storage"], batteries.capacity_kwh)]),
        ("efficiency", [(parts["storage"], batteries.efficiency)]),
    ):
        column = np.full(count, np.nan)
        for part, values in filled:
            column[part] = values
        columns[name] = column
    return columns
