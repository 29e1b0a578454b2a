"""Batteries: they follow their declared schedule, or a set power, as far as their energy allows."""

import numpy as np
from numpy.typing import NDArray

from simulator.district import BatteryTable

Floats = NDArray[np.float64]


class Batteries:
    """State of all batteries; here a "limit" is the power wanted, negative for discharging."""

    def __init__(self, table: BatteryTable, soc_kwh: Floats) -> None:
        self._table = table
        self.soc_kwh = soc_kwh.copy()

    def step(self, schedule_kw: Floats, wanted_kw: Floats, moves: NDArray[np.bool_]) -> Floats:
        """Power of this minute.

        Args:
            schedule_kw: Declared power, shape (batteries,).
            wanted_kw: Power asked for, ``inf`` where the schedule holds.
            moves: False where the battery does not follow.
        """
        table = self._table
        power = np.where(np.isfinite(wanted_kw) & moves, wanted_kw, schedule_kw)
        lowest = np.where(table.discharge_allowed > 0.0, -table.power_kw, np.minimum(schedule_kw, 0.0))
        power = np.clip(power, lowest, table.power_kw)
        room = np.maximum(table.capacity_kwh - self.soc_kwh, 0.0) * 60.0 / table.efficiency
        stock = np.maximum(self.soc_kwh - table.soc_min_kwh, 0.0) * 60.0 * table.efficiency
        power = np.clip(power, -stock, room)
        stored = np.where(power > 0.0, power * table.efficiency, power / table.efficiency)
        self.soc_kwh = self.soc_kwh + stored / 60.0
        return np.asarray(power, dtype=np.float64)


def soc_at_minute(table: BatteryTable, schedule_kw: Floats, minute: int) -> Floats:
    """Stored energy at ``minute`` of a day that follows the schedule, shape (batteries,).

    The day before ended with the least energy, after the evening's discharge.

    Args:
        table: The batteries.
        schedule_kw: Declared power by quarter-hour, shape (batteries, 96).
        minute: Minute of the day.
    """
    soc = table.capacity_kwh * 0.1
    for past in range(minute):
        power = schedule_kw[:, past // 15]
        stored = np.where(power > 0.0, power * table.efficiency, power / table.efficiency)
        soc = np.clip(soc + stored / 60.0, table.soc_min_kwh, table.capacity_kwh)
    return np.asarray(soc, dtype=np.float64)
