"""The resources of one kind as arrays ready for every method, with the bounds that each response has taken alone.

Costs hold the price of use as well (``vpp.domain.dispatch``): what a method minimises. ``room`` is what limits of nodes
with that one resource leave for its response; it is folded into the resource's own bounds, so that no method has to
couple what stands alone. ``n`` resources, ``T`` event intervals, ``H`` intervals.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from optimizer.envelope import charging_envelope, cooling_ceiling, storage_floor
from vpp.domain.columns import (
    BlockColumns,
    ChargingColumns,
    CoolingColumns,
    CurtailableColumns,
    Flags,
    Index,
    StorageColumns,
)
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

Bounds = tuple[Series, Series]
"""Least and most response, shape (n, H) each."""


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Least and most response that single-member nodes leave, shape (n, H) each; infinite where they say nothing."""

    least_kw: Series
    most_kw: Series


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
    def of(cls, columns: CurtailableColumns, use_price: Series, count: int, room: Room | None) -> Self:
        """From columns of a horizon of ``count`` intervals."""
        first, second = columns.segment_1_kw, columns.segment_2_kw
        if room is not None:
            most = np.maximum(room.most_kw[:, : first.shape[1]], 0.0)
            first = np.minimum(first, most)
            second = np.minimum(second, most - first)
        return cls(
            columns.index,
            count,
            first,
            second,
            columns.cost_1_cny_per_kwh + use_price,
            columns.cost_2_cny_per_kwh + use_price,
            columns.energy_max_kwh,
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        most_kw = np.minimum(self.segment_1_kw + self.segment_2_kw, self.energy_max_kwh[:, None] / INTERVAL_H)
        return np.zeros((len(self.index), self.intervals)), _padded(most_kw, self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class BlockArrays:
    """On/off calls; powers of shape (n, T), run lengths and calls of shape (n,).

    Where ``minimum_kw`` exceeds ``available_kw`` no call may be on.
    """

    index: Index
    intervals: int
    available_kw: Series
    minimum_kw: Series
    cost: Series
    start_cost: Series
    min_run: Index
    max_run: Index
    max_calls: Index
    min_rest: Index
    running: Index

    @classmethod
    def of(cls, columns: BlockColumns, use_price: Series, count: int, room: Room | None) -> Self:
        """From columns of a horizon of ``count`` intervals."""
        available = columns.available_kw
        if room is not None:
            available = np.minimum(available, np.maximum(room.most_kw[:, : available.shape[1]], 0.0))
        return cls(
            columns.index,
            count,
            available,
            columns.minimum_kw,
            columns.cost_cny_per_kwh + use_price,
            columns.start_cost_cny,
            np.maximum(columns.min_run, 1),
            columns.max_run,
            columns.max_calls,
            np.maximum(columns.min_rest, 1),
            columns.running_intervals,
        )

    @property
    def blocked(self) -> Flags:
        """Where no call may be on, shape (n, T)."""
        return np.asarray(self.minimum_kw > self.available_kw + BLOCKED_KW)

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
        rested = (self.running[:, None] == 0) | (at[None, :] >= self.min_rest[:, None])
        return np.asarray((self.max_calls > 0)[:, None] & fits & rested & ~self.blocked)

    @property
    def may_be_on(self) -> Flags:
        """Where a call may be on at all, shape (n, T)."""
        at = np.arange(self.available_kw.shape[1])[None, :]
        goes_on = (self.running > 0)[:, None] & (at + self.running[:, None] < self.max_run[:, None])
        return np.asarray((goes_on | np.logical_or.accumulate(self.may_start, axis=1)) & ~self.blocked)

    @property
    def most_calls(self) -> Index:
        """Calls that runs and rests leave room for in the event, shape (n,)."""
        event = self.available_kw.shape[1]
        return np.asarray(-(-event // (self.min_run + self.min_rest)))

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        running_on = (self.running > 0) & (self.running < self.max_run)
        usable = running_on | ((self.max_calls > 0) & (self.min_run <= self.available_kw.shape[1]))
        least_kw = np.where(self.must_run, self.minimum_kw, 0.0)
        most_kw = np.where(usable[:, None] & ~self.blocked, self.available_kw, 0.0)
        return _padded(least_kw, self.intervals), _padded(most_kw, self.intervals)


@dataclass(frozen=True, slots=True, eq=False)
class ChargingArrays:
    """Charging clusters; all series of shape (n, H); floor and ceiling are tightened to what power allows."""

    index: Index
    sign: float
    forecast_kw: Series
    power_min_kw: Series
    power_max_kw: Series
    floor_kwh: Series
    ceiling_kwh: Series
    cost: Series

    @classmethod
    def of(cls, columns: ChargingColumns, use_price: Series, sign: float, room: Room | None) -> Self:
        """From columns; ``sign`` is 1 for curtailing, -1 for filling."""
        least, most = columns.power_min_kw, columns.power_max_kw
        if room is not None:
            low, high = _power_room(columns.forecast_kw, sign, room)
            least, most = np.maximum(least, low), np.minimum(most, high)
        floor_kwh, ceiling_kwh = charging_envelope(least, most, columns.energy_floor_kwh, columns.energy_ceiling_kwh)
        cost = columns.cost_cny_per_kwh + use_price
        return cls(columns.index, sign, columns.forecast_kw, least, most, floor_kwh, ceiling_kwh, cost)

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        before_low = np.pad(self.floor_kwh, ((0, 0), (1, 0)))[:, :-1]
        before_high = np.pad(self.ceiling_kwh, ((0, 0), (1, 0)))[:, :-1]
        low_kw = np.maximum(self.power_min_kw, (self.floor_kwh - before_high) / INTERVAL_H)
        high_kw = np.minimum(self.power_max_kw, (self.ceiling_kwh - before_low) / INTERVAL_H)
        return _responses(self.forecast_kw, self.sign, low_kw, high_kw)


@dataclass(frozen=True, slots=True, eq=False)
class CoolingArrays:
    """Cooling; ``available_kw`` of shape (n, T), payback and temperature limits of shape (n, H), the rest (n,).

    ``theta_max_k`` is tightened to what the payback can still bring back.
    """

    index: Index
    available_kw: Series
    payback_kw: Series
    retention: Series
    gain: Series
    theta_0_k: Series
    undisturbed_k: Series
    theta_max_k: Series
    cost: Series
    discomfort: Series

    @classmethod
    def of(cls, columns: CoolingColumns, use_price: Series, count: int, room: Room | None) -> Self:
        """From columns of a horizon of ``count`` intervals."""
        retention, theta_0_k = columns.retention, columns.theta_0_k
        undisturbed_k = retention[:, None] ** np.arange(1, count + 1)[None, :] * theta_0_k[:, None]
        limit_k = np.repeat(columns.band_k[:, None], count, axis=1)
        limit_k[:, -1] *= END_BAND_FRACTION
        available = columns.available_kw
        payback = np.repeat(columns.payback_max_kw[:, None], count, axis=1)
        if room is not None:
            available = np.minimum(available, np.maximum(room.most_kw[:, : available.shape[1]], 0.0))
            payback = np.minimum(payback, np.maximum(-room.least_kw, 0.0))
        limit_k = np.maximum(limit_k, undisturbed_k)
        return cls(
            columns.index,
            available,
            payback,
            retention,
            columns.gain_k_per_kw,
            theta_0_k,
            undisturbed_k,
            cooling_ceiling(limit_k, undisturbed_k, retention, columns.gain_k_per_kw[:, None] * payback),
            columns.cost_cny_per_kwh + use_price,
            columns.discomfort_cny_per_kh,
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        most_kw = _padded(self.available_kw, self.theta_max_k.shape[1])
        headroom_kw = self.theta_max_k / np.maximum(self.gain, TINY)[:, None]
        return -self.payback_kw, np.minimum(most_kw, headroom_kw)


@dataclass(frozen=True, slots=True, eq=False)
class StorageArrays:
    """Batteries; series of shape (n, H), the rest (n,)."""

    index: Index
    sign: float
    forecast_kw: Series
    power_min_kw: Series
    power_max_kw: Series
    capacity_kwh: Series
    soc_kwh: Series
    soc_low_kwh: Series
    efficiency: Series
    cost: Series

    @classmethod
    def of(cls, columns: StorageColumns, use_price: Series, sign: float, room: Room | None) -> Self:
        """From columns; ``sign`` is 1 for curtailing, -1 for filling."""
        shape = columns.forecast_kw.shape
        most = np.repeat(columns.power_max_kw[:, None], shape[1], axis=1)
        least = np.where(columns.export_allowed[:, None], -most, 0.0)
        if room is not None:
            low, high = _power_room(columns.forecast_kw, sign, room)
            least, most = np.maximum(least, low), np.minimum(most, high)
        low_kwh = storage_floor(
            columns.soc_min_kwh,
            columns.soc_end_kwh,
            np.maximum(most, 0.0) * columns.efficiency[:, None] * INTERVAL_H,
        )
        return cls(
            columns.index,
            sign,
            columns.forecast_kw,
            least,
            most,
            columns.capacity_kwh,
            columns.soc_kwh,
            low_kwh,
            columns.efficiency,
            columns.cost_cny_per_kwh + use_price,
        )

    def response_bounds(self) -> Bounds:
        """Least and most response, shape (n, H)."""
        reach_kwh = np.maximum(self.capacity_kwh[:, None] - self.soc_low_kwh, 0.0)
        lowest_kw = np.maximum(self.power_min_kw, -reach_kwh * self.efficiency[:, None] / INTERVAL_H)
        lowest_kw = np.minimum(lowest_kw, self.power_max_kw)
        return _responses(self.forecast_kw, self.sign, lowest_kw, self.power_max_kw)

    def stored_kwh(self, power_kw: Series) -> Series:
        """Energy that one interval of ``power_kw`` (shape (n,)) adds to the state of charge."""
        return np.where(power_kw > 0, power_kw * self.efficiency, power_kw / self.efficiency) * INTERVAL_H

    def power_for_kw(self, energy_kwh: Series) -> Series:
        """Power that changes the state of charge by ``energy_kwh`` (shape (n,)) in one interval."""
        return np.where(energy_kwh > 0, energy_kwh / self.efficiency, energy_kwh * self.efficiency) / INTERVAL_H


Kind = TypeVar("Kind", CurtailableArrays, BlockArrays, ChargingArrays, CoolingArrays, StorageArrays)
AnyKind = CurtailableArrays | BlockArrays | ChargingArrays | CoolingArrays | StorageArrays


class Kinds(Protocol):
    """Resources of all kinds, wherever they are held; ``n`` of them, positions from 0."""

    @property
    def curtailable(self) -> CurtailableArrays:
        """Divisible curtailment."""

    @property
    def block(self) -> BlockArrays:
        """On/off calls."""

    @property
    def charging(self) -> ChargingArrays:
        """Charging clusters."""

    @property
    def cooling(self) -> CoolingArrays:
        """Cooling."""

    @property
    def storage(self) -> StorageArrays:
        """Batteries."""

    @property
    def count(self) -> int:
        """Number of resources, n."""

    @property
    def event_intervals(self) -> int:
        """Number of event intervals, T."""

    @property
    def intervals(self) -> int:
        """Number of all intervals, H."""


def taking(kind: Kind, rows: Index | Flags | slice) -> Kind:
    """The resources of one kind in ``rows`` alone, their ``index`` as it was; views where ``rows`` is a slice."""
    figures: dict[str, Any] = {field.name: getattr(kind, field.name) for field in fields(kind)}
    taken: dict[str, Any] = {name: array[rows] for name, array in figures.items() if isinstance(array, np.ndarray)}
    return replace(kind, **taken)


def pieces(kind: Kind, rows: int) -> Iterator[Kind]:
    """``kind`` in pieces of at most ``rows`` resources, so that what is figured of each stays small."""
    for first in range(0, len(kind.index), rows):
        yield taking(kind, slice(first, first + rows))


def all_pieces(kinds: Kinds, rows: int) -> Iterator[AnyKind]:
    """All resources in such pieces, kind by kind."""
    yield from pieces(kinds.curtailable, rows)
    yield from pieces(kinds.block, rows)
    yield from pieces(kinds.charging, rows)
    yield from pieces(kinds.cooling, rows)
    yield from pieces(kinds.storage, rows)


def _responses(forecast_kw: Series, sign: float, low_kw: Series, high_kw: Series) -> Bounds:
    if sign > 0:
        return forecast_kw - high_kw, forecast_kw - low_kw
    return low_kw - forecast_kw, high_kw - forecast_kw


def _power_room(forecast_kw: Series, sign: float, room: Room) -> Bounds:
    if sign > 0:
        return forecast_kw - room.most_kw, forecast_kw - room.least_kw
    return forecast_kw + room.least_kw, forecast_kw + room.most_kw


def _padded(event: Series, count: int) -> Series:
    return np.pad(event, ((0, 0), (0, count - event.shape[1])))


END_BAND_FRACTION = 0.25
TINY = 1e-12
BLOCKED_KW = 1e-6
