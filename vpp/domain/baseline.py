"""Baselines by the averaging rules of the programmes: what a meter would have drawn without the event.

Works on all meters at once. A meter with too few usable days has no baseline, and the outcome says why; nothing missing
ever becomes a zero. Only days before the event and the adjustment window on its day are read.

Rules: ``last5_normal_days`` (Jiangsu 2015: mean of the last 5 normal working days, same hours) and ``top5_of_10``
(Beijing 2015: of the 10 latest working days that end 2 days before the event, the mean of the 5 with the highest energy
over the event's hours). Storage is measured against its declared schedule instead.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vpp.domain.baseline_adjustment import (
    Adjustment,
    AdjustmentKind,
    AdjustmentRule,
    AdjustmentState,
    same_day_adjustment,
)
from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, Floats, LoadHistory, Mask, Slots
from vpp.domain.working_days import DayType, WorkingDays

LOOKBACK_DAYS = 45
W_PER_KW = 1000.0


class BaselineMethod(StrEnum):
    """How the level without an event is found."""

    LAST5_NORMAL_DAYS = "last5_normal_days"
    TOP5_OF_10 = "top5_of_10"
    DECLARED_SCHEDULE = "declared_schedule"


@dataclass(frozen=True, slots=True)
class Averaging:
    """An averaging rule: of the ``candidates`` latest usable days, ``newest_lag_days`` before the event or earlier, the
    ``averaged`` highest by energy over the event's hours.
    """

    candidates: int
    averaged: int
    newest_lag_days: int


AVERAGING = {
    BaselineMethod.LAST5_NORMAL_DAYS: Averaging(candidates=5, averaged=5, newest_lag_days=1),
    BaselineMethod.TOP5_OF_10: Averaging(candidates=10, averaged=5, newest_lag_days=2),
}
"""The methods that average past days."""


@dataclass(frozen=True, slots=True)
class BaselineRule:
    """A programme's choice for one class of meters."""

    method: BaselineMethod
    adjustment: AdjustmentRule = field(default_factory=AdjustmentRule)
    lookback_days: int = LOOKBACK_DAYS


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """One meter's baseline.

    Attributes:
        kw: Shape (output slots,), finite unless a finding names missing slots outside the event.
        days_used: The averaged days, ascending; empty for a declared schedule.
        adjustment: In words, with its size.
    """

    kw: Floats
    method: BaselineMethod
    days_used: tuple[date, ...]
    adjustment: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Insufficient:
    """No baseline can be made; ``reason`` counts what was missing."""

    reason: str
    findings: tuple[str, ...]


BaselineOutcome = Baseline | Insufficient


@dataclass(frozen=True, slots=True, eq=False)
class BaselineTable:
    """Baselines of many meters under one rule.

    Attributes:
        kw: Shape (meters, output slots), ``nan`` in rows that are not ``sufficient``.
        unadjusted_kw: The same before the same-day adjustment.
        sufficient: Shape (meters,).
        used: Shape (meters, averaged): positions in ``days``, ascending; -1 where not sufficient.
        excluded: Shape (meters,) counts of working days in reach that were dropped, by cause.
        usable: Shape (meters,): days left.
        findings: Hold for every meter.
    """

    meter_ids: tuple[str, ...]
    days: tuple[date, ...]
    event: EventHours
    rule: BaselineRule
    kw: Floats
    unadjusted_kw: Floats
    sufficient: Mask
    used: Slots
    adjustment: Adjustment
    usable: NDArray[np.intp]
    excluded: dict[str, NDArray[np.intp]]
    findings: tuple[str, ...]

    def __iter__(self) -> Iterator[BaselineOutcome]:
        return (self.outcome(row) for row in range(len(self.meter_ids)))

    def outcome(self, row: int) -> BaselineOutcome:
        """The outcome of the meter at ``row``, in words."""
        if not self.sufficient[row]:
            return Insufficient(self._shortage(row), self.findings)
        findings = self.findings + self._adjustment_findings(row)
        if not np.isfinite(self.kw[row]).all():
            missing = int((~np.isfinite(self.kw[row])).sum())
            findings += (f"{missing} slots outside the event have no reading on any averaged day",)
        days = tuple(self.days[position] for position in self.used[row])
        return Baseline(self.kw[row], self.rule.method, days, self._adjustment_text(row), findings)

    def _shortage(self, row: int) -> str:
        dropped = ", ".join(f"{counts[row]} {cause}" for cause, counts in self.excluded.items() if counts[row])
        return (
            f"{self.usable[row]} usable working days in the {self.rule.lookback_days} days before "
            f"{self.event.day.isoformat()}, {self.rule.method} needs {AVERAGING[self.rule.method].candidates}"
            + (f" (dropped: {dropped})" if dropped else "")
        )

    def _adjustment_text(self, row: int) -> str:
        if self.adjustment.state[row] not in (AdjustmentState.APPLIED, AdjustmentState.CAPPED):
            return "none"
        if self.rule.adjustment.kind is AdjustmentKind.MULTIPLICATIVE:
            return f"multiplicative x {self.adjustment.factor[row]:.4f}"
        return f"additive {self.adjustment.offset_kw[row]:+.3f} kW"

    def _adjustment_findings(self, row: int) -> tuple[str, ...]:
        match AdjustmentState(int(self.adjustment.state[row])):
            case AdjustmentState.CAPPED:
                return (f"adjustment held at its cap of {self.rule.adjustment.cap_fraction:.0%}",)
            case AdjustmentState.NO_READINGS:
                return ("not adjusted: fewer than half of the readings before the event are there",)
            case AdjustmentState.NO_LEVEL:
                return ("not adjusted: the averaged days show no consumption before the event",)
            case _:
                return ()


def estimate_baselines(
    history: LoadHistory, calendar: WorkingDays, event: EventHours, rule: BaselineRule
) -> BaselineTable:
    """Baselines of all meters of ``history`` for the event's output slots.

    A day is usable when it is a working day within ``rule.lookback_days`` before the event, without event or outage,
    and complete over the hours that the rule reads (the event's, and the window's when there is an adjustment). Equal
    energies rank the later day first. The outcome of a meter does not depend on the others.

    Raises:
        InputError: the method averages no days, or ``calendar`` does not cover the days.
    """
    averaging = AVERAGING.get(rule.method)
    if averaging is None:
        raise InputError(f"baseline method {rule.method.value!r} averages no days: it needs a declared schedule")
    window = rule.adjustment.window_slots(event, history.slot_h)
    columns = _days_in_reach(history, calendar, event.day, rule.lookback_days, averaging.newest_lag_days)
    event_kw = _block(history, columns, event.slots)
    complete = np.isfinite(event_kw).all(axis=2) & np.isfinite(_block(history, columns, window)).all(axis=2)
    answered, outage = history.event_days[:, columns], history.outage_days[:, columns]
    usable = complete & ~answered & ~outage
    picked = _pick(usable, event_kw.sum(axis=2), averaging)
    sufficient = picked[:, 0] >= 0
    used = np.where(sufficient[:, None], columns[picked] if columns.size else picked, -1)
    unadjusted = _mean_of_days(history, used, event.output_slots)
    adjustment = same_day_adjustment(
        history,
        event,
        rule.adjustment,
        window_kw=_mean_of_days(history, used, window),
        event_kw=_mean_of_days(history, used, event.slots),
    )
    excluded = {
        "event days": answered.sum(axis=1),
        "outage days": (outage & ~answered).sum(axis=1),
        "incomplete days": (~complete & ~answered & ~outage).sum(axis=1),
    }
    return BaselineTable(
        history.meter_ids,
        history.days,
        event,
        rule,
        adjustment.applied_to(unadjusted),
        unadjusted,
        sufficient,
        used,
        adjustment,
        usable.sum(axis=1),
        excluded,
        _shared_findings(calendar, event),
    )


def declared_baseline(schedule_kw: Floats) -> BaselineOutcome:
    """The baseline of a storage: its declared schedule or firm level, shape (T,), never adjusted."""
    if not np.isfinite(schedule_kw).all():
        return Insufficient("the declared schedule has missing intervals", ())
    return Baseline(schedule_kw, BaselineMethod.DECLARED_SCHEDULE, (), "none", ())


def quantise_w(power_kw: Floats) -> Floats:
    """Power in whole watts (half to even), any shape; ``nan`` stays ``nan``. Applied before money."""
    return np.rint(power_kw * W_PER_KW)


def _days_in_reach(
    history: LoadHistory, calendar: WorkingDays, event_day: date, lookback_days: int, newest_lag_days: int
) -> Slots:
    """Positions of the working days in reach, latest first."""
    positions = [
        position
        for position, day in enumerate(history.days)
        if newest_lag_days <= (event_day - day).days <= lookback_days and calendar.type_of(day) is DayType.WORKING
    ]
    return np.array(positions[::-1], dtype=np.intp)


def _block(history: LoadHistory, columns: Slots, slots: Slots) -> Floats:
    return history.power_kw[:, :, _as_slice(slots)][:, columns].astype(np.float64)


def _as_slice(slots: Slots) -> slice | Slots:
    """The same slots as a slice where they are contiguous: a view is several times faster than a gather."""
    if slots.size and slots[-1] - slots[0] == slots.size - 1:
        return slice(int(slots[0]), int(slots[-1]) + 1)
    return slots


def _pick(usable: Mask, energy: Floats, averaging: Averaging) -> Slots:
    """Columns to average per meter, shape (meters, averaged), earliest day first; -1 in rows with too few."""
    meters, reach = usable.shape
    if reach < averaging.candidates:
        return np.full((meters, averaging.averaged), -1, dtype=np.intp)
    latest = np.argsort(~usable, axis=1, kind="stable")[:, : averaging.candidates]
    if averaging.averaged < averaging.candidates:
        highest = np.argsort(-np.take_along_axis(energy, latest, axis=1), axis=1, kind="stable")
        latest = np.take_along_axis(latest, highest[:, : averaging.averaged], axis=1)
    chosen = np.sort(latest, axis=1)[:, ::-1]
    enough = usable.sum(axis=1) >= averaging.candidates
    return np.where(enough[:, None], chosen, -1)


def _mean_of_days(history: LoadHistory, used: Slots, slots: Slots) -> Floats:
    """Mean over the used days, shape (meters, slots); a slot missing on some of them is averaged over the others."""
    if not history.days:
        return np.full((used.shape[0], slots.size), np.nan)
    rows = np.arange(used.shape[0])
    wanted = history.power_kw[:, :, _as_slice(slots)]
    total = np.zeros((used.shape[0], slots.size))
    count = np.zeros((used.shape[0], slots.size))
    for day in range(used.shape[1]):
        power_kw = wanted[rows, used[:, day]].astype(np.float64)
        present = np.isfinite(power_kw) & (used[:, day, None] >= 0)
        total += np.where(present, power_kw, 0.0)
        count += present
    mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _shared_findings(calendar: WorkingDays, event: EventHours) -> tuple[str, ...]:
    if calendar.type_of(event.day) is DayType.WORKING:
        return calendar.findings
    kind = calendar.type_of(event.day)
    return (*calendar.findings, f"event day {event.day.isoformat()} is a {kind}, the averaged days are working days")
