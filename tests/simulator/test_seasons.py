from datetime import date, timedelta

import numpy as np

from simulator.seasons import normal_tmax_c, tmax_after_c
from simulator.streams import Streams

JULY = date(2026, 7, 22)


def test_normal_tmax_c__is_hot_in_july_and_cold_in_january_and_joins_at_new_year() -> None:
    assert normal_tmax_c(date(2026, 7, 15)) > 30.0
    assert normal_tmax_c(date(2026, 1, 15)) < 3.0
    assert abs(normal_tmax_c(date(2026, 12, 31)) - normal_tmax_c(date(2027, 1, 1))) < 0.2


def test_tmax_after_c__looking_further_ahead_changes_no_earlier_day() -> None:
    near = tmax_after_c(JULY, [36.5], 3, Streams(7))
    far = tmax_after_c(JULY, [36.5], 30, Streams(7))

    assert near == far[:3]


def test_tmax_after_c__the_event_day_s_heat_fades_within_a_week() -> None:
    days = 10
    runs = np.array([tmax_after_c(JULY, [36.5], days, Streams(seed)) for seed in range(40)])
    normal = np.array([normal_tmax_c(JULY + timedelta(days=number + 1)) for number in range(days)])
    mean_anomaly = (runs - normal).mean(axis=0)

    assert mean_anomaly[0] > 2.0
    assert abs(mean_anomaly[-1]) < 1.0


def test_tmax_after_c__follows_the_season_through_a_year() -> None:
    year = tmax_after_c(JULY, [36.5], 365, Streams(1))

    assert min(year) > -20.0
    assert np.mean(year[170:190]) < 8.0
    assert np.mean(year[350:]) > 26.0


def test_tmax_after_c__no_day_asked_for_gives_none() -> None:
    assert tmax_after_c(JULY, [36.5], 0, Streams(1)) == []
