"""Averaging baselines: golden cases worked by hand, exclusions, sufficiency, and properties."""

from datetime import UTC, date, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpp.domain.baseline import (
    Baseline,
    BaselineMethod,
    BaselineRule,
    Insufficient,
    declared_baseline,
    estimate_baselines,
    quantise_w,
)
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, Floats, LoadHistory
from vpp.domain.timegrid import TimeGrid
from vpp.domain.working_days import WorkingDays, days_between, weekends_only

EVENT_DAY = date(2026, 7, 20)  # a Monday
FIRST_DAY = EVENT_DAY - timedelta(days=50)
DAYS = days_between(FIRST_DAY, EVENT_DAY)
CALENDAR = weekends_only(DAYS, [date(2026, 6, 19)])
EVENT = EventHours(EVENT_DAY, np.arange(56, 64))  # 14:00-16:00
LAST5 = BaselineRule(BaselineMethod.LAST5_NORMAL_DAYS)
TOP5 = BaselineRule(BaselineMethod.TOP5_OF_10)


def history_of_levels(levels: dict[date, float]) -> LoadHistory:
    """One meter that draws the day's level all day; 0 kW on days not named."""
    power_kw = np.zeros((1, len(DAYS), 96))
    for day, level in levels.items():
        power_kw[0, DAYS.index(day)] = level
    return LoadHistory.of(["m"], DAYS, power_kw)


def working_days_back(count: int, calendar: WorkingDays = CALENDAR) -> list[date]:
    """The ``count`` working days before the event, latest first."""
    working = [day for day, is_working in zip(DAYS, calendar.working_mask(DAYS), strict=True) if is_working]
    return [day for day in reversed(working) if day < EVENT_DAY][:count]


def only(history: LoadHistory, rule: BaselineRule, event: EventHours = EVENT) -> Baseline:
    outcome = estimate_baselines(history, CALENDAR, event, rule).outcome(0)
    assert isinstance(outcome, Baseline)
    return outcome


def test_last5_normal_days__golden() -> None:
    # Fri 17, Thu 16, Wed 15, Tue 14, Mon 13 July at 10, 20, 30, 40, 50 kW: (10 + 20 + 30 + 40 + 50) / 5 = 30 kW.
    # Sat 18 and Sun 19 at 900 kW and Fri 10 at 700 kW must not enter.
    levels = dict(zip(working_days_back(6), [10.0, 20, 30, 40, 50, 700], strict=True))
    levels |= {date(2026, 7, 18): 900.0, date(2026, 7, 19): 900.0}

    baseline = only(history_of_levels(levels), LAST5)

    assert baseline.kw.tolist() == [30.0] * 8
    assert baseline.days_used == tuple(date(2026, 7, day) for day in (13, 14, 15, 16, 17))
    assert baseline.adjustment == "none"


def test_top5_of_10__golden() -> None:
    # The window ends on d-2 = Sat 18, so Fri 17 enters: the 10 working days 6..17 July at 1..10 kW, latest highest.
    # Five highest: 10, 9, 8, 7, 6 -> 40 / 5 = 8 kW. Fri 3 July at 99 kW is the 11th and must not enter.
    levels = dict(zip(working_days_back(11), [10.0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 99], strict=True))

    baseline = only(history_of_levels(levels), TOP5)

    assert baseline.kw.tolist() == [8.0] * 8
    assert baseline.days_used == tuple(sorted(working_days_back(5)))


def test_top5_of_10__leaves_out_the_day_before_the_event() -> None:
    event = EventHours(date(2026, 7, 17), np.arange(56, 64))  # a Friday: Thu 16 is d-1, Wed 15 is d-2
    levels = dict.fromkeys(working_days_back(15), 10.0) | {date(2026, 7, 16): 1000.0}

    baseline = only(history_of_levels(levels), TOP5, event)

    assert date(2026, 7, 16) not in baseline.days_used
    assert baseline.kw.tolist() == [10.0] * 8


def test_top5_of_10__ranks_by_energy_in_the_event_hours_only() -> None:
    days = working_days_back(10)
    history = history_of_levels(dict.fromkeys(days, 10.0))
    for day in days[:5]:
        history.power_kw[0, DAYS.index(day), :40] = 500.0  # high mornings do not count
    for day in days[5:]:
        history.power_kw[0, DAYS.index(day), 56:64] = 20.0

    assert only(history, TOP5).days_used == tuple(sorted(days[5:]))


def test_estimate_baselines__make_up_saturday_counts_as_working_day() -> None:
    saturday = date(2026, 7, 18)
    types = {**CALENDAR.types, saturday: CALENDAR.types[EVENT_DAY]}

    table = estimate_baselines(history_of_levels({}), WorkingDays("test", types), EVENT, LAST5)

    outcome = table.outcome(0)
    assert isinstance(outcome, Baseline)
    assert saturday in outcome.days_used


@pytest.mark.parametrize("cause", ["event", "outage", "incomplete"])
def test_estimate_baselines__drops_disturbed_days_and_refills(cause: str) -> None:
    latest = working_days_back(1)[0]
    history = history_of_levels(dict.fromkeys(working_days_back(6), 10.0) | {latest: 1000.0})
    column = DAYS.index(latest)
    match cause:
        case "event":
            history.event_days[0, column] = True
        case "outage":
            history.outage_days[0, column] = True
        case _:
            history.power_kw[0, column, 60] = np.nan

    baseline = only(history, LAST5)

    assert latest not in baseline.days_used
    assert baseline.kw.tolist() == [10.0] * 8


def test_estimate_baselines__a_gap_outside_the_hours_that_are_read_excludes_nothing() -> None:
    latest = working_days_back(1)[0]
    history = history_of_levels({})
    history.power_kw[0, DAYS.index(latest), 3] = np.nan

    assert latest in only(history, LAST5).days_used


def test_estimate_baselines__declines_with_counts_when_too_few_days_remain() -> None:
    history = history_of_levels({})
    back = working_days_back(40)
    reach = [day for day in back if (EVENT_DAY - day).days <= 45]
    for day in reach[4:7]:
        history.event_days[0, DAYS.index(day)] = True
    for day in reach[7:]:
        history.power_kw[0, DAYS.index(day)] = np.nan

    table = estimate_baselines(history, CALENDAR, EVENT, LAST5)

    outcome = table.outcome(0)
    assert isinstance(outcome, Insufficient)
    assert outcome.reason == (
        "4 usable working days in the 45 days before 2026-07-20, last5_normal_days needs 5 "
        f"(dropped: 3 event days, {len(reach) - 7} incomplete days)"
    )
    assert np.isnan(table.kw).all()
    assert not table.sufficient.any()


def test_estimate_baselines__does_not_look_back_beyond_its_limit() -> None:
    rule = BaselineRule(BaselineMethod.LAST5_NORMAL_DAYS, lookback_days=6)  # Tue 14 to Fri 17 only

    outcome = estimate_baselines(history_of_levels({}), CALENDAR, EVENT, rule).outcome(0)

    assert isinstance(outcome, Insufficient)
    assert outcome.reason.startswith("4 usable working days in the 6 days before 2026-07-20")


def test_estimate_baselines__sufficiency_is_per_meter() -> None:
    power_kw = np.full((2, len(DAYS), 96), 5.0)
    power_kw[1] = np.nan
    history = LoadHistory.of(["good", "silent"], DAYS, power_kw)

    table = estimate_baselines(history, CALENDAR, EVENT, LAST5)

    assert table.sufficient.tolist() == [True, False]
    assert [type(outcome) for outcome in table] == [Baseline, Insufficient]


def test_estimate_baselines__says_when_the_event_day_is_no_working_day() -> None:
    sunday = EventHours(date(2026, 7, 19), np.arange(56, 64))

    table = estimate_baselines(history_of_levels({}), CALENDAR, sunday, LAST5)

    assert table.findings == ("event day 2026-07-19 is a weekend, the averaged days are working days",)


def test_estimate_baselines__whole_day_output_keeps_the_days_of_the_event() -> None:
    grid = TimeGrid(datetime(2026, 7, 20, 6, tzinfo=UTC), 8)
    event = EventHours.of_grid(grid, whole_day=True)
    history = history_of_levels(dict.fromkeys(working_days_back(5), 10.0))
    history.power_kw[0, [DAYS.index(day) for day in working_days_back(5)], 5] = np.nan

    outcome = only(history, LAST5, event)

    assert event.slots.tolist() == list(range(56, 64))
    assert outcome.kw.shape == (96,)
    assert np.isnan(outcome.kw[5])
    assert outcome.findings == ("1 slots outside the event have no reading on any averaged day",)


def test_estimate_baselines__without_any_history() -> None:
    history = LoadHistory.of(["m"], [], np.zeros((1, 0, 96)))

    assert isinstance(estimate_baselines(history, CALENDAR, EVENT, TOP5).outcome(0), Insufficient)


def test_estimate_baselines__refuses_a_method_without_days() -> None:
    with pytest.raises(InputError, match="'declared_schedule' averages no days: it needs a declared schedule"):
        estimate_baselines(history_of_levels({}), CALENDAR, EVENT, BaselineRule(BaselineMethod.DECLARED_SCHEDULE))


def test_declared_baseline__is_the_schedule_or_nothing() -> None:
    declared = declared_baseline(np.array([-5.0, 0.0]))
    missing = declared_baseline(np.array([1.0, np.nan]))

    assert isinstance(declared, Baseline)
    assert declared.kw.tolist() == [-5.0, 0.0]
    assert missing == Insufficient("the declared schedule has missing intervals", ())


def test_quantise_w__whole_watts_and_nan_stays() -> None:
    watts = quantise_w(np.array([1.2344, -0.0006, np.nan]))

    assert watts[:2].tolist() == [1234.0, -1.0]
    assert np.isnan(watts[2])


@st.composite
def loads(draw: st.DrawFn) -> NDArray[np.float64]:
    """Shape (meters, days, 24) with gaps, all days in reach."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    power_kw = generator.lognormal(3, 1, (draw(st.integers(1, 6)), len(DAYS), 24))
    power_kw[generator.random(power_kw.shape) < draw(st.sampled_from([0.0, 0.01, 0.1]))] = np.nan
    return power_kw


RULES = st.builds(
    BaselineRule,
    st.sampled_from([BaselineMethod.LAST5_NORMAL_DAYS, BaselineMethod.TOP5_OF_10]),
    st.builds(AdjustmentRule, st.sampled_from(AdjustmentKind), st.sampled_from([None, 0.0, 0.05, 0.2, 0.4])),
)
HOURS = EventHours(EVENT_DAY, np.arange(14, 18))


def estimate(power_kw: Floats, rule: BaselineRule) -> Floats:
    history = LoadHistory.of([str(i) for i in range(len(power_kw))], DAYS, power_kw)
    return estimate_baselines(history, CALENDAR, HOURS, rule).kw


@settings(max_examples=60, deadline=None)
@given(loads(), RULES, st.randoms(use_true_random=False))
def test_estimate_baselines__order_of_meters_changes_nothing(
    power_kw: Floats, rule: BaselineRule, random: Random
) -> None:
    order = list(range(len(power_kw)))
    random.shuffle(order)

    np.testing.assert_array_equal(estimate(power_kw[order], rule), estimate(power_kw, rule)[order])


@settings(max_examples=60, deadline=None)
@given(loads(), RULES, st.floats(0.01, 1000))
def test_estimate_baselines__scales_with_the_load(power_kw: Floats, rule: BaselineRule, factor: float) -> None:
    np.testing.assert_allclose(estimate(power_kw * factor, rule), estimate(power_kw, rule) * factor, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(loads(), RULES, st.integers(0, 44), st.sampled_from(["event", "outage", "incomplete"]))
def test_estimate_baselines__an_excluded_day_changes_nothing(
    power_kw: Floats, rule: BaselineRule, position: int, cause: str
) -> None:
    ids = [str(i) for i in range(len(power_kw))]
    days = DAYS[:position] + DAYS[position + 1 :]
    without = LoadHistory.of(ids, days, np.delete(power_kw, position, axis=1))
    changed = power_kw.copy()
    changed[:, position] = np.nan if cause == "incomplete" else 1e6
    flags = np.zeros(power_kw.shape[:2], dtype=np.bool_)
    flags[:, position] = True
    empty = np.zeros_like(flags)
    added = LoadHistory(
        tuple(ids), DAYS, changed, flags if cause == "event" else empty, flags if cause == "outage" else empty
    )

    np.testing.assert_array_equal(
        estimate_baselines(added, CALENDAR, HOURS, rule).kw, estimate_baselines(without, CALENDAR, HOURS, rule).kw
    )


@settings(max_examples=100, deadline=None)
@given(loads(), RULES)
def test_estimate_baselines__adjustment_never_exceeds_the_cap(power_kw: Floats, rule: BaselineRule) -> None:
    history = LoadHistory.of([str(i) for i in range(len(power_kw))], DAYS, power_kw)

    table = estimate_baselines(history, CALENDAR, HOURS, rule)

    moved = np.abs(table.kw.mean(axis=1) - table.unadjusted_kw.mean(axis=1))[table.sufficient]
    level = np.abs(table.unadjusted_kw.mean(axis=1))[table.sufficient]
    cap = rule.adjustment.cap_fraction if rule.adjustment.kind is not AdjustmentKind.NONE else 0.0
    if cap is not None:
        assert (moved <= cap * level * (1 + 1e-9) + 1e-9).all()
