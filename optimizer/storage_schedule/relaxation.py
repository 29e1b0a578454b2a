"""The schedule without the rule against charging and discharging at once, as a bounded linear programme.

Columns ``x`` of shape (3 n + 2, H): charge, discharge and state of charge above its least, per battery; bought and sold
at the connection. Rows of shape (n + 1, H): the balance of each battery, and that of the connection. Every column lies
between 0 and ``upper``; the rows hold with equality.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from optimizer.storage_schedule.site import StorageSite
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Relaxation:
    """``min cost x`` with ``A x = right``, ``0 <= x <= upper``.

    Attributes:
        stored_kwh: State of charge gained per kW of charging, shape (n, 1).
        drawn_kwh: State of charge lost per kW of discharging, shape (n, 1).
    """

    stored_kwh: Series
    drawn_kwh: Series
    cost: Series
    upper: Series
    right: Series

    @classmethod
    def of(cls, site: StorageSite) -> Self:
        """The programme of ``site``."""
        n, intervals = site.shape
        low = site.soc_low_kwh
        upper = np.empty((3 * n + 2, intervals))
        upper[:n] = upper[n : 2 * n] = site.power_max_kw[:, None]
        upper[2 * n : 3 * n] = site.capacity_kwh[:, None] - low
        upper[3 * n] = min(site.import_limit_kw, site.reach_kw)
        upper[3 * n + 1] = min(site.export_limit_kw, site.reach_kw)
        cost = np.zeros_like(upper)
        cost[3 * n] = site.interval_h * site.buy_cny_per_kwh
        cost[3 * n + 1] = -site.interval_h * site.sell_cny_per_kwh
        right = np.empty((n + 1, intervals))
        right[:n] = -np.diff(low, axis=1, prepend=0.0)
        right[:n, 0] += site.soc_kwh
        right[n] = site.load_kw
        efficiency = site.efficiency[:, None]
        return cls(site.interval_h * efficiency, site.interval_h / efficiency, cost, upper, right)

    @property
    def count(self) -> int:
        """Batteries, n."""
        return len(self.stored_kwh)

    def times(self, x: Series) -> Series:
        """``A x``, shape (n + 1, H)."""
        n = self.count
        out = np.empty_like(self.right)
        charge, discharge, soc = x[:n], x[n : 2 * n], x[2 * n : 3 * n]
        out[:n] = soc - self.stored_kwh * charge + self.drawn_kwh * discharge
        out[:n, 1:] -= soc[:, :-1]
        out[n] = x[3 * n] - x[3 * n + 1] - charge.sum(axis=0) + discharge.sum(axis=0)
        return out

    def transposed_times(self, y: Series) -> Series:
        """``A' y``, shape (3 n + 2, H)."""
        n = self.count
        out = np.empty_like(self.upper)
        worth, price = y[:n], y[n]
        out[:n] = -self.stored_kwh * worth - price
        out[n : 2 * n] = self.drawn_kwh * worth + price
        out[2 * n : 3 * n] = worth
        out[2 * n : 3 * n, :-1] -= worth[:, 1:]
        out[3 * n], out[3 * n + 1] = price, -price
        return out
