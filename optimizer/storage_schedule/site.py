"""A site with batteries, a load of its own, limits of its connection, and prices for buying and selling."""

from dataclasses import dataclass, fields

import numpy as np

from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series

LEAST_EFFICIENCY = 0.01
SLACK_KWH = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class StorageSite:
    """``n`` batteries over ``H`` intervals.

    ``0 <= charge, discharge <= power_max_kw``, never both at once;
    ``soc_t = soc_{t-1} + h (efficiency charge - discharge / efficiency)``, ``soc_min_kwh <= soc_t <= capacity_kwh`` and
    ``soc >= soc_end_kwh`` at the end. The connection carries ``load + sum of charge - sum of discharge``.

    Attributes:
        power_max_kw, capacity_kwh, soc_kwh, soc_min_kwh, soc_end_kwh, efficiency: Per battery, shape (n,).
        load_kw: Of everything else behind the meter, shape (H,).
        buy_cny_per_kwh, sell_cny_per_kwh: Shape (H,); selling never pays more than buying costs.
        import_limit_kw, export_limit_kw: Of the connection, >= 0; ``inf`` for none.
        interval_h: Length of an interval.
    """

    power_max_kw: Series
    capacity_kwh: Series
    soc_kwh: Series
    soc_min_kwh: Series
    soc_end_kwh: Series
    efficiency: Series
    load_kw: Series
    buy_cny_per_kwh: Series
    sell_cny_per_kwh: Series
    import_limit_kw: float
    export_limit_kw: float
    interval_h: float = 0.25

    @property
    def shape(self) -> tuple[int, int]:
        """Batteries and intervals, (n, H)."""
        return len(self.power_max_kw), len(self.load_kw)

    @property
    def soc_low_kwh(self) -> Series:
        """Least state of charge at the end of each interval, shape (n, H)."""
        low = np.repeat(self.soc_min_kwh[:, None], self.shape[1], axis=1)
        low[:, -1] = np.maximum(self.soc_min_kwh, self.soc_end_kwh)
        return low

    @property
    def reach_kw(self) -> float:
        """More than the connection can ever carry: stands in for a limit where there is none."""
        return float(np.abs(self.load_kw).max() + self.power_max_kw.sum()) + 1.0

    def grid_kw(self, power_kw: Series) -> Series:
        """Flow over the connection, shape (H,), when the batteries take ``power_kw``, shape (n, H)."""
        return np.asarray(self.load_kw + power_kw.sum(axis=0))

    def energy_cost_cny(self, grid_kw: Series) -> float:
        """Cost of the energy over the connection."""
        bought, sold = np.maximum(grid_kw, 0.0), np.maximum(-grid_kw, 0.0)
        return float((self.buy_cny_per_kwh @ bought - self.sell_cny_per_kwh @ sold) * self.interval_h)


def check_site(site: StorageSite) -> None:
    """Makes sure that the figures of ``site`` are sound.

    Raises:
        InputError: wrong length, not finite, or outside its range; names the figure, its position and its value.
    """
    count, intervals = site.shape
    for field in fields(site):
        value = getattr(site, field.name)
        if isinstance(value, float | int):
            _least(field.name, np.array([value]), 0.0, infinite=field.name.endswith("limit_kw"))
        else:
            per_interval = field.name in {"load_kw", "buy_cny_per_kwh", "sell_cny_per_kwh"}
            expected = (intervals if per_interval else count,)
            if np.shape(value) != expected:
                raise InputError(f"{field.name} has shape {np.shape(value)}, expected {expected}")
            _least(field.name, value, -np.inf if per_interval else 0.0)
    if not count or not intervals or not site.interval_h:
        raise InputError(f"{count} batteries over {intervals} intervals of {site.interval_h:g} h: none may be 0")
    _crossed("efficiency", site.efficiency, "least", np.full(count, LEAST_EFFICIENCY))
    _crossed("most efficiency", np.ones(count), "efficiency", site.efficiency)
    _crossed("buy_cny_per_kwh", site.buy_cny_per_kwh, "sell_cny_per_kwh", site.sell_cny_per_kwh)
    _crossed("capacity_kwh", site.capacity_kwh, "soc_kwh", site.soc_kwh)
    _crossed("capacity_kwh", site.capacity_kwh, "soc_min_kwh", site.soc_min_kwh)
    _crossed("capacity_kwh", site.capacity_kwh, "soc_end_kwh", site.soc_end_kwh)


def _least(name: str, values: Series, least: float, *, infinite: bool = False) -> None:
    wrong = np.isnan(values) | (values < least) | (np.isinf(values) & (not infinite))
    if wrong.any():
        at = int(np.argmax(wrong))
        bound = "" if least == -np.inf else f" and at least {least:g}"
        raise InputError(f"{name}[{at}] is {values[at]}, expected a finite number{bound}")


def _crossed(high_name: str, high: Series, low_name: str, low: Series) -> None:
    wrong = low > high + SLACK_KWH
    if wrong.any():
        at = int(np.argmax(wrong))
        raise InputError(f"{low_name}[{at}] {low[at]:g} is above {high_name}[{at}] {high[at]:g}")
