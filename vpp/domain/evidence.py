"""How good a baseline rule is: pretend events on days without one, where the meter shows the true counterfactual.

Each placebo day is treated as an event day by the very same rule, with the earlier placebo days excluded like real
events, so that the figures hold for the season as it would have been called. ``error = baseline - metered``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from vpp.domain.baseline import BaselineRule, estimate_baselines
from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, Floats, LoadHistory, Slots
from vpp.domain.working_days import WorkingDays

MIN_PRIOR_WORKING_DAYS = 10
PEAK_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Errors relative to the metered load, in percent.

    Attributes:
        bias_percent: Sum of errors over sum of load; positive flatters a curtailment.
        cvrmse_percent: Root mean square error over mean load.
        mape_percent: Mean absolute relative error, readings of 0 left out.
        samples: Intervals that entered.
    """

    bias_percent: float
    cvrmse_percent: float
    mape_percent: float
    samples: int


@dataclass(frozen=True, slots=True, eq=False)
class PlaceboTest:
    """Baselines against meters on placebo days.

    Attributes:
        error_kw: Shape (meters, placebo days, T), ``nan`` where baseline or reading is missing.
        unadjusted_error_kw: The same before the same-day adjustment.
        metered_kw: Same shape.
    """

    meter_ids: tuple[str, ...]
    days: tuple[date, ...]
    slots: Slots
    error_kw: Floats
    unadjusted_error_kw: Floats
    metered_kw: Floats

    def errors(self, *, adjusted: bool) -> Floats:
        """``error_kw`` or ``unadjusted_error_kw``."""
        return self.error_kw if adjusted else self.unadjusted_error_kw

    def of(self, meter_ids: Sequence[str]) -> "PlaceboTest":
        """The part of ``meter_ids``, in their order."""
        place = {meter_id: row for row, meter_id in enumerate(self.meter_ids)}
        rows = [place[meter_id] for meter_id in meter_ids]
        return replace(
            self,
            meter_ids=tuple(meter_ids),
            error_kw=self.error_kw[rows],
            unadjusted_error_kw=self.unadjusted_error_kw[rows],
            metered_kw=self.metered_kw[rows],
        )

    def portfolio(self, *, adjusted: bool) -> Accuracy | None:
        """Accuracy of the meters' sum; ``None`` without a single common reading."""
        total, load = self._sums(adjusted=adjusted)
        return accuracy(total, load)

    def per_meter(self, *, adjusted: bool) -> dict[str, Accuracy | None]:
        """Accuracy of each meter by itself."""
        errors = self.errors(adjusted=adjusted)
        return {meter_id: accuracy(errors[row], self.metered_kw[row]) for row, meter_id in enumerate(self.meter_ids)}

    def _sums(self, *, adjusted: bool) -> tuple[Floats, Floats]:
        """Summed error and load, shape (days, T), over the meters that are there on the whole day; ``nan`` for none."""
        errors = self.errors(adjusted=adjusted)
        there = np.isfinite(errors).all(axis=2, keepdims=True)
        none = ~there.any(axis=0)
        total = np.where(none, np.nan, np.where(there, errors, 0.0).sum(axis=0))
        load = np.where(none, np.nan, np.where(there, self.metered_kw, 0.0).sum(axis=0))
        return total, load


def accuracy(error_kw: Floats, metered_kw: Floats) -> Accuracy | None:
    """Accuracy over all intervals where both arrays (of one shape) are finite; ``None`` when the load sums to 0."""
    there = np.isfinite(error_kw) & np.isfinite(metered_kw)
    error, load = error_kw[there], metered_kw[there]
    total = float(load.sum())
    if not load.size or total == 0:
        return None
    nonzero = load != 0
    return Accuracy(
        bias_percent=100 * float(error.sum()) / total,
        cvrmse_percent=100 * math.sqrt(float(np.mean(error**2))) / abs(float(load.mean())),
        mape_percent=100 * float(np.mean(np.abs(error[nonzero] / load[nonzero]))),
        samples=int(load.size),
    )


def uncertainty_note(accuracy_seen: Accuracy | None, placebo_days: int) -> str:
    """The sentence on a statement that says how far its baseline may be off."""
    if accuracy_seen is None:
        return "no placebo day could test the baseline: its uncertainty is not known"
    return (
        f"on {placebo_days} placebo days the baseline was off by {accuracy_seen.bias_percent:+.1f} % of load "
        f"on average, CV(RMSE) {accuracy_seen.cvrmse_percent:.1f} %"
    )


def choose_placebo_days(
    history: LoadHistory,
    calendar: WorkingDays,
    event: EventHours,
    *,
    share: float = PEAK_SHARE,
    temperature_c: Floats | None = None,
) -> tuple[date, ...]:
    """The working days before the event that are most like an event day, ascending.

    Args:
        history: Days with a real event or outage on any meter are passed over.
        calendar: Tells working days.
        event: Its hours rank the days; only days before ``event.day`` with at least 10 working days before them count.
        share: Part of the days to choose, in (0, 1]; at least one day.
        temperature_c: Shape (days,): rank by it rather than by the summed load over the event's hours.

    Raises:
        InputError: ``share`` is outside (0, 1].
    """
    if not 0 < share <= 1:
        raise InputError(f"share of placebo days {share} is not in (0, 1]")
    working = np.flatnonzero(calendar.working_mask(history.days))
    clean = ~np.asarray((history.event_days | history.outage_days).any(axis=0))
    days = [int(i) for i in working[MIN_PRIOR_WORKING_DAYS:] if clean[i] and history.days[i] < event.day]
    if not days:
        return ()
    if temperature_c is None:
        kw = history.power_kw[:, np.array(days)[:, None], event.slots[None, :]].astype(np.float64)
        score = np.where(np.isfinite(kw), kw, 0.0).sum(axis=(0, 2))
    else:
        score = np.where(np.isfinite(temperature_c[days]), temperature_c[days], -np.inf)
    best = np.argsort(-score, kind="stable")[: max(1, math.ceil(share * len(days)))]
    return tuple(sorted(history.days[days[i]] for i in best))


def placebo_test(
    history: LoadHistory, calendar: WorkingDays, slots: Slots, days: Sequence[date], rule: BaselineRule
) -> PlaceboTest:
    """The rule's errors on ``days`` over ``slots``.

    Raises:
        InputError: a placebo day is not in the history.
    """
    ordered = tuple(sorted(set(days)))
    shape = (len(history.meter_ids), len(ordered), slots.size)
    adjusted, unadjusted, metered = np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    pool = history
    for at, day in enumerate(ordered):
        if day not in history.days:
            raise InputError(f"placebo day {day.isoformat()} is not in the load history")
        column = history.days.index(day)
        table = estimate_baselines(pool, calendar, EventHours(day, slots), rule)
        disturbed = history.event_days[:, column] | history.outage_days[:, column]
        seen = np.where(disturbed[:, None], np.nan, history.power_kw[:, column][:, slots].astype(np.float64))
        metered[:, at] = seen
        adjusted[:, at] = table.kw - seen
        unadjusted[:, at] = table.unadjusted_kw - seen
        answered = pool.event_days.copy()
        answered[:, column] = True
        pool = replace(pool, event_days=answered)
    return PlaceboTest(history.meter_ids, ordered, slots, adjusted, unadjusted, metered)


def join_tests(tests: Sequence[PlaceboTest]) -> PlaceboTest:
    """Tests of different meters, each by its own rule, as one portfolio.

    Raises:
        InputError: none given, or they are for different days or hours.
    """
    if not tests:
        raise InputError("no placebo test to join")
    first = tests[0]
    if any(test.days != first.days or not np.array_equal(test.slots, first.slots) for test in tests):
        raise InputError("placebo tests to join must be for the same days and hours")
    return PlaceboTest(
        tuple(meter_id for test in tests for meter_id in test.meter_ids),
        first.days,
        first.slots,
        np.concatenate([test.error_kw for test in tests]),
        np.concatenate([test.unadjusted_error_kw for test in tests]),
        np.concatenate([test.metered_kw for test in tests]),
    )


def portfolio_sigma_kw(test: PlaceboTest, meter_ids: Sequence[str], *, adjusted: bool = True) -> float | None:
    """Root mean square error of the summed baselines of ``meter_ids``, per interval, bias included.

    It is what a plan must hold above its target for what cannot be measured. ``None`` when no placebo day has any
    of the meters. A meter missing on a day is left out of that day's sum.
    """
    total, _ = test.of(meter_ids)._sums(adjusted=adjusted)  # noqa: SLF001 - same module
    known = total[np.isfinite(total)]
    return math.sqrt(float(np.mean(known**2))) if known.size else None
