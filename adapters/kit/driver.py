"""The narrow interface behind which device protocols stand.

Arrays run over all devices of the gateway; a resource owns a contiguous range of them (``ResourceSpec.devices``).
Readings of one kind only are grouped; the arrays of a group run over all devices too, with zeros where a device is of
another kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import OutsideError
from vpp.domain.flexibility import Series

Mask = NDArray[np.bool_]
Indices = NDArray[np.int64]
Registers = NDArray[np.int64]


class DriverError(OutsideError):
    """The devices could not be reached at all; single devices out of reach are ``online = False`` instead."""


@dataclass(frozen=True, slots=True, eq=False)
class LineReadings:
    """Loads that run by a plan: factory lines, processes and lighting circuits; shapes (devices,).

    Attributes:
        scheduled_on: Whether the plan wants the load running now.
        rated_kw: Largest power.
        min_kw: Smallest power while running; below it the load is off.
    """

    scheduled_on: Mask
    rated_kw: Series
    min_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class PileReadings:
    """Charging piles; shapes (devices,).

    Attributes:
        plugged: Whether a car with energy still to charge is there.
        session_needed_kwh: What it still needs, 0 when none is there.
        minutes_to_departure: Until when it is promised, from the reading on; 0 when none is there.
        power_max_kw: Of pile and car together.
        power_min_kw: Smallest power at which charging goes on (6 A per phase); 0 power is always possible.
        minutes_to_begin: How long the car will wait by its own timer while nobody writes a setpoint; ``None``: no car
            waits.
    """

    plugged: Mask
    session_needed_kwh: Series
    minutes_to_departure: Series
    power_max_kw: Series
    power_min_kw: Series
    minutes_to_begin: Series | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ZoneReadings:
    """Cooled zones, each with its own machine; shapes (devices,).

    Attributes:
        setpoint_c: Temperature held without an event; the band lies above it.
        band_k: Largest accepted rise above ``setpoint_c``.
        retention: Share of a temperature rise that is left after 15 minutes.
        gain_k_per_kw: Rise after 15 minutes of one kW less.
        power_max_kw: Of the machine.
    """

    temperature_c: Series
    setpoint_c: Series
    band_k: Series
    retention: Series
    gain_k_per_kw: Series
    power_max_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class BatteryReadings:
    """Batteries; shapes (devices,).

    Attributes:
        power_max_kw: Of charging and of discharging.
        efficiency: One way, in (0, 1].
    """

    soc_kwh: Series
    capacity_kwh: Series
    power_max_kw: Series
    efficiency: Series


@dataclass(frozen=True, slots=True, eq=False)
class DeviceReadings:
    """All devices of a gateway at the end of a minute; shapes (devices,).

    Attributes:
        power_kw: Mean over the minute; what stands at devices that are not online is ignored.
        register_wh: At the minute's end.
        online: Whether the device answered.
        setpoint_kw: Setpoint that the device says it holds; ``nan`` when it runs free.
        override: Whether somebody on site has taken the device out of remote control; ``None``: nobody has.
    """

    power_kw: Series
    register_wh: Registers
    online: Mask
    setpoint_kw: Series
    override: Mask | None = None
    lines: LineReadings | None = None
    piles: PileReadings | None = None
    zones: ZoneReadings | None = None
    batteries: BatteryReadings | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ApplyResult:
    """What became of written setpoints.

    Attributes:
        accepted: Per written device, whether it read back the setpoint.
        refusals: Reason by position in the written indices, where one was given.
    """

    accepted: Mask
    refusals: Mapping[int, str] = field(default_factory=dict)


class DeviceDriver(Protocol):
    """The devices of one gateway. Every method may raise ``DriverError``."""

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``: the latest, or one that the meters still remember.

        Power and registers are of that minute; states (temperatures, plugged cars) may be the present ones.
        """

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Writes one setpoint per listed device and reads it back: a cap for loads, the very power for batteries."""

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Lets the listed devices run free again."""
