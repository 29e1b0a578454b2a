"""Same-day adjustment: sizes worked by hand, caps, and what happens without readings."""

from datetime import date, timedelta

import numpy as np
import pytest

from vpp.domain.baseline import Baseline, BaselineMethod, BaselineRule, estimate_baselines
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, LoadHistory
from vpp.domain.working_days import days_between, weekends_only

EVENT_DAY = date(2026, 7, 20)
DAYS = days_between(EVENT_DAY - timedelta(days=20), EVENT_DAY)
CALENDAR = weekends_only(DAYS)
EVENT = EventHours(EVENT_DAY, np.arange(56, 64))  # 14:00-16:00, so the window is 10:00-13:00, slots 40-51
WINDOW = slice(40, 52)


def history(seen_kw: float, usual_kw: float = 100.0, event_hours_kw: float = 200.0) -> LoadHistory:
    """Past days at ``usual_kw``, at ``event_hours_kw`` from 14 to 16 h; the event day at ``seen_kw`` in the window."""
    power_kw = np.full((1, len(DAYS), 96), usual_kw)
    power_kw[0, :, 56:64] = event_hours_kw
    power_kw[0, -1] = np.nan
    power_kw[0, -1, WINDOW] = seen_kw
    return LoadHistory.of(["m"], DAYS, power_kw)


def adjusted(past: LoadHistory, rule: AdjustmentRule, event: EventHours = EVENT) -> Baseline:
    outcome = estimate_baselines(past, CALENDAR, event, BaselineRule(BaselineMethod.LAST5_NORMAL_DAYS, rule)).outcome(0)
    assert isinstance(outcome, Baseline)
    return outcome


@pytest.mark.parametrize(
    ("kind", "cap", "seen_kw", "expected_kw", "words"),
    [
        # 130 - 100 = +30 kW onto 200 kW
        (AdjustmentKind.ADDITIVE, None, 130.0, 230.0, "additive +30.000 kW"),
        # the cap is 0.1 of the event's mean of 200 kW = 20 kW
        (AdjustmentKind.ADDITIVE, 0.1, 130.0, 220.0, "additive +20.000 kW"),
        (AdjustmentKind.ADDITIVE, 0.1, 10.0, 180.0, "additive -20.000 kW"),
        # 130 / 100 = 1.3 times 200 kW
        (AdjustmentKind.MULTIPLICATIVE, None, 130.0, 260.0, "multiplicative x 1.3000"),
        (AdjustmentKind.MULTIPLICATIVE, 0.2, 130.0, 240.0, "multiplicative x 1.2000"),
        (AdjustmentKind.MULTIPLICATIVE, 0.2, 10.0, 160.0, "multiplicative x 0.8000"),
        (AdjustmentKind.NONE, None, 130.0, 200.0, "none"),
    ],
)
def test_same_day_adjustment__golden(
    kind: AdjustmentKind, cap: float | None, seen_kw: float, expected_kw: float, words: str
) -> None:
    baseline = adjusted(history(seen_kw), AdjustmentRule(kind, cap))

    np.testing.assert_allclose(baseline.kw, expected_kw)
    assert baseline.adjustment == words


def test_same_day_adjustment__a_reached_cap_is_a_finding() -> None:
    baseline = adjusted(history(130.0), AdjustmentRule(AdjustmentKind.ADDITIVE, 0.1))

    assert baseline.findings[-1] == "adjustment held at its cap of 10%"


def test_same_day_adjustment__never_pushes_a_consumer_below_zero() -> None:
    baseline = adjusted(history(0.0, usual_kw=300.0), AdjustmentRule(AdjustmentKind.ADDITIVE))

    assert baseline.kw.tolist() == [0.0] * 8


def test_same_day_adjustment__gap_hour_and_event_hours_are_not_read() -> None:
    past = history(130.0)
    past.power_kw[0, -1, 52:] = 9999.0

    np.testing.assert_allclose(adjusted(past, AdjustmentRule(AdjustmentKind.ADDITIVE)).kw, 230.0)


def test_same_day_adjustment__leaves_out_a_few_missing_readings_on_both_sides() -> None:
    past = history(130.0)
    past.power_kw[0, :-1, 40:44] = 40.0  # the usual day is lower where the event day has no readings
    past.power_kw[0, -1, 40:44] = np.nan

    np.testing.assert_allclose(adjusted(past, AdjustmentRule(AdjustmentKind.ADDITIVE)).kw, 230.0)


def test_same_day_adjustment__without_readings_stays_unadjusted_and_says_so() -> None:
    past = history(130.0)
    past.power_kw[0, -1, 40:47] = np.nan  # 5 of 12 are left

    baseline = adjusted(past, AdjustmentRule(AdjustmentKind.ADDITIVE))

    np.testing.assert_allclose(baseline.kw, 200.0)
    assert baseline.findings[-1] == "not adjusted: fewer than half of the readings before the event are there"


def test_same_day_adjustment__window_before_midnight_is_not_there() -> None:
    event = EventHours(EVENT_DAY, np.arange(8, 12))

    baseline = adjusted(history(130.0), AdjustmentRule(AdjustmentKind.ADDITIVE), event)

    assert baseline.findings[-1].startswith("not adjusted")


def test_same_day_adjustment__no_ratio_without_consumption() -> None:
    baseline = adjusted(history(130.0, usual_kw=0.0), AdjustmentRule(AdjustmentKind.MULTIPLICATIVE))

    assert baseline.kw.tolist() == [200.0] * 8
    assert baseline.findings[-1] == "not adjusted: the averaged days show no consumption before the event"


def test_same_day_adjustment__gaming_the_window_is_bounded_by_the_cap() -> None:
    honest = adjusted(history(100.0), AdjustmentRule(AdjustmentKind.ADDITIVE, 0.1)).kw
    gamed = adjusted(history(130.0), AdjustmentRule(AdjustmentKind.ADDITIVE, 0.1)).kw

    assert (gamed - honest <= 0.1 * 200.0 + 1e-9).all()


@pytest.mark.parametrize(
    ("window_h", "gap_h", "cap", "message"),
    [
        (0.0, 1.0, None, "adjustment window 0.0 h is not > 0 h"),
        (3.0, -1.0, None, "adjustment gap -1.0 h is not >= 0 h"),
        (3.0, 1.0, -0.2, "adjustment cap -0.2 is not a share >= 0"),
        (3.0, 1.0, float("nan"), "adjustment cap nan is not a share >= 0"),
    ],
)
def test_adjustment_rule__refuses(window_h: float, gap_h: float, cap: float | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        AdjustmentRule(AdjustmentKind.ADDITIVE, cap, window_h, gap_h)


def test_window_slots__must_be_whole_slots() -> None:
    rule = AdjustmentRule(AdjustmentKind.ADDITIVE, window_h=2.5)

    with pytest.raises(InputError, match=r"window 2\.5 h and gap 1\.0 h must be whole multiples of 1\.0 h"):
        rule.window_slots(EventHours(EVENT_DAY, np.arange(14, 16)), 1.0)
