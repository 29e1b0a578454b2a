"""How often a resource may be called and how long it rests in between: terms, and what past calls leave of them.

A *call* is a resource commanded with a material response in an event; however often it is switched within that event,
it is one call. Days are trading days, weeks run from Monday to Sunday, and a season is the programme's own term, or the
calendar year where it has none. A call belongs to the day on which it begins.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from vpp.domain.errors import InputError
from vpp.domain.timegrid import trading_day

RESTING, USED_UP = "resting", "calls-used-up"


class Period(StrEnum):
    """Over what calls are counted."""

    DAY = "day"
    WEEK = "week"
    SEASON = "season"


@dataclass(frozen=True, slots=True)
class UseTerms:
    """Most calls of one resource per period, and the least rest between two of them.

    Attributes:
        calls_per_day, calls_per_week, calls_per_season: ``None`` for no limit.
        rest_h: Between the end of a call and the beginning of the next one, hours.

    Raises:
        InputError: a negative number of calls, or a rest that is negative or not finite.
    """

    calls_per_day: int | None = None
    calls_per_week: int | None = None
    calls_per_season: int | None = None
    rest_h: float = 0.0

    def __post_init__(self) -> None:
        for period in Period:
            most = self.most(period)
            if most is not None and most < 0:
                raise InputError(f"terms of use: {most} calls per {period.value}, expected 0 or more")
        if not 0 <= self.rest_h < math.inf:
            raise InputError(f"terms of use: rest of {self.rest_h} h, expected a finite number >= 0")

    def most(self, period: Period) -> int | None:
        """Most calls in the period."""
        match period:
            case Period.DAY:
                return self.calls_per_day
            case Period.WEEK:
                return self.calls_per_week
            case Period.SEASON:
                return self.calls_per_season

    def and_also(self, other: "UseTerms") -> "UseTerms":
        """The tighter of both, figure by figure: a contract may be tighter than its programme, never looser."""
        return UseTerms(
            _least(self.calls_per_day, other.calls_per_day),
            _least(self.calls_per_week, other.calls_per_week),
            _least(self.calls_per_season, other.calls_per_season),
            max(self.rest_h, other.rest_h),
        )


UNLIMITED = UseTerms()


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """From the first to the last interval with a response asked, ``[start, end)``."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Season:
    """First and last trading day, both included."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Allowance:
    """Whether a resource may be called in a window.

    Attributes:
        why_not: ``resting`` or ``calls-used-up``; ``None`` when it may.
        calls_left: Per period with a limit, before the window's own call.
    """

    why_not: str | None
    calls_left: Mapping[Period, int]


def season_of(day: date, first: date | None, last: date | None) -> Season:
    """A programme's term ``first`` to ``last``; the calendar year of ``day`` where either is open."""
    if first is None or last is None:
        return Season(date(day.year, 1, 1), date(day.year, 12, 31))
    return Season(first, last)


def last_day(period: Period, day: date, season: Season) -> date:
    """The last trading day of the period that ``day`` lies in."""
    match period:
        case Period.DAY:
            return day
        case Period.WEEK:
            return day + timedelta(days=6 - day.weekday())
        case Period.SEASON:
            return season.last


def allowance(terms: UseTerms, calls: Iterable[Call], window: Call, season: Season) -> Allowance:
    """What ``terms`` leave to the window.

    Args:
        terms: Of the resource.
        calls: Its other calls, past and already commanded for later, in any order; not the one of the window's event.
        window: From when to when it might be called.
        season: Of the window's day.
    """
    calls = list(calls)
    day = trading_day(window.start)
    days = [trading_day(call.start) for call in calls]
    left = {
        period: most - sum(_together(period, day, other, season) for other in days)
        for period in Period
        if (most := terms.most(period)) is not None
    }
    rest = timedelta(hours=terms.rest_h)
    if any(count <= 0 for count in left.values()):
        return Allowance(USED_UP, left)
    rested = all(call.end + rest <= window.start or window.end + rest <= call.start for call in calls)
    return Allowance(None if rested else RESTING, left)


def _together(period: Period, day: date, other: date, season: Season) -> bool:
    match period:
        case Period.DAY:
            return other == day
        case Period.WEEK:
            return other.isocalendar()[:2] == day.isocalendar()[:2]
        case Period.SEASON:
            return other in season


def _least(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else min(one, other)
