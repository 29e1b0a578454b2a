"""Events still to come: rate, streaks, and what is declared already."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.event_days import EventDayPrior, Expectation, Occasions, expect_events
from vpp.domain.use_limits import Period, Season

SEASON = Season(date(2026, 1, 1), date(2026, 12, 31))
MONDAY = date(2026, 7, 20)
PRIOR = EventDayPrior()


def mean_of(period: Period, known: Occasions) -> float:
    probabilities = expect_events(period, known, PRIOR).probabilities()
    return float(np.arange(len(probabilities)) @ probabilities)


def test_expect_events__a_second_event_today_is_likely_and_a_third_is_not() -> None:
    first = Occasions(MONDAY, SEASON)
    second = Occasions(MONDAY, SEASON, seen=(MONDAY,))

    # 1.6 events per event day, of which this is the first; two a day are the most.
    assert expect_events(Period.DAY, first, PRIOR).mean == pytest.approx(0.6)
    assert expect_events(Period.DAY, first, PRIOR).most == 1
    assert expect_events(Period.DAY, second, PRIOR).probabilities().tolist() == [1.0]


def test_expect_events__a_season_of_the_prior() -> None:
    known = Occasions(date(2026, 1, 1), SEASON)

    # 40 event days of 365 with 1.6 events each; the streak that an event day stands in adds about two days.
    assert expect_events(Period.SEASON, known, PRIOR).mean == pytest.approx(40 * 1.6, rel=0.1)


def test_expect_events__a_streak_makes_the_next_days_likelier() -> None:
    streak = tuple(MONDAY - timedelta(days=back) for back in range(1, 6) for _ in range(2))
    scattered = tuple(MONDAY - timedelta(days=back) for back in range(9, 54, 9) for _ in range(2))

    fresh = mean_of(Period.WEEK, Occasions(MONDAY, SEASON))
    assert mean_of(Period.WEEK, Occasions(MONDAY, SEASON, seen=streak)) > 1.5 * fresh
    assert mean_of(Period.WEEK, Occasions(MONDAY, SEASON, seen=scattered)) < fresh


def test_expect_events__declared_events_are_certain() -> None:
    known = Occasions(MONDAY, SEASON, declared=(MONDAY, MONDAY + timedelta(days=1), MONDAY + timedelta(days=8)))

    assert expect_events(Period.DAY, known, PRIOR).probabilities().tolist() == [0.0, 1.0]
    assert expect_events(Period.WEEK, known, PRIOR).probabilities()[:2].tolist() == [0.0, 0.0]


def test_probabilities__are_negative_binomial() -> None:
    found = Expectation(certain=0, mean=3.0, shape=11.0, most=200).probabilities()
    count = np.arange(201)

    assert found @ count == pytest.approx(3.0)
    # Variance: mean + mean^2 / shape.
    assert found @ (count - 3.0) ** 2 == pytest.approx(3.0 + 9.0 / 11.0)


@given(
    st.integers(0, 364),
    st.lists(st.integers(0, 364), max_size=30),
    st.lists(st.integers(0, 364), max_size=4),
    st.sampled_from(Period),
)
def test_expect_events__probabilities_always(day: int, seen: list[int], declared: list[int], period: Period) -> None:
    today = SEASON.first + timedelta(days=day)
    known = Occasions(
        today,
        SEASON,
        tuple(SEASON.first + timedelta(days=d) for d in seen if d <= day),
        tuple(SEASON.first + timedelta(days=d) for d in declared if d >= day),
    )

    probabilities = expect_events(period, known, PRIOR).probabilities()

    assert probabilities.sum() == pytest.approx(1.0)
    assert (probabilities >= 0).all()
