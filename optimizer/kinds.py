"""The resources of one kind as stacked arrays, with the bounds that each response has when looked at alone.

``n`` resources, ``T`` event intervals, ``H`` intervals. ``index`` is the resource's position in the problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from optimizer.envelope import charging_envelope, storage_floor
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Series, Storage
from vpp.domain.timegrid import INTERVAL_H

Index = NDArray[np.intp]
Count = NDArray[np.intp]
Flags = NDArray[np.bool_]
Bounds = tuple[Series, Series]


def _rows(rows: Sequence[Series], width: int) -> Series:
    return np.array([row[:width] for row in rows], dtype=np.float64).reshape(len(rows), width)


def _figures(values: Sequence[float]) -> Series:
    return np.array(values, dtype=np.float64)


def _counts(values: Sequence[int]) -> Count:
    return np.array(values, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class CurtailableArrays:
    """Divisible curtailment; segments of shape (n, T)."""

    index: Index
    intervals: int
    segment_1_kw: Series
    segment_2_kw: Series
    cost_1: Series
    cost_2: Series
    energy_max_kwh: Series

    @classmethod
    def of(cls, index: Index, items: Sequence[Curtailable], event: int, count: int) -> Self:
        """Stacks ``items`` over the first ``event`` of ``count`` intervals."""
        return cls(
            index,
            count,
            _rows([f.segment_1_kw for f in items], event),
            _rows([f.segment_2_kw for f in items], event),
            _figures([f.cost_1_cny_per_kwh for f in items]),
            _figures([f.cost_2_cny_per_kwh for f in items]),
            _figures([f.energy_max_kwh for f in items]),
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        most_kw = np.minimum(self.segment_1_kw + self.segment_2_kw, self.energy_max_kwh[:, None] / INTERVAL_H)
        return np.zeros((len(self.index), self.intervals)), _padded(most_kw, self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class BlockArrays:
    """On/off calls; powers of shape (n, T), run lengths and calls of shape (n,)."""

    index: Index
    intervals: int
    available_kw: Series
    minimum_kw: Series
    cost: Series
    start_cost: Series
    min_run: Count
    max_run: Count
    max_calls: Count
    running: Count

    @classmethod
    def of(cls, index: Index, items: Sequence[Block], event: int, count: int) -> Self:
        """Stacks ``items`` over the first ``event`` of ``count`` intervals."""
        return cls(
            index,
            count,
            _rows([f.available_kw for f in items], event),
            _rows([f.minimum_kw for f in items], event),
            _figures([f.cost_cny_per_kwh for f in items]),
            _figures([f.start_cost_cny for f in items]),
            _counts([max(1, f.min_run) for f in items]),
            _counts([f.max_run for f in items]),
            _counts([f.max_calls for f in items]),
            _counts([f.running_intervals for f in items]),
        )

    @property
    def must_run(self) -> Flags:
        """Where a call that runs already has not reached its minimum, shape (n, T)."""
        at = np.arange(self.available_kw.shape[1])
        return (self.running > 0)[:, None] & (at[None, :] + self.running[:, None] < self.min_run[:, None])

    @property
    def may_start(self) -> Flags:
        """Where a call may begin and still complete its minimum run within the event, shape (n, T)."""
        event = self.available_kw.shape[1]
        at = np.arange(event)
        fits = at[None, :] + self.min_run[:, None] <= event
        return np.asarray((self.max_calls > 0)[:, None] & fits)

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        running_on = (self.running > 0) & (self.running < self.max_run)
        usable = running_on | ((self.max_calls > 0) & (self.min_run <= self.available_kw.shape[1]))
        least_kw = np.where(self.must_run, self.minimum_kw, 0.0)
        most_kw = np.where(usable[:, None], self.available_kw, 0.0)
        return _padded(least_kw, self.intervals), _padded(most_kw, self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class ChargingArrays:
    """Charging clusters; all series of shape (n, H); floor and ceiling are tightened to what power allows."""

    index: Index
    forecast_kw: Series
    power_min_kw: Series
    power_max_kw: Series
    floor_kwh: Series
    ceiling_kwh: Series
    cost: Series

    @classmethod
    def of(cls, index: Index, items: Sequence[Charging], forecast_kw: Series) -> Self:
        """Stacks ``items``; ``forecast_kw`` holds all resources of the problem."""
        width = forecast_kw.shape[1]
        power_min_kw = _rows([f.power_min_kw for f in items], width)
        power_max_kw = _rows([f.power_max_kw for f in items], width)
        floor_kwh, ceiling_kwh = charging_envelope(
            power_min_kw,
            power_max_kw,
            _rows([f.energy_floor_kwh for f in items], width),
            _rows([f.energy_ceiling_kwh for f in items], width),
        )
        cost = _figures([f.cost_cny_per_kwh for f in items])
        return cls(index, forecast_kw[index], power_min_kw, power_max_kw, floor_kwh, ceiling_kwh, cost)

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        before_low = np.pad(self.floor_kwh, ((0, 0), (1, 0)))[:, :-1]
        before_high = np.pad(self.ceiling_kwh, ((0, 0), (1, 0)))[:, :-1]
        low_kw = np.maximum(self.power_min_kw, (self.floor_kwh - before_high) / INTERVAL_H)
        high_kw = np.minimum(self.power_max_kw, (self.ceiling_kwh - before_low) / INTERVAL_H)
        return self.forecast_kw - high_kw, self.forecast_kw - low_kw


@dataclass(frozen=True, slots=True, eq=False)
class CoolingArrays:
    """Cooling; ``available_kw`` of shape (n, T), temperature limits of shape (n, H), the rest (n,)."""

    index: Index
    available_kw: Series
    payback_max_kw: Series
    retention: Series
    gain: Series
    theta_0_k: Series
    undisturbed_k: Series
    theta_max_k: Series
    cost: Series
    discomfort: Series

    @classmethod
    def of(cls, index: Index, items: Sequence[Cooling], event: int, count: int) -> Self:
        """Stacks ``items`` over the first ``event`` of ``count`` intervals."""
        retention, theta_0_k = _figures([f.retention for f in items]), _figures([f.theta_0_k for f in items])
        band_k = _figures([f.band_k for f in items])
        undisturbed_k = retention[:, None] ** np.arange(1, count + 1)[None, :] * theta_0_k[:, None]
        limit_k = np.repeat(band_k[:, None], count, axis=1)
        limit_k[:, -1] *= END_BAND_FRACTION
        return cls(
            index,
            _rows([f.available_kw for f in items], event),
            _figures([f.payback_max_kw for f in items]),
            retention,
            _figures([f.gain_k_per_kw for f in items]),
            theta_0_k,
            undisturbed_k,
            np.maximum(limit_k, undisturbed_k),
            _figures([f.cost_cny_per_kwh for f in items]),
            _figures([f.discomfort_cny_per_kh for f in items]),
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        count = self.theta_max_k.shape[1]
        most_kw = _padded(self.available_kw, count)
        headroom_kw = self.theta_max_k / np.maximum(self.gain, TINY)[:, None]
        least_kw = np.repeat(-self.payback_max_kw[:, None], count, axis=1)
        return least_kw, np.minimum(most_kw, headroom_kw)


@dataclass(frozen=True, slots=True, eq=False)
class StorageArrays:
    """Batteries; ``forecast_kw`` and ``soc_low_kwh`` of shape (n, H), the rest (n,)."""

    index: Index
    forecast_kw: Series
    power_min_kw: Series
    power_max_kw: Series
    capacity_kwh: Series
    soc_kwh: Series
    soc_low_kwh: Series
    efficiency: Series
    cost: Series

    @classmethod
    def of(cls, index: Index, items: Sequence[Storage], forecast_kw: Series) -> Self:
        """Stacks ``items``; ``forecast_kw`` holds all resources of the problem."""
        power_max_kw = _figures([f.power_max_kw for f in items])
        export = np.array([f.export_allowed for f in items], dtype=np.bool_)
        efficiency = _figures([f.efficiency for f in items])
        low_kwh = storage_floor(
            _figures([f.soc_min_kwh for f in items]),
            _figures([f.soc_end_kwh for f in items]),
            power_max_kw * efficiency * INTERVAL_H,
            forecast_kw.shape[1],
        )
        return cls(
            index,
            forecast_kw[index],
            np.where(export, -power_max_kw, 0.0),
            power_max_kw,
            _figures([f.capacity_kwh for f in items]),
            _figures([f.soc_kwh for f in items]),
            low_kwh,
            efficiency,
            _figures([f.cost_cny_per_kwh for f in items]),
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        reach_kwh = np.maximum(self.capacity_kwh[:, None] - self.soc_low_kwh, 0.0)
        discharge_kw = np.minimum(-self.power_min_kw[:, None], reach_kwh * self.efficiency[:, None] / INTERVAL_H)
        return self.forecast_kw - self.power_max_kw[:, None], self.forecast_kw + np.maximum(discharge_kw, 0.0)

    def stored_kwh(self, power_kw: Series) -> Series:
        """Energy that one interval of ``power_kw`` (shape (n,)) adds to the state of charge."""
        return np.where(power_kw > 0, power_kw * self.efficiency, power_kw / self.efficiency) * INTERVAL_H

    def power_for_kw(self, energy_kwh: Series) -> Series:
        """Power that changes the state of charge by ``energy_kwh`` (shape (n,)) in one interval."""
        return np.where(energy_kwh > 0, energy_kwh / self.efficiency, energy_kwh * self.efficiency) / INTERVAL_H


def _padded(event: Series, count: int) -> Series:
    return np.pad(event, ((0, 0), (0, count - event.shape[1])))


END_BAND_FRACTION = 0.25
TINY = 1e-12
