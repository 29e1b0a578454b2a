"""Resources whose response is limited by what it uses up: energy, warmth or charging not yet done.

All four divisible kinds are one: a response ``r`` within ``0 <= r <= most_kw`` fills a reservoir,
``level_t = keeps * level_{t-1} + per_kw_t * r_t``, which may not rise above a brim. A battery's reservoir is the energy
it has given, a building's its warming (``keeps`` below 1: it leaks), a charging cluster's the charging put off, a
curtailable process's the energy curtailed. What has to come back afterwards bounds the last level. Brims are on the
safe side: whoever keeps below them can recover in the intervals after the window. ``capability_table`` uses this.

Shapes: ``n`` resources of a kind, ``H`` intervals of the grid, ``W`` windows of ``d`` intervals, ``R`` of recovery.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from vpp.domain.columns import ChargingColumns, CoolingColumns, CurtailableColumns, Index, StorageColumns
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

COOL_AGAIN_FRACTION = 0.25
"""Share of its band by which a building may still be warm when its recovery ends (``flexibility.Cooling``)."""


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of equal length on one grid, each with the recovery that follows.

    Attributes:
        starts: First interval of each, shape (W,).
        length: Intervals of each, d.
        recovery: Intervals after each, R.
    """

    starts: Index
    length: int
    recovery: int

    def within(self, series: Series) -> Series:
        """The windows of ``series`` (n, H), shape (d, W, n)."""
        return np.asarray(series.T[self.starts + np.arange(self.length)[:, None]])

    def after(self, series: Series) -> Series:
        """The recoveries of ``series`` (n, H), shape (R, W, n)."""
        return np.asarray(series.T[self.starts + self.length + np.arange(self.recovery)[:, None]])


class Reservoirs(Protocol):
    """The divisible resources of one kind.

    Attributes:
        index: Their positions among all, shape (n,).
        most_kw: Largest response, shape (n, T).
        keeps: Share of the level that is left after an interval, in (0, 1], shape (n,).
        per_kw: What a kW of response adds to the level in an interval, > 0, shape (n, T).
    """

    @property
    def index(self) -> Index:
        """Positions among all resources."""

    @property
    def most_kw(self) -> Series:
        """Largest response."""

    @property
    def keeps(self) -> Series:
        """Share kept over an interval."""

    @property
    def per_kw(self) -> Series:
        """What a kW adds in an interval."""

    def brims(self, windows: Windows) -> Series:
        """Highest level after each interval of a window that began empty, shape (d, W, n), >= 0."""

    def payback_kw(self, windows: Windows, level: Series) -> Series:
        """What comes back in the worst interval of the recovery after last levels ``level``; shape (W, n), >= 0."""


@dataclass(frozen=True, slots=True, eq=False)
class CurtailableReservoirs:
    """``Curtailable``: nothing comes back."""

    columns: CurtailableColumns
    most_kw: Series
    index: Index = field(init=False)
    keeps: Series = field(init=False)
    per_kw: Series = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", self.columns.index)
        object.__setattr__(self, "keeps", np.ones(len(self.index)))
        object.__setattr__(self, "per_kw", np.full_like(self.most_kw, INTERVAL_H))

    def brims(self, windows: Windows) -> Series:
        """The energy that may be curtailed in one event."""
        shape = (windows.length, len(windows.starts), len(self.index))
        return np.broadcast_to(np.maximum(self.columns.energy_max_kwh, 0.0), shape)

    def payback_kw(self, windows: Windows, level: Series) -> Series:  # noqa: ARG002 - one form for all kinds
        """Nothing."""
        return np.zeros_like(level)


@dataclass(frozen=True, slots=True, eq=False)
class CoolingReservoirs:
    """``Cooling``: the level is the warming above what the undisturbed decay leaves; ``payback_max_kw`` (n, H)."""

    columns: CoolingColumns
    most_kw: Series
    payback_max_kw: Series
    index: Index = field(init=False)
    keeps: Series = field(init=False)
    per_kw: Series = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", self.columns.index)
        object.__setattr__(self, "keeps", self.columns.retention)
        object.__setattr__(self, "per_kw", np.broadcast_to(self.columns.gain_k_per_kw[:, None], self.most_kw.shape))

    def brims(self, windows: Windows) -> Series:
        """Room below the band, and the last level no higher than the recovery can cool down again."""
        c = self.columns
        passed = windows.starts + np.arange(1, windows.length + 1)[:, None]
        undisturbed_k = c.theta_0_k * c.retention ** passed[..., None]
        brims = np.maximum(c.band_k - undisturbed_k, 0.0)
        kept, per_kw = self._recovery(windows)
        most_kw = windows.after(self.payback_max_kw).min(axis=0)
        brims[-1] = np.minimum(brims[-1], (self._left_k(windows) + per_kw * most_kw) / kept)
        return held_back(brims, self.keeps)

    def payback_kw(self, windows: Windows, level: Series) -> Series:
        """Cooling made up for evenly, so that the building is as good as cool when the recovery ends."""
        kept, per_kw = self._recovery(windows)
        return np.asarray(np.maximum(kept * level - self._left_k(windows), 0.0) / per_kw)

    def _recovery(self, windows: Windows) -> tuple[Series, Series]:
        """What a recovery leaves of a level, and what each kW of even payback takes off it."""
        c = self.columns
        powers = c.retention[:, None] ** np.arange(windows.recovery)
        return c.retention**windows.recovery, c.gain_k_per_kw * powers.sum(axis=1)

    def _left_k(self, windows: Windows) -> Series:
        """Level that may be left when the recovery ends, shape (W, n)."""
        c = self.columns
        passed = windows.starts[:, None] + windows.length + windows.recovery
        return np.asarray(np.maximum(COOL_AGAIN_FRACTION * c.band_k - c.theta_0_k * c.retention**passed, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class StorageReservoirs:
    """``Storage``: the level is the energy given (filling: taken) beyond the schedule.

    Attributes:
        per_kw: Where a response may turn charging into discharging, each kW counts as the dearer of the two.
        room_kwh: How far the schedule's state of charge may be left at all, shape (n, H).
        end_kwh: How far it may be left when a recovery ends, shape (n, H).
        back_max_kw: Power that is free to come back, shape (n, H).
        back_kwh_per_kw: What an interval of it gives back, shape (n,).
    """

    index: Index
    most_kw: Series
    per_kw: Series
    room_kwh: Series
    end_kwh: Series
    back_max_kw: Series
    back_kwh_per_kw: Series
    keeps: Series = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keeps", np.ones(len(self.index)))

    @classmethod
    def of(cls, columns: StorageColumns, most_kw: Series, back_max_kw: Series, *, filling: bool) -> "StorageReservoirs":
        """Batteries whose responses and paybacks are bounded by ``most_kw`` (n, T) and ``back_max_kw`` (n, H)."""
        power_kw, efficiency = columns.forecast_kw, columns.efficiency[:, None]
        steps_kwh = INTERVAL_H * (efficiency * np.maximum(power_kw, 0.0) - np.maximum(-power_kw, 0.0) / efficiency)
        soc_kwh = columns.soc_kwh[:, None] + np.cumsum(steps_kwh, axis=1)
        dear = INTERVAL_H / columns.efficiency
        cheap = INTERVAL_H * columns.efficiency
        scheduled_kw = power_kw[:, : most_kw.shape[1]]
        if filling:
            room_kwh = end_kwh = columns.capacity_kwh[:, None] - soc_kwh
            per_kw = np.where(scheduled_kw < 0, dear[:, None], cheap[:, None])
            back = dear
        else:
            room_kwh = soc_kwh - columns.soc_min_kwh[:, None]
            end_kwh = soc_kwh - columns.soc_end_kwh[:, None]
            per_kw = np.where(most_kw <= scheduled_kw, cheap[:, None], dear[:, None])
            back = cheap
        return cls(
            columns.index,
            most_kw,
            per_kw,
            np.maximum(room_kwh, 0.0),
            np.maximum(end_kwh, 0.0),
            back_max_kw,
            back,
        )

    def brims(self, windows: Windows) -> Series:
        """The state of charge's room, and the last level no higher than the recovery can restore."""
        brims = windows.within(self.room_kwh)
        after = windows.after(self.room_kwh).min(axis=0)
        most_kwh = windows.after(self.back_max_kw).min(axis=0) * self.back_kwh_per_kw * windows.recovery
        restored = windows.after(self.end_kwh)[-1] + most_kwh
        brims[-1] = np.minimum(brims[-1], np.minimum(after, restored))
        return held_back(brims, self.keeps)

    def payback_kw(self, windows: Windows, level: Series) -> Series:
        """Energy owed to the end of the recovery, given back evenly."""
        owed_kwh = np.maximum(level - windows.after(self.end_kwh)[-1], 0.0)
        return np.asarray(owed_kwh / (self.back_kwh_per_kw * windows.recovery))


@dataclass(frozen=True, slots=True, eq=False)
class ChargingReservoirs:
    """``Charging``: the level is the energy put off (filling: brought forward) from the uncontrolled charging.

    Attributes:
        slack_kwh: How much of it the envelope bears, shape (n, H).
        back_max_kw: Power that is free to come back, shape (n, H).
    """

    index: Index
    most_kw: Series
    slack_kwh: Series
    back_max_kw: Series
    keeps: Series = field(init=False)
    per_kw: Series = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keeps", np.ones(len(self.index)))
        object.__setattr__(self, "per_kw", np.full_like(self.most_kw, INTERVAL_H))

    @classmethod
    def of(
        cls, columns: ChargingColumns, most_kw: Series, back_max_kw: Series, *, filling: bool
    ) -> "ChargingReservoirs":
        """Clusters whose responses and paybacks are bounded by ``most_kw`` (n, T) and ``back_max_kw`` (n, H)."""
        charged_kwh = np.cumsum(columns.forecast_kw, axis=1) * INTERVAL_H
        slack_kwh = columns.energy_ceiling_kwh - charged_kwh if filling else charged_kwh - columns.energy_floor_kwh
        return cls(columns.index, most_kw, np.maximum(slack_kwh, 0.0), back_max_kw)

    def brims(self, windows: Windows) -> Series:
        """The envelope's slack, and the last level no higher than even catching up keeps within it."""
        brims = windows.within(self.slack_kwh)
        caught_up = np.arange(1, windows.recovery + 1)[:, None, None] * INTERVAL_H
        room_kw = windows.after(self.back_max_kw).min(axis=0)
        bearable = (windows.after(self.slack_kwh) + caught_up * room_kw).min(axis=0)
        brims[-1] = np.minimum(brims[-1], bearable)
        return held_back(brims, self.keeps)

    def payback_kw(self, windows: Windows, level: Series) -> Series:
        """All of it by the end of the recovery, evenly or as fast as the promises demand, where the piles can."""
        within_h = np.arange(1, windows.recovery + 1)[:, None, None] * INTERVAL_H
        demanded_kw = ((level - windows.after(self.slack_kwh)) / within_h).max(axis=0)
        evenly_kw = np.minimum(level / within_h[-1], windows.after(self.back_max_kw).min(axis=0))
        return np.asarray(np.maximum(evenly_kw, demanded_kw))


def held_back(brims: Series, keeps: Series) -> Series:
    """``brims`` (d, W, n) lowered so that no level that they allow is too high for a later one, left alone."""
    for t in range(len(brims) - 2, -1, -1):
        brims[t] = np.minimum(brims[t], brims[t + 1] / keeps)
    return brims
