"""The calendar and the outdoor temperature of the history and the event day, on 15-minute intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Streams, keys_of

Floats = NDArray[np.float64]

QUARTERS = 96
HOUR = np.arange(QUARTERS) / 4.0 + 0.125
"""Middle of each 15-minute interval of a day, in hours."""
_HOTTEST_HOUR = 15.0
_SATURDAY = 5


@dataclass(frozen=True)
class Weather:
    """Days in order, the event day last.

    Attributes:
        days: The calendar days, D of them.
        workday: Whether each is a working day, shape (D,).
        outdoor_c: Outdoor temperature, shape (D, 96).
        felt_c: What building cooling answers to: half the moment, half the day's mean carried by the walls and raised
            to the afternoon's level, shape (D, 96).
    """

    days: tuple[date, ...]
    workday: NDArray[np.bool_]
    outdoor_c: Floats
    felt_c: Floats

    @property
    def tmax_c(self) -> Floats:
        """Daily maximum, shape (D,)."""
        return np.asarray(self.outdoor_c.max(axis=1), dtype=np.float64)


def make_weather(  # noqa: PLR0913 - the days, their temperatures, and the two lists that make a calendar
    event_day: date,
    tmax_c: Sequence[float],
    *,
    swing_k: float,
    holidays: frozenset[date],
    streams: Streams,
    working_weekends: frozenset[date] = frozenset(),
) -> Weather:
    """Temperatures for the ``len(tmax_c)`` days that end with ``event_day``.

    Args:
        event_day: The last day.
        tmax_c: Daily maxima, oldest first; each varies by up to 0.4 K with the seed.
        swing_k: Daily maximum less minimum.
        holidays: Days that count as days of rest though they are not at a weekend.
        streams: Random streams of the seed.
        working_weekends: Weekend days that are worked in lieu of a holiday.
    """
    count = len(tmax_c)
    days = tuple(event_day - timedelta(days=count - 1 - number) for number in range(count))
    jitter = 0.8 * (streams.uniform(keys_of(["weather"]), "tmax", count)[0] - 0.5)
    tmax = np.asarray(tmax_c, dtype=np.float64) + jitter
    phase = (1.0 + np.cos(2.0 * np.pi * (HOUR - _HOTTEST_HOUR) / 24.0)) / 2.0
    outdoor = tmax[:, None] - swing_k * (1.0 - phase[None, :])
    mean = outdoor.mean(axis=1, keepdims=True) + swing_k / 2.0
    return Weather(
        days=days,
        workday=np.array(
            [day in working_weekends or (day.weekday() < _SATURDAY and day not in holidays) for day in days]
        ),
        outdoor_c=outdoor,
        felt_c=0.5 * outdoor + 0.5 * mean,
    )
