"""Weather of the days after a scenario's list: the season's normal maximum, plus an anomaly that fades from day to day.

The season goes on from the scenario's own day, wherever in the calendar its start was moved to: the day after a
scenario of 22 July is a 23 July, so that a district started today still lives in the summer it was made for.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np

from simulator.streams import Streams, keys_of

# Normal daily maximum by month, degrees Celsius: assumed, near the climate of Tianjin, not a measured series.
_NORMAL_TMAX_C = (2.0, 6.0, 13.0, 21.0, 27.0, 31.0, 31.0, 30.0, 27.0, 20.0, 11.0, 4.0)
_MONTH_DAYS = 365.25 / 12.0
_ANOMALY_SD_K = 2.4
_ANOMALY_MEMORY = 0.65
"""Share of a day's anomaly that the next day keeps; hot spells then last a few days."""
_LIMITS_C = (-20.0, 44.0)


def normal_tmax_c(day: date) -> float:
    """The season's normal daily maximum: monthly normals at mid-month, straight lines between them."""
    middle = (np.arange(-1, 13) + 0.5) * _MONTH_DAYS
    values = (_NORMAL_TMAX_C[-1], *_NORMAL_TMAX_C, _NORMAL_TMAX_C[0])
    return float(np.interp(day.timetuple().tm_yday, middle, values))


def tmax_after_c(last: date, tmax_c: Sequence[float], days: int, streams: Streams) -> list[float]:
    """Daily maxima of the ``days`` days that follow a scenario's list, oldest first.

    Args:
        last: The scenario's own day, to which the list's last value belongs.
        tmax_c: The list.
        days: How many days to go on, >= 0.
        streams: Random streams of the seed; day k is the same however far one looks ahead.
    """
    shocks = np.clip(streams.normal(keys_of(["weather"]), "season/anomaly", max(days, 1))[0], -2.5, 2.5)
    scale = _ANOMALY_SD_K * np.sqrt(1.0 - _ANOMALY_MEMORY**2)
    anomaly = tmax_c[-1] - normal_tmax_c(last)
    found: list[float] = []
    for number in range(days):
        anomaly = _ANOMALY_MEMORY * anomaly + scale * float(shocks[number])
        normal = normal_tmax_c(date.fromordinal(last.toordinal() + number + 1))
        found.append(float(np.clip(normal + anomaly, *_LIMITS_C)))
    return found
