"""Same-day adjustment: moves a baseline to the level that the meter showed shortly before the event.

A hot peak day lies above the mean of the days before it; the hours before the event tell by how much. The gap before
the event and the cap bound what a participant could gain by raising its load in the window.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, Floats, LoadHistory, Mask, Slots

MIN_WINDOW_SHARE = 0.5


class AdjustmentKind(StrEnum):
    """How the baseline is moved."""

    NONE = "none"
    ADDITIVE = "additive"
    MULTIPLICATIVE = "multiplicative"


class AdjustmentState(IntEnum):
    """What became of the adjustment of one meter."""

    NOT_ASKED = 0
    APPLIED = 1
    CAPPED = 2
    NO_READINGS = 3
    NO_LEVEL = 4


@dataclass(frozen=True, slots=True)
class AdjustmentRule:
    """Parameters of a programme.

    Attributes:
        cap_fraction: Largest change as a share of the unadjusted mean over the event, >= 0; ``None`` for no cap.
        window_h: Length of the window, > 0.
        gap_h: Time between the window's end and the event's start, >= 0.
    """

    kind: AdjustmentKind = AdjustmentKind.NONE
    cap_fraction: float | None = None
    window_h: float = 3.0
    gap_h: float = 1.0

    def __post_init__(self) -> None:
        if self.cap_fraction is not None and not (np.isfinite(self.cap_fraction) and self.cap_fraction >= 0):
            raise InputError(f"adjustment cap {self.cap_fraction} is not a share >= 0")
        if not (np.isfinite(self.window_h) and self.window_h > 0):
            raise InputError(f"adjustment window {self.window_h} h is not > 0 h")
        if not (np.isfinite(self.gap_h) and self.gap_h >= 0):
            raise InputError(f"adjustment gap {self.gap_h} h is not >= 0 h")

    def window_slots(self, event: EventHours, slot_h: float) -> Slots:
        """Slots of the window on the event's day; empty without adjustment or where the window would begin a day early.

        Raises:
            InputError: window or gap is not a whole number of slots.
        """
        if self.kind is AdjustmentKind.NONE:
            return np.array([], dtype=np.intp)
        length, gap = self.window_h / slot_h, self.gap_h / slot_h
        if length % 1 or gap % 1:
            raise InputError(
                f"adjustment window {self.window_h} h and gap {self.gap_h} h must be whole multiples of {slot_h} h"
            )
        last = int(event.slots[0]) - int(gap)
        first = last - int(length)
        return np.arange(first, last, dtype=np.intp) if first >= 0 else np.array([], dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Adjustment:
    """``adjusted = factor * unadjusted + offset_kw`` per meter, shapes (meters,).

    Meters without an applied adjustment have factor 1 and offset 0; ``state`` (of ``AdjustmentState``) says why.
    """

    factor: Floats
    offset_kw: Floats
    state: NDArray[np.int8]

    def applied_to(self, unadjusted_kw: Floats) -> Floats:
        """Adjusted power, shape (meters, slots); never pushed below zero where the unadjusted one is not."""
        moved = unadjusted_kw * self.factor[:, None] + self.offset_kw[:, None]
        return np.maximum(moved, np.minimum(unadjusted_kw, 0.0))


def same_day_adjustment(
    history: LoadHistory, event: EventHours, rule: AdjustmentRule, *, window_kw: Floats, event_kw: Floats
) -> Adjustment:
    """How far each meter's baseline moves.

    Args:
        history: Must include the event's day for an adjustment to be possible.
        event: Gives the day and, with ``rule``, the window.
        rule: Kind, window, gap and cap.
        window_kw: Unadjusted baseline in the window, shape (meters, window slots), ``nan`` rows where insufficient.
        event_kw: Unadjusted baseline in the event, shape (meters, T).

    Readings missing in the window are left out on both sides; with fewer than half of them the meter is not adjusted.
    """
    meters = len(history.meter_ids)
    factor, offset = np.ones(meters), np.zeros(meters)
    state = np.zeros(meters, dtype=np.int8)
    if rule.kind is AdjustmentKind.NONE:
        return Adjustment(factor, offset, state)
    slots = rule.window_slots(event, history.slot_h)
    if slots.size == 0 or event.day not in history.days:
        return Adjustment(factor, offset, np.full(meters, AdjustmentState.NO_READINGS, dtype=np.int8))
    seen_kw = history.power_kw[:, history.days.index(event.day)][:, slots].astype(np.float64)
    present = np.isfinite(seen_kw) & np.isfinite(window_kw)
    readings = present.sum(axis=1)
    enough = readings >= MIN_WINDOW_SHARE * slots.size
    count = np.maximum(readings, 1)
    seen = np.where(present, seen_kw, 0.0).sum(axis=1) / count
    expected = np.where(present, window_kw, 0.0).sum(axis=1) / count
    state[:] = np.where(enough, AdjustmentState.APPLIED, AdjustmentState.NO_READINGS)
    cap = np.inf if rule.cap_fraction is None else rule.cap_fraction
    if rule.kind is AdjustmentKind.MULTIPLICATIVE:
        state[enough & ~(expected > 0)] = AdjustmentState.NO_LEVEL
        ratio = np.divide(seen, expected, out=np.ones(meters), where=expected > 0)
        factor = _where_applied(state, np.clip(ratio, 1 - cap, 1 + cap), ratio, neutral=1.0)
    else:
        limit = _additive_limit_kw(event_kw, cap)
        shift = seen - expected
        offset = _where_applied(state, np.clip(shift, -limit, limit), shift, neutral=0.0)
    return Adjustment(factor, offset, state)


def _additive_limit_kw(event_kw: Floats, cap: float) -> Floats:
    level = np.abs(event_kw.mean(axis=1))
    return np.full(level.shape, np.inf) if np.isinf(cap) else np.where(np.isfinite(level), level, 0.0) * cap


def _where_applied(state: NDArray[np.int8], capped: Floats, wanted: Floats, *, neutral: float) -> Floats:
    applied: Mask = state == AdjustmentState.APPLIED
    state[applied & (capped != wanted)] = AdjustmentState.CAPPED
    return np.where(applied, capped, neutral)
