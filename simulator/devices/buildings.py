"""Cooling zones with a fast air node on a slow mass, and dimmable lighting.

The thermal model is linear around the undisturbed course, so that only the rise above it has to be followed.
"""

import numpy as np
from numpy.typing import NDArray

from simulator.district import LightTable, ZoneTable

Floats = NDArray[np.float64]

_AIR_LAG_MINUTES = 20.0
_RECOVERY_INTERVALS = 6.0
"""A freed zone removes its excess heat with a time constant of 90 minutes, as far as the chiller's capacity allows."""
_LEAST_SHARE = 0.3


class Zones:
    """State of all cooling zones."""

    def __init__(self, table: ZoneTable) -> None:
        count = table.level_kw.size
        self._table = table
        self._retention = table.retention ** (1.0 / 15.0)
        self.mass_rise_k = np.zeros(count)
        self.air_rise_k = np.zeros(count)

    @property
    def rise_k(self) -> Floats:
        """Rise of the room temperature above the undisturbed one, shape (zones,)."""
        return self.mass_rise_k + self.air_rise_k

    def step(self, uncontrolled_kw: Floats, limit_kw: Floats, delivery: Floats) -> Floats:
        """Power of this minute; heat that was let in is pumped out again once the limit is gone.

        A zone's thermostat overrides any limit at the end of the comfort band.
        """
        table = self._table
        payback = np.maximum(self.mass_rise_k, 0.0) / (table.gain_k_per_kw * _RECOVERY_INTERVALS)
        wish = np.maximum(np.minimum(uncontrolled_kw + payback, table.capacity_kw), uncontrolled_kw)
        asked = np.maximum(np.minimum(wish, limit_kw), table.floor_fraction * uncontrolled_kw)
        asked = np.where(self.rise_k >= table.band_k, np.maximum(asked, uncontrolled_kw), asked)
        less = uncontrolled_kw - asked
        less = np.where(less > 0.0, np.minimum(delivery * less, (1.0 - _LEAST_SHARE) * uncontrolled_kw), less)
        self.mass_rise_k = self._retention * self.mass_rise_k + table.gain_k_per_kw / 15.0 * less
        self.air_rise_k = self.air_rise_k + (table.air_gain_k_per_kw * less - self.air_rise_k) / _AIR_LAG_MINUTES
        return np.asarray(uncontrolled_kw - less, dtype=np.float64)


class Lights:
    """All dimmable circuits; they follow at once and have no memory."""

    def __init__(self, table: LightTable) -> None:
        self._table = table

    def step(self, uncontrolled_kw: Floats, limit_kw: Floats, delivery: Floats) -> Floats:
        """Power of this minute."""
        asked = np.maximum(np.minimum(uncontrolled_kw, limit_kw), self._table.floor_fraction * uncontrolled_kw)
        return np.asarray(uncontrolled_kw - np.minimum(delivery, 1.0) * (uncontrolled_kw - asked), dtype=np.float64)
