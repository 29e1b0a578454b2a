"""Which days are working days: a value handed in, so that the rules need no calendar package and no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError

SATURDAY = 5


class DayType(StrEnum):
    """What kind of day it is; a weekend day worked in lieu of a holiday is ``WORKING``."""

    WORKING = "working"
    WEEKEND = "weekend"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """Day types of a stretch of days.

    Attributes:
        name: Where the types come from, for reports: ``chinese calendar``, ``weekends only`` ...
        types: Every day that may be asked for.
        findings: What a reader must know about their quality, such as years whose holidays are unknown.
    """

    name: str
    types: Mapping[date, DayType]
    findings: tuple[str, ...] = ()

    def type_of(self, day: date) -> DayType:
        """The type of ``day``.

        Raises:
            InputError: the calendar does not cover the day.
        """
        try:
            return self.types[day]
        except KeyError:
            raise InputError(f"calendar {self.name!r} does not cover {day.isoformat()}") from None

    def working_mask(self, days: Sequence[date]) -> NDArray[np.bool_]:
        """Which of ``days`` are working days, shape (len(days),)."""
        return np.array([self.type_of(day) is DayType.WORKING for day in days], dtype=np.bool_)


def weekends_only(days: Iterable[date], holidays: Iterable[date] = ()) -> WorkingDays:
    """A calendar that knows Saturdays, Sundays and the listed ``holidays``, and says so."""
    listed = frozenset(holidays)
    types = {day: DayType.HOLIDAY if day in listed else weekday_type(day) for day in days}
    if listed:
        return WorkingDays("weekends and listed holidays", types)
    return WorkingDays("weekends only", types, ("working days: weekends only, public holidays are not known",))


def weekday_type(day: date) -> DayType:
    """``WEEKEND`` on Saturday and Sunday, else ``WORKING``."""
    return DayType.WEEKEND if day.weekday() >= SATURDAY else DayType.WORKING


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from ``first`` to ``last``, both included."""
    return tuple(first + timedelta(days=i) for i in range((last - first).days + 1))
