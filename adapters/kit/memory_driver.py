"""A few devices in memory that hold what they are told at once: for tests and for trying a gateway out."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np

from adapters.kit.driver import (
    ApplyResult,
    BatteryReadings,
    DeviceReadings,
    DriverError,
    Indices,
    LineReadings,
    Mask,
    PileReadings,
    Registers,
    ZoneReadings,
)
from vpp.domain.flexibility import Series

_WH_PER_KW_MINUTE = 1000.0 / 60.0


class MemoryDriver:
    """Implements ``DeviceDriver``: power is the demand, or the setpoint where that is lower.

    Attributes:
        demand_kw: What each device would draw, may be changed at any time; batteries take their setpoint instead.
        online: Which devices answer.
        override: Which are under local control.
        refusing: Which refuse every setpoint, with their reason.
        unreachable: ``True`` makes every call fail.
        writes: Log of what was written, ``(device, setpoint_kw)``, ``nan`` for a release.
    """

    def __init__(
        self,
        demand_kw: Series,
        *,
        lines: LineReadings | None = None,
        piles: PileReadings | None = None,
        zones: ZoneReadings | None = None,
        batteries: BatteryReadings | None = None,
    ) -> None:
        """Free devices, all online, registers at 0."""
        count = len(demand_kw)
        self.demand_kw = demand_kw.astype(np.float64)
        self.online: Mask = np.ones(count, dtype=bool)
        self.override: Mask = np.zeros(count, dtype=bool)
        self.refusing: Mapping[int, str] = {}
        self.unreachable = False
        self.writes: list[tuple[int, float]] = []
        self.lines, self.piles, self.zones, self.batteries = lines, piles, zones, batteries
        self._setpoint_kw = np.full(count, np.nan)
        self._energy_wh = np.zeros(count)

    @property
    def power_kw(self) -> Series:
        """What each device draws now."""
        held = ~np.isnan(self._setpoint_kw)
        if self.batteries is not None:
            return np.where(held & (self.batteries.power_max_kw > 0), self._setpoint_kw, self.demand_kw)
        return np.where(held, np.minimum(self._setpoint_kw, self.demand_kw), self.demand_kw)

    async def read(self, at: datetime) -> DeviceReadings:
        """One more minute of the present power, whatever ``at`` says."""
        del at
        self._check()
        power_kw = self.power_kw
        self._energy_wh += power_kw * _WH_PER_KW_MINUTE
        registers: Registers = np.floor(self._energy_wh).astype(np.int64)
        return DeviceReadings(
            power_kw=power_kw,
            register_wh=registers,
            online=self.online.copy(),
            setpoint_kw=self._setpoint_kw.copy(),
            override=self.override.copy(),
            lines=self.lines,
            piles=self.piles,
            zones=self.zones,
            batteries=self.batteries,
        )

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        """Holds the setpoints, but for devices that refuse or are offline."""
        self._check()
        refusals: dict[int, str] = {}
        accepted: Mask = self.online[device_indices]
        for position, device in enumerate(device_indices.tolist()):
            if device in self.refusing:
                refusals[position] = self.refusing[device]
                accepted[position] = False
            elif accepted[position]:
                self._setpoint_kw[device] = setpoints_kw[position]
                self.writes.append((device, float(setpoints_kw[position])))
        return ApplyResult(accepted, refusals)

    async def release(self, device_indices: Indices) -> ApplyResult:
        """Frees the devices that are online."""
        self._check()
        accepted: Mask = self.online[device_indices]
        freed = device_indices[accepted]
        self._setpoint_kw[freed] = np.nan
        self.writes.extend((device, float("nan")) for device in freed.tolist())
        return ApplyResult(accepted)

    def _check(self) -> None:
        if self.unreachable:
            raise DriverError("memory devices: switched off")
