"""The capability table: how much can be held, from when, for how long and at what notice, and what comes back.

For each start of the next day, duration and notice: the largest constant response that could be held through the
window by everything that may be called, expected and in nine of ten calls; what it costs; and the rebound that follows.
Each cell stands alone: it is what one call could reach if nothing else were called before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.columns import DispatchColumns, Flags, Index
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series
from vpp.domain.held_levels import levels_kw
from vpp.domain.holding import Held, hold
from vpp.domain.merit_order import STEPS, cost_curve_cny_per_kwh
from vpp.domain.reachable_portfolio import portfolio_of
from vpp.domain.reservoirs import Windows
from vpp.domain.timegrid import INTERVAL, TimeGrid, floor_interval, format_instant, trading_day

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
    """Figures of windows, as in ``CapabilityTable``; shapes (W,) or, in rows, (notices, starts); costs 5 of each."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Reachable:
    """What may be reachable.

    Attributes:
        columns: On ``table_grid(now, ...)``; targets, coverage and rebound caps are not looked at.
        notice_s: Seconds from command to full effect of each resource, shape (N,).
        ripple_sd: Standard deviation of a quarter hour's delivery around the call's, relative, shape (N,).
        free: What may be called in the window of each start, for other reasons than notice, shape (starts, N); all
            of it unless given.
    """

    columns: DispatchColumns
    notice_s: Series
    ripple_sd: Series
    free: Flags | None = None


def capability_table(reachable: Reachable, now: datetime) -> CapabilityTable:
    """The whole table; arguments and errors as for ``rows_of``."""
    return joined(now, {duration: rows_of(reachable, now, duration) for duration in DURATIONS})


def rows_of(reachable: Reachable, now: datetime, duration: int) -> Figures:
    """The rows of one duration, shapes (notices, starts) and (notices, starts, 5).

    Args:
        reachable: What may be reachable.
        now: Within the grid's first interval.
        duration: Intervals, one of ``DURATIONS``.

    Raises:
        InputError: the grid is not that of a table.
    """
    columns, first = reachable.columns, floor_interval(now)
    if columns.grid.start != first or columns.event_intervals != event_intervals():
        raise InputError(
            f"a capability table made at {format_instant(now)} needs a grid from {format_instant(first)} with "
            f"{event_intervals()} intervals before its recovery, not from {format_instant(columns.grid.start)} with "
            f"{columns.event_intervals}"
        )
    windows, window_of = _distinct_windows(starts_of(now), reachable, now)
    found = _figures(reachable, windows, duration)
    rows = _no_figures((len(NOTICES), STARTS))
    for at, window in window_of.items():
        for row, figures in zip(_arrays(rows), _arrays(found), strict=True):
            row[at] = figures[window]
    return rows


def joined(now: datetime, rows: Mapping[int, Figures]) -> CapabilityTable:
    """The table from the rows of each duration, in intervals."""
    by_name = zip(*(_arrays(figures) for figures in rows.values()), strict=True)
    prob50_kw, prob90_kw, cost, rebound_kw = (np.stack(parts, axis=1) for parts in by_name)
    return CapabilityTable(now, starts_of(now), tuple(rows), NOTICES, prob50_kw, prob90_kw, cost, rebound_kw)


def starts_of(now: datetime) -> tuple[datetime, ...]:
    """The next day's starts, beginning with the interval after the running one."""
    return tuple(floor_interval(now) + (1 + k) * INTERVAL for k in range(STARTS))


def figures_of(reachable: Reachable, windows: Windows, held: Held) -> Figures:
    """Levels, costs and rebound of what is held in some windows."""
    columns = reachable.columns
    even_kw, likely_kw = levels_kw(columns, held.response_kw, reachable.ripple_sd, (0.5, PROBABILITY))
    first_kw = windows.within(columns.curtailable.segment_1_kw)
    return Figures(
        prob50_kw=even_kw,
        prob90_kw=likely_kw,
        cost_cny_per_kwh=cost_curve_cny_per_kwh(columns, held.response_kw, first_kw),
        rebound_kw=0.0 - held.payback_kw @ columns.delivery_mean,
    )


_Window = tuple[int, Flags]
"""Start as an index of the grid, and the resources that may be called, shape (N,)."""


def _distinct_windows(
    starts: Sequence[datetime], reachable: Reachable, now: datetime
) -> tuple[list[_Window], Mapping[tuple[int, int], int]]:
    """Windows that differ in start or resources, and which of them each notice and start (by position) has."""
    windows: list[_Window] = []
    known: dict[tuple[int, bytes], int] = {}
    window_of: dict[tuple[int, int], int] = {}
    for n, notice in enumerate(NOTICES):
        for k, start in enumerate(starts):
            lead = notice.lead_at(start, now)
            if lead is None:
                continue
            allowed = reachable.notice_s <= lead.total_seconds()
            if reachable.free is not None:
                allowed &= reachable.free[k]
            key = (k, allowed.tobytes())
            if key not in known:
                known[key] = len(windows)
                windows.append((k + 1, allowed))
            window_of[n, k] = known[key]
    return windows, window_of


def _figures(reachable: Reachable, distinct: Sequence[_Window], duration: int) -> Figures:
    columns = reachable.columns
    portfolio = portfolio_of(columns)
    recovery = columns.intervals - columns.event_intervals
    parts = [_arrays(_no_figures((0,)))]
    for part in _portions(distinct, duration * max(columns.count, 1)):
        starts: Index = np.array([start for start, _ in part], dtype=np.intp)
        allowed = np.array([mask for _, mask in part], dtype=np.bool_).reshape(len(part), columns.count)
        windows = Windows(starts, duration, recovery)
        parts.append(_arrays(figures_of(reachable, windows, hold(portfolio, windows, allowed))))
    return Figures(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _portions(windows: Sequence[_Window], numbers_each: int) -> Iterator[Sequence[_Window]]:
    size = max(1, NUMBERS_AT_ONCE // numbers_each)
    for first in range(0, len(windows), size):
        yield windows[first : first + size]


def _no_figures(shape: tuple[int, ...]) -> Figures:
    prob50_kw, prob90_kw, rebound_kw = (np.full(shape, np.nan) for _ in range(3))
    return Figures(prob50_kw, prob90_kw, np.full((*shape, STEPS), np.nan), rebound_kw)


def _arrays(figures: Figures) -> tuple[Series, Series, Series, Series]:
    return figures.prob50_kw, figures.prob90_kw, figures.cost_cny_per_kwh, figures.rebound_kw
