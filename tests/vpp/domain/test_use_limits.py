"""Calls per day, week and season, and rest between them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.errors import InputError
from vpp.domain.use_limits import (
    RESTING,
    USED_UP,
    Allowance,
    Call,
    Period,
    Season,
    UseTerms,
    allowance,
    last_day,
    season_of,
)

MONDAY = datetime(2026, 7, 20, 3, tzinfo=UTC)
SEASON = Season(date(2026, 6, 1), date(2026, 9, 30))


def call(days: int, hours: float = 0.0, length_h: float = 1.0) -> Call:
    start = MONDAY + timedelta(days=days, hours=hours)
    return Call(start, start + timedelta(hours=length_h))


def test_allowance__counts_what_is_left_per_period() -> None:
    terms = UseTerms(calls_per_day=2, calls_per_week=5, calls_per_season=20)
    past = [call(-30), call(-1), call(0), call(1)]

    # Tuesday's second event: one call today, two this week, four this season; Sunday was last week's.
    found = allowance(terms, past, call(1, hours=4.0), SEASON)

    assert found == Allowance(None, {Period.DAY: 1, Period.WEEK: 3, Period.SEASON: 16})


@pytest.mark.parametrize(
    ("terms", "past"),
    [
        (UseTerms(calls_per_day=1), [call(2)]),
        (UseTerms(calls_per_week=2), [call(0), call(1)]),
        (UseTerms(calls_per_season=3), [call(-40), call(-20), call(-10)]),
        (UseTerms(calls_per_day=0), []),
    ],
)
def test_allowance__used_up(terms: UseTerms, past: list[Call]) -> None:
    assert allowance(terms, past, call(2, hours=4.0), SEASON).why_not == USED_UP


def test_allowance__another_season_does_not_count() -> None:
    assert allowance(UseTerms(calls_per_season=1), [call(-60)], call(0), SEASON).why_not is None


def test_allowance__rests_before_and_after() -> None:
    terms = UseTerms(rest_h=3.0)

    # From 11 h to 12 h called: free again at 15 h, to the minute.
    assert allowance(terms, [call(0)], call(0, hours=3.75), SEASON).why_not == RESTING
    assert allowance(terms, [call(0)], call(0, hours=4.0), SEASON).why_not is None
    # A call already commanded for later is kept clear of, too.
    assert allowance(terms, [call(0, hours=4.0)], call(0, hours=0.25), SEASON).why_not == RESTING
    assert allowance(terms, [call(0, hours=4.0)], call(0), SEASON).why_not is None


def test_use_terms__contract_may_only_be_tighter() -> None:
    program = UseTerms(2, None, 40, 1.0)

    assert program.and_also(UseTerms(3, 4, 10, 0.5)) == UseTerms(2, 4, 10, 1.0)
    assert program.and_also(UseTerms()) == program


def test_use_terms__refuses_what_is_no_limit() -> None:
    with pytest.raises(InputError, match="terms of use: -1 calls per week, expected 0 or more"):
        UseTerms(calls_per_week=-1)
    with pytest.raises(InputError, match="terms of use: rest of nan h, expected a finite number >= 0"):
        UseTerms(rest_h=float("nan"))


def test_season_of__programmes_term_or_calendar_year() -> None:
    day = date(2026, 7, 20)

    assert season_of(day, date(2026, 7, 1), date(2026, 8, 31)) == Season(date(2026, 7, 1), date(2026, 8, 31))
    assert season_of(day, date(2026, 7, 1), None) == Season(date(2026, 1, 1), date(2026, 12, 31))
    assert last_day(Period.WEEK, day, SEASON) == date(2026, 7, 26)
    assert last_day(Period.SEASON, day, SEASON) == date(2026, 9, 30)
    assert last_day(Period.DAY, day, SEASON) == day


@given(
    st.lists(st.tuples(st.integers(-20, 20), st.sampled_from([0.0, 4.0])), unique=True, max_size=12),
    st.builds(UseTerms, st.integers(0, 2), st.integers(0, 6), st.integers(0, 12), st.sampled_from([0.0, 2.0, 30.0])),
)
def test_allowance__taking_only_what_is_allowed_breaks_no_limit(at: list[tuple[int, float]], terms: UseTerms) -> None:
    taken: list[Call] = []
    for days, hours in at:
        window = call(days, hours)
        if allowance(terms, taken, window, SEASON).why_not is None:
            taken.append(window)

    for period in Period:
        for window in taken:
            left = allowance(terms, taken, window, SEASON).calls_left
            assert left[period] >= 0
    ordered = sorted(taken)
    rest = timedelta(hours=terms.rest_h)
    assert all(first.end + rest <= second.start for first, second in pairwise(ordered))
