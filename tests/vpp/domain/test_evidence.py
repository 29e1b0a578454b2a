"""Placebo tests: figures worked by hand, no peeking, and the margin for a plan."""

import math
from datetime import date, timedelta

import numpy as np
import pytest

from vpp.domain.baseline import BaselineMethod, BaselineRule
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError
from vpp.domain.evidence import (
    Accuracy,
    accuracy,
    choose_placebo_days,
    join_tests,
    placebo_test,
    portfolio_sigma_kw,
    uncertainty_note,
)
from vpp.domain.load_history import EventHours, LoadHistory
from vpp.domain.working_days import days_between, weekends_only

EVENT_DAY = date(2026, 7, 20)
DAYS = days_between(EVENT_DAY - timedelta(days=45), EVENT_DAY - timedelta(days=1))
CALENDAR = weekends_only([*DAYS, EVENT_DAY])
SLOTS = np.arange(14, 18)
EVENT = EventHours(EVENT_DAY, SLOTS)
LAST5 = BaselineRule(BaselineMethod.LAST5_NORMAL_DAYS)
ADDITIVE = BaselineRule(BaselineMethod.LAST5_NORMAL_DAYS, AdjustmentRule(AdjustmentKind.ADDITIVE))
HOT = [date(2026, 7, 8), date(2026, 7, 15)]


def hot_history() -> LoadHistory:
    """Two meters at 100 and 200 kW, on hot days 20 kW above that all day."""
    power_kw = np.empty((2, len(DAYS), 24))
    power_kw[0], power_kw[1] = 100.0, 200.0
    for day in HOT:
        power_kw[:, DAYS.index(day)] += 20.0
    return LoadHistory.of(["a", "b"], DAYS, power_kw)


def test_placebo_test__golden() -> None:
    # Each hot day is estimated from 5 ordinary ones (8 July is excluded as an earlier event): a is 100 against 120 kW.
    test = placebo_test(hot_history(), CALENDAR, SLOTS, HOT, ADDITIVE)

    raw = test.per_meter(adjusted=False)["a"]
    assert raw is not None
    assert raw.bias_percent == pytest.approx(-100 * 20 / 120)
    assert raw.cvrmse_percent == pytest.approx(100 * 20 / 120)
    assert raw.mape_percent == pytest.approx(100 * 20 / 120)
    assert raw.samples == 8
    portfolio = test.portfolio(adjusted=False)
    assert portfolio is not None
    assert portfolio.bias_percent == pytest.approx(-100 * 40 / 340)
    adjusted = test.portfolio(adjusted=True)
    assert adjusted is not None
    assert adjusted.cvrmse_percent == pytest.approx(0.0, abs=1e-9)


def test_portfolio_sigma_kw__of_a_subset() -> None:
    test = placebo_test(hot_history(), CALENDAR, SLOTS, HOT, LAST5)

    assert portfolio_sigma_kw(test, ["a"]) == pytest.approx(20.0)
    assert portfolio_sigma_kw(test, ["a", "b"]) == pytest.approx(40.0)


def test_portfolio_sigma_kw__independent_errors_add_in_squares() -> None:
    generator = np.random.default_rng(1)
    power_kw = 100 + generator.normal(0, 5, (100, len(DAYS), 24))
    ids = [str(i) for i in range(100)]
    test = placebo_test(LoadHistory.of(ids, DAYS, power_kw), CALENDAR, SLOTS, DAYS[20:40], LAST5)

    sigma_kw = portfolio_sigma_kw(test, ids)

    assert sigma_kw == pytest.approx(5 * math.sqrt(1 + 1 / 5) * 10, rel=0.25)


def test_placebo_test__missing_days_are_left_out_not_zero() -> None:
    history = hot_history()
    history.power_kw[0, DAYS.index(HOT[1]), 15] = np.nan
    history.outage_days[1, DAYS.index(HOT[1])] = True

    test = placebo_test(history, CALENDAR, SLOTS, HOT, LAST5)

    assert np.isnan(test.error_kw[0, 1, 1])
    assert np.isnan(test.error_kw[1, 1]).all()
    portfolio = test.portfolio(adjusted=False)
    assert portfolio is not None
    assert portfolio.samples == 4
    assert portfolio.bias_percent == pytest.approx(-100 * 40 / 340)


def test_placebo_test__without_enough_history_has_no_figure() -> None:
    test = placebo_test(hot_history(), CALENDAR, SLOTS, [DAYS[1]], LAST5)

    assert test.portfolio(adjusted=True) is None
    assert portfolio_sigma_kw(test, ["a"]) is None


def test_placebo_test__refuses_a_day_outside_the_history() -> None:
    with pytest.raises(InputError, match="placebo day 2026-07-20 is not in the load history"):
        placebo_test(hot_history(), CALENDAR, SLOTS, [EVENT_DAY], LAST5)


def test_choose_placebo_days__by_load_and_by_temperature() -> None:
    temperature_c = np.full(len(DAYS), 25.0)
    temperature_c[DAYS.index(date(2026, 7, 9))] = 38.0

    by_load = choose_placebo_days(hot_history(), CALENDAR, EVENT)
    by_heat = choose_placebo_days(hot_history(), CALENDAR, EVENT, share=0.01, temperature_c=temperature_c)

    assert set(HOT) <= set(by_load)
    assert by_heat == (date(2026, 7, 9),)


def test_choose_placebo_days__passes_over_real_events() -> None:
    history = hot_history()
    history.event_days[0, DAYS.index(HOT[0])] = True

    assert HOT[0] not in choose_placebo_days(history, CALENDAR, EVENT)


def test_choose_placebo_days__refuses_a_share_outside_its_range() -> None:
    with pytest.raises(InputError, match=r"share of placebo days 0 is not in \(0, 1\]"):
        choose_placebo_days(hot_history(), CALENDAR, EVENT, share=0)


def test_accuracy__of_no_load_is_none() -> None:
    assert accuracy(np.array([1.0]), np.array([0.0])) is None
    assert accuracy(np.array([np.nan]), np.array([np.nan])) is None


def test_uncertainty_note__says_the_figures_or_that_there_are_none() -> None:
    assert uncertainty_note(Accuracy(-1.04, 3.44, 2.8, 48), 12) == (
        "on 12 placebo days the baseline was off by -1.0 % of load on average, CV(RMSE) 3.4 %"
    )
    assert uncertainty_note(None, 0) == "no placebo day could test the baseline: its uncertainty is not known"


def test_join_tests__different_rules_make_one_portfolio() -> None:
    whole = placebo_test(hot_history(), CALENDAR, SLOTS, HOT, LAST5)

    joined = join_tests([whole.of(["a"]), whole.of(["b"])])

    assert joined.portfolio(adjusted=False) == whole.portfolio(adjusted=False)


def test_join_tests__refuses_what_does_not_fit() -> None:
    first = placebo_test(hot_history(), CALENDAR, SLOTS, HOT, LAST5)
    other = placebo_test(hot_history(), CALENDAR, SLOTS, HOT[:1], LAST5)

    with pytest.raises(InputError, match="must be for the same days and hours"):
        join_tests([first, other])
    with pytest.raises(InputError, match="no placebo test to join"):
        join_tests([])
