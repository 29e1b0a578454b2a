"""Production lines and continuous processes: stop and restart ramps, minimum runs, and production caught up later."""

import numpy as np
from numpy.typing import NDArray

from simulator.district import LineTable, ProcessTable

Floats = NDArray[np.float64]

_LONG_AGO = 1e6


class Lines:
    """State of all production lines; a limit below the least running power stops the line."""

    def __init__(self, table: LineTable) -> None:
        count = table.level_kw.size
        self._table = table
        self.running = np.ones(count)
        self.run_minutes = np.full(count, _LONG_AGO)
        self.deferred_kwh = np.zeros(count)

    def step(self, uncontrolled_kw: Floats, limit_kw: Floats, delivery: Floats) -> Floats:
        """Power of this minute.

        Args:
            uncontrolled_kw: What the line would draw, shape (lines,).
            limit_kw: ``inf`` where there is none.
            delivery: Share of the asked change that happens.
        """
        table = self._table
        stop = (limit_kw < table.min_kw) & ((self.run_minutes >= table.min_up_minutes) | (self.running < 1.0))
        change = np.where(stop, -1.0 / table.stop_minutes, 1.0 / table.start_minutes)
        self.running = np.clip(self.running + change, 0.0, 1.0)
        self.run_minutes = np.where(self.running >= 1.0, self.run_minutes + 1.0, 0.0)
        standby = table.standby_fraction * uncontrolled_kw
        cap = np.where(limit_kw < table.min_kw, uncontrolled_kw, np.minimum(uncontrolled_kw, limit_kw))
        asked = standby + self.running * (cap - standby)
        power = uncontrolled_kw - np.minimum(delivery, 1.02) * (uncontrolled_kw - asked)
        self.deferred_kwh += table.catch_up_fraction * (uncontrolled_kw - power) / 60.0
        free = np.isinf(limit_kw) & (self.running >= 1.0)
        extra = np.where(free, np.minimum(table.boost_fraction * table.level_kw, 60.0 * self.deferred_kwh), 0.0)
        self.deferred_kwh -= extra / 60.0
        return np.asarray(power + extra, dtype=np.float64)


class Processes:
    """State of all continuous processes; they follow a limit slowly and never below their floor."""

    def __init__(self, table: ProcessTable) -> None:
        self._table = table
        self.ratio = np.ones(table.level_kw.size)

    def step(self, uncontrolled_kw: Floats, limit_kw: Floats, delivery: Floats) -> Floats:
        """Power of this minute; arguments as for lines."""
        table = self._table
        wanted = np.clip(limit_kw / uncontrolled_kw, table.floor_fraction, 1.0)
        ramp = table.ramp_fraction_per_minute
        self.ratio = self.ratio + np.clip(wanted - self.ratio, -ramp, ramp)
        return np.asarray(uncontrolled_kw * (1.0 - delivery * (1.0 - self.ratio)), dtype=np.float64)
