"""Devices in memory with the simplest physics of each kind: a full battery stops, a served car draws nothing."""

from dataclasses import replace
from datetime import datetime

import numpy as np

from adapters.kit.driver import DeviceReadings
from adapters.kit.memory_driver import MemoryDriver
from vpp.domain.flexibility import Series

_MINUTES_PER_HOUR = 60.0
_MINUTES_PER_INTERVAL = 15


class TwinDriver(MemoryDriver):
    """A ``MemoryDriver`` whose states follow its power: cars are charged and leave, batteries fill, zones warm up.

    Setpoints act at once; what a device draws now counts for the whole minute that is read next.
    """

    _read_at: datetime | None = None

    @property
    def power_kw(self) -> Series:
        """What each device draws now; a battery no more than it can take or give for one minute."""
        power = super().power_kw
        if self.piles is not None:
            power = np.where(power + 1e-9 < self.piles.power_min_kw, 0.0, power)
            return np.where(self.piles.plugged, np.minimum(power, self.piles.power_max_kw), 0.0)
        if self.batteries is not None:
            states = self.batteries
            room = (states.capacity_kwh - states.soc_kwh) / states.efficiency * _MINUTES_PER_HOUR
            stock = states.soc_kwh * states.efficiency * _MINUTES_PER_HOUR
            return np.clip(power, -np.minimum(stock, states.power_max_kw), np.minimum(room, states.power_max_kw))
        if self.lines is not None:
            # Below its minimum a load is off.
            return np.where(power + 1e-9 < self.lines.min_kw, 0.0, power)
        return power

    async def read(self, at: datetime) -> DeviceReadings:
        """The minute that ended at ``at``; the states are those at its end."""
        self._check()
        minutes = 1 if self._read_at is None else max(int((at - self._read_at).total_seconds() // 60), 0)
        self._read_at = at
        readings = await super().read(at)
        for _ in range(minutes):
            self._step()
        return replace(readings, piles=self.piles, zones=self.zones, batteries=self.batteries)

    def _step(self) -> None:
        power = self.power_kw
        if self.piles is not None:
            needed = np.maximum(self.piles.session_needed_kwh - power / _MINUTES_PER_HOUR, 0.0)
            left_min = np.maximum(self.piles.minutes_to_departure - 1.0, 0.0)
            there = self.piles.plugged & (needed > 0) & (left_min > 0)
            self.piles = replace(
                self.piles,
                plugged=there,
                session_needed_kwh=np.where(left_min > 0, needed, 0.0),
                minutes_to_departure=np.where(there, left_min, 0.0),
            )
        if self.zones is not None:
            share = 1.0 / _MINUTES_PER_INTERVAL
            kept = self.zones.retention**share
            gain = self.zones.gain_k_per_kw * (1.0 - kept) / np.maximum(1.0 - self.zones.retention, 1e-9)
            rise = self.zones.temperature_c - self.zones.setpoint_c
            warmer = kept * rise + gain * (self.demand_kw - power)
            self.zones = replace(self.zones, temperature_c=self.zones.setpoint_c + warmer)
        if self.batteries is not None:
            charged = np.where(power > 0, power * self.batteries.efficiency, power / self.batteries.efficiency)
            soc = np.clip(self.batteries.soc_kwh + charged / _MINUTES_PER_HOUR, 0.0, self.batteries.capacity_kwh)
            self.batteries = replace(self.batteries, soc_kwh=soc)
