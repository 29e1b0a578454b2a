"""Instants, 15-minute intervals and the trading day.

Inside the program an instant is an aware UTC ``datetime``. ``Asia/Shanghai`` appears only where a trading day is cut
and where people read. An interval is half-open ``[start, end)`` and named by its start.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from vpp.domain.errors import InputError

INTERVAL = timedelta(minutes=15)
INTERVAL_H = INTERVAL / timedelta(hours=1)
INTERVAL_S = INTERVAL.total_seconds()
DISTRICT_ZONE = ZoneInfo("Asia/Shanghai")

_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:?\d{2})")


def parse_instant(text: object) -> datetime:
    """The UTC instant that ``text`` names.

    Args:
        text: ISO 8601 with date, time and an offset (``2026-07-20T14:00:00+08:00``, ``...Z``), or an aware
            ``datetime``. Anything else, a number included, is refused rather than guessed.

    Raises:
        InputError: not such a text; the message shows it.
    """
    if isinstance(text, datetime):
        if text.tzinfo is None:
            raise InputError(f"instant {text.isoformat()!r} has no UTC offset")
        return text.astimezone(UTC)
    if not isinstance(text, str):
        raise InputError(f"instant {text!r} is not ISO 8601 text")
    if not _INSTANT.fullmatch(text.strip()):
        raise InputError(f"instant {text!r} is not ISO 8601 with a UTC offset, such as 2026-07-20T14:00:00+08:00")
    try:
        return datetime.fromisoformat(text.strip().upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InputError(f"instant {text!r} does not exist: {error}") from error


def format_instant(instant: datetime) -> str:
    """``instant`` as ISO 8601 in UTC with a ``Z``, microseconds only when there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def trading_day(instant: datetime) -> date:
    """The calendar day in the district's zone that ``instant`` falls on."""
    return instant.astimezone(DISTRICT_ZONE).date()


def day_start(day: date) -> datetime:
    """The UTC instant at which trading day ``day`` begins."""
    return datetime.combine(day, time(), DISTRICT_ZONE).astimezone(UTC)


def day_grid(day: date) -> "TimeGrid":
    """The intervals of trading day ``day``: 96, the district's zone having no daylight saving."""
    start = day_start(day)
    return TimeGrid(start, round((day_start(day + timedelta(days=1)) - start) / INTERVAL))


def floor_interval(instant: datetime) -> datetime:
    """Start of the interval that holds ``instant``."""
    start = day_start(trading_day(instant))
    return start + (instant - start) // INTERVAL * INTERVAL


def ceil_interval(instant: datetime) -> datetime:
    """``instant`` if an interval starts there, else the next interval's start."""
    start = floor_interval(instant)
    return start if start == instant else start + INTERVAL


@dataclass(frozen=True, slots=True)
class TimeGrid:
    """``count`` consecutive 15-minute intervals beginning at ``start`` (UTC, on an interval boundary).

    Raises:
        InputError: ``start`` is naive or off the boundary, or ``count`` is negative.
    """

    start: datetime
    count: int

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise InputError(f"grid start {self.start.isoformat()!r} has no UTC offset")
        if floor_interval(self.start) != self.start:
            raise InputError(f"grid start {format_instant(self.start)} is not on a 15-minute boundary")
        if self.count < 0:
            raise InputError(f"grid length {self.count} is negative")

    @classmethod
    def between(cls, start: datetime, end: datetime) -> "TimeGrid":
        """The intervals of ``[start, end)``; both ends must lie on interval boundaries."""
        count, rest = divmod(end - start, INTERVAL)
        if rest:
            raise InputError(f"{format_instant(end)} is not a whole number of 15-minute intervals after the start")
        return cls(start, count)

    @property
    def end(self) -> datetime:
        """End of the last interval."""
        return self.start + self.count * INTERVAL

    def __iter__(self) -> Iterator[datetime]:
        return (self.start + i * INTERVAL for i in range(self.count))

    def __len__(self) -> int:
        return self.count

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, datetime) and self.start <= instant < self.end

    def clock(self, interval: int) -> str:
        """Local time at which interval ``interval`` starts, as people read it: ``14:15``."""
        return f"{(self.start + interval * INTERVAL).astimezone(DISTRICT_ZONE):%H:%M}"

    def index_of(self, instant: datetime) -> int:
        """Index of the interval that holds ``instant``; negative or ``>= count`` outside the grid."""
        return (instant - self.start) // INTERVAL
