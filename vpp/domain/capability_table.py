"""The capability table: how much can be held, from when, for how long and at what notice, and what comes back.

For each start of the next day, duration and notice: the largest constant response that could be held through the
window by everything that may be called, expected and in nine of ten calls; what it costs; and the rebound that follows.
Each cell stands alone: it is what one call could reach if nothing else were called before it.

Delivery is as the planner sees it: each resource delivers a random share of what it is asked for, one draw per call,
and the resources of a class also share a common factor.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np

from vpp.domain.columns import DispatchColumns, Flags, Index
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series
from vpp.domain.holding import Held, hold
from vpp.domain.merit_order import STEPS, cost_curve_cny_per_kwh
from vpp.domain.reachable_portfolio import portfolio_of
from vpp.domain.reservoirs import Windows
from vpp.domain.timegrid import INTERVAL, TimeGrid, floor_interval, trading_day

STARTS = 96
DURATIONS = (1, 4, 8, 16)
"""In intervals: 15 minutes, 1, 2 and 4 hours."""
PROBABILITY = 0.9
NUMBERS_AT_ONCE = 4_000_000
"""Windows are worked on in portions of about so many numbers per array: 32 MB."""


@dataclass(frozen=True, slots=True)
class Notice:
    """How long before its start a call is given.

    Attributes:
        lead: ``None`` for a call given on the trading day before.
    """

    name: str
    lead: timedelta | None

    def lead_at(self, start: datetime, now: datetime) -> timedelta | None:
        """Notice of a call that begins at ``start``; ``None`` when it is too late to give that much.

        A call of the day before is given now at the latest: its lead is what is left until the start.
        """
        ahead = start - now
        if self.lead is None:
            return ahead if trading_day(start) > trading_day(now) else None
        return self.lead if ahead >= self.lead else None


NOTICES = (
    Notice("5min", timedelta(minutes=5)),
    Notice("30min", timedelta(minutes=30)),
    Notice("4h", timedelta(hours=4)),
    Notice("day-ahead", None),
)


@dataclass(frozen=True, slots=True, eq=False)
class CapabilityTable:
    """The table; shapes (notices, durations, starts), ``nan`` where a call can no longer be given in time.

    Attributes:
        durations: In intervals.
        prob50_kw: Level that a call of everything holds as often as not.
        prob90_kw: Level that it holds in nine of ten calls.
        cost_cny_per_kwh: Mean price of each fifth of the expected energy, cheapest first, shape (..., 5); ``nan``
            also where there is none.
        rebound_kw: The most that is expected to come back in an interval of the recovery, spread evenly; <= 0.
    """

    as_of: datetime
    starts: tuple[datetime, ...]
    durations: tuple[int, ...]
    notices: tuple[Notice, ...]
    prob50_kw: Series
    prob90_kw: Series
    cost_cny_per_kwh: Series
    rebound_kw: Series


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Figures of some windows; shapes (W,), the costs (W, 5)."""

    prob50_kw: Series
    prob90_kw: Series
    cost_cny_per_kwh: Series
    rebound_kw: Series


def table_grid(now: datetime, recovery: int) -> TimeGrid:
    """What a table made at ``now`` looks at: the running interval, a day of starts, the longest window, recovery."""
    return TimeGrid(floor_interval(now), event_intervals() + recovery)


def event_intervals() -> int:
    """Intervals of a table's grid before the last recovery."""
    return STARTS + max(DURATIONS)


def capability_table(columns: DispatchColumns, notice_s: Series, now: datetime) -> CapabilityTable:
    """The table.

    Args:
        columns: What there is, on ``table_grid(now, ...)``; targets, coverage and rebound caps are not looked at.
        notice_s: Seconds from command to full effect of each resource, shape (N,).
        now: Within the grid's first interval.

    Raises:
        InputError: the grid is not that of a table.
    """
    if columns.grid.start != floor_interval(now) or columns.event_intervals != event_intervals():
        raise InputError(
            f"a capability table made at {now.isoformat()} needs a grid from {floor_interval(now).isoformat()} with "
            f"{event_intervals()} intervals before its recovery, not from {columns.grid.start.isoformat()} with "
            f"{columns.event_intervals}"
        )
    starts = tuple(columns.grid.start + (1 + k) * INTERVAL for k in range(STARTS))
    shape = (len(NOTICES), len(DURATIONS), STARTS)
    prob50_kw, prob90_kw, rebound_kw = (np.full(shape, np.nan) for _ in range(3))
    cost = np.full((*shape, STEPS), np.nan)
    rows, row_of = _distinct_rows(starts, notice_s, now)
    for d, duration in enumerate(DURATIONS):
        found = _all_figures(columns, rows, duration)
        for (notice, start), row in row_of.items():
            at = (notice, d, start)
            prob50_kw[at], prob90_kw[at] = found.prob50_kw[row], found.prob90_kw[row]
            rebound_kw[at], cost[at] = found.rebound_kw[row], found.cost_cny_per_kwh[row]
    return CapabilityTable(now, starts, DURATIONS, NOTICES, prob50_kw, prob90_kw, cost, rebound_kw)


def figures_of(columns: DispatchColumns, windows: Windows, held: Held) -> Figures:
    """Levels, costs and rebound of what is held in some windows."""
    expected_kw = held.response_kw @ columns.delivery_mean
    spread_kw = _spread_kw(columns, held.response_kw)
    z = NormalDist().inv_cdf(PROBABILITY)
    first_kw = windows.within(columns.curtailable.segment_1_kw)
    return Figures(
        prob50_kw=expected_kw.min(axis=0),
        prob90_kw=np.maximum((expected_kw - z * spread_kw).min(axis=0), 0.0),
        cost_cny_per_kwh=cost_curve_cny_per_kwh(columns, held.response_kw, first_kw),
        rebound_kw=0.0 - held.payback_kw @ columns.delivery_mean,
    )


def _spread_kw(columns: DispatchColumns, response_kw: Series) -> Series:
    """Standard deviation of what is delivered, shape (d, W)."""
    own = (response_kw**2) @ columns.delivery_sd**2
    classes = np.zeros((columns.count, len(columns.class_sd)))
    classes[np.arange(columns.count), columns.class_of] = columns.delivery_mean
    common = ((response_kw @ classes) ** 2) @ columns.class_sd**2
    return np.asarray(np.sqrt(own + common))


_Row = tuple[int, Flags]
"""Start as an index of the grid, and the resources that may be called, shape (N,)."""


def _distinct_rows(
    starts: Sequence[datetime], notice_s: Series, now: datetime
) -> tuple[list[_Row], Mapping[tuple[int, int], int]]:
    """Windows that differ in start or resources, and which of them each notice and start (by position) has."""
    rows: list[_Row] = []
    known: dict[tuple[int, bytes], int] = {}
    row_of: dict[tuple[int, int], int] = {}
    for n, notice in enumerate(NOTICES):
        for k, start in enumerate(starts):
            lead = notice.lead_at(start, now)
            if lead is None:
                continue
            allowed = notice_s <= lead.total_seconds()
            key = (k, allowed.tobytes())
            if key not in known:
                known[key] = len(rows)
                rows.append((k + 1, allowed))
            row_of[n, k] = known[key]
    return rows, row_of


def _all_figures(columns: DispatchColumns, rows: Sequence[_Row], duration: int) -> Figures:
    portfolio = portfolio_of(columns)
    recovery = columns.intervals - columns.event_intervals
    parts = []
    for part in _portions(rows, duration * max(columns.count, 1)):
        starts: Index = np.array([start for start, _ in part], dtype=np.intp)
        allowed = np.array([mask for _, mask in part], dtype=np.bool_).reshape(len(part), columns.count)
        windows = Windows(starts, duration, recovery)
        parts.append(figures_of(columns, windows, hold(portfolio, windows, allowed)))
    return Figures(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("prob50_kw", "prob90_kw", "cost_cny_per_kwh", "rebound_kw")
        )
    )


def _portions(rows: Sequence[_Row], numbers_each: int) -> Iterator[Sequence[_Row]]:
    size = max(1, NUMBERS_AT_ONCE // numbers_each)
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
