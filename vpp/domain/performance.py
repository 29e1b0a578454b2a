"""Response and performance: baseline minus register, in whole watts, so that every sum is exact.

A 15-minute interval's energy in watt-hours is a quarter of its mean power in watts; counted in quarter watt-hours
(``W x interval``) baseline, metered energy and response are all integers. Only at the end do they become kWh.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vpp.domain.baseline import quantise_w
from vpp.domain.errors import InputError
from vpp.domain.events import Direction
from vpp.domain.load_history import Floats, Mask
from vpp.domain.timegrid import TimeGrid

INTERVALS_PER_HOUR = 4
QUARTER_WH_PER_KWH = 4000

Watts = NDArray[np.int64]


class CountNegative(StrEnum):
    """What an interval with response against the asked direction does to the graded energy."""

    NET = "net"
    POSITIVE_ONLY = "positive_only"


@dataclass(frozen=True, slots=True, eq=False)
class MeterResponse:
    """What a group of meters (one participant's, or all) delivered on a grid.

    Attributes:
        baseline_w: Shape (meters, len(grid)), whole watts; 0 where not ``counted``, never to be read there.
        metered_w: The interval's mean by register difference, same shape and rule.
        committed_w: Response awarded and called, same shape; 0 where nothing was called.
        counted: Where baseline and register are both there.
        called: Where the meter's resource was called; only these intervals are graded.
        no_baseline: Shape (meters,): meters left out for want of a sufficient baseline.
        direction: Response is positive in it.
    """

    meter_ids: tuple[str, ...]
    grid: TimeGrid
    direction: Direction
    baseline_w: Watts
    metered_w: Watts
    committed_w: Watts
    counted: Mask
    called: Mask
    no_baseline: Mask

    @property
    def response_w(self) -> Watts:
        """Response in the asked direction, shape (meters, len(grid)); 0 where not counted."""
        return self.direction.sign * (self.baseline_w - self.metered_w)

    @property
    def graded(self) -> Mask:
        """Intervals that enter the grade: called and counted."""
        return self.called & self.counted

    @property
    def net_kwh(self) -> Decimal:
        """Exact net response over the graded intervals, negative ones included."""
        return kwh(int(self.response_w[self.graded].sum()))

    def of(self, meter_ids: Sequence[str]) -> "MeterResponse":
        """The part of ``meter_ids``, in their order."""
        place = {meter_id: row for row, meter_id in enumerate(self.meter_ids)}
        rows = [place[meter_id] for meter_id in meter_ids]
        return MeterResponse(
            tuple(meter_ids),
            self.grid,
            self.direction,
            self.baseline_w[rows],
            self.metered_w[rows],
            self.committed_w[rows],
            self.counted[rows],
            self.called[rows],
            self.no_baseline[rows],
        )

    def findings(self) -> tuple[str, ...]:
        """What was left out, meter by meter."""
        found: list[str] = []
        for row, meter_id in enumerate(self.meter_ids):
            lost = int((self.called[row] & ~self.counted[row]).sum())
            if self.no_baseline[row]:
                found.append(f"{meter_id}: no sufficient baseline, {lost} called intervals not counted")
            elif lost:
                found.append(
                    f"{meter_id}: {lost} of {int(self.called[row].sum())} called intervals have no good register pair"
                )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class GradedEnergy:
    """The figures of one grading unit (a trading day).

    Attributes:
        net_kwh: Sum of the responses, negative ones included.
        actual_kwh: What is graded: ``net_kwh``, or without the negative intervals where the programme says so.
        committed_kwh: Awarded and called, over the counted intervals only.
        ratio: ``actual_kwh / committed_kwh``; ``None`` where nothing was called.
    """

    net_kwh: Decimal
    actual_kwh: Decimal
    committed_kwh: Decimal
    ratio: Decimal | None


@dataclass(frozen=True, slots=True, eq=False)
class Delivery:
    """What is known of some meters over the commanded intervals of an event.

    Attributes:
        grid: The commanded intervals.
        baseline_kw: Shape (meters, len(grid)); a row of ``nan`` has no sufficient baseline. Not yet quantised.
        metered_wh: Register differences, same shape, whole numbers; ``nan`` where there is no good pair of registers.
        committed_kw: Response awarded, same shape, >= 0 where ``called``.
        called: Same shape.

    Raises:
        InputError: shapes disagree, a register difference is no whole number, or a called commitment is no number >= 0.
    """

    meter_ids: tuple[str, ...]
    grid: TimeGrid
    baseline_kw: Floats
    metered_wh: Floats
    committed_kw: Floats
    called: Mask

    def __post_init__(self) -> None:
        shape = (len(self.meter_ids), len(self.grid))
        for name in ("baseline_kw", "metered_wh", "committed_kw", "called"):
            found = getattr(self, name).shape
            if found != shape:
                raise InputError(f"delivery: {name} has shape {found}, expected {shape} (meters, intervals)")
        there = np.isfinite(self.metered_wh)
        self._refuse(there & (np.where(there, self.metered_wh, 0.0) % 1 != 0), "metered_wh", "a whole number of Wh")
        commitment = np.isfinite(self.committed_kw) & (self.committed_kw >= 0)
        self._refuse(self.called & ~commitment, "committed_kw", "a number of kW >= 0")

    def _refuse(self, wrong: Mask, name: str, expected: str) -> None:
        for row, at in np.argwhere(wrong)[:1]:
            value = getattr(self, name)[row, at]
            raise InputError(f"delivery: {name} of {self.meter_ids[row]!r} is {value}, expected {expected}")


def measure_response(delivery: Delivery, direction: Direction) -> MeterResponse:
    """Response by register differences, baselines and commitments quantised to 1 W.

    An interval without register pair or baseline is not counted; it never becomes a zero.
    """
    counted: Mask = np.isfinite(delivery.metered_wh) & np.isfinite(delivery.baseline_kw)
    return MeterResponse(
        delivery.meter_ids,
        delivery.grid,
        direction,
        np.where(counted, quantise_w(delivery.baseline_kw), 0.0).astype(np.int64),
        np.where(counted, delivery.metered_wh * INTERVALS_PER_HOUR, 0.0).astype(np.int64),
        np.where(delivery.called, quantise_w(delivery.committed_kw), 0.0).astype(np.int64),
        counted,
        delivery.called,
        ~np.asarray(np.isfinite(delivery.baseline_kw).any(axis=1)),
    )


def grade(response: MeterResponse, count_negative: CountNegative) -> GradedEnergy:
    """The graded energy of a participant over its called and counted intervals.

    Meters are summed per interval before negative intervals are dropped: the participant is graded on its summed load.
    An interval that a meter misses leaves both sides of the ratio.
    """
    graded = response.graded
    by_interval = np.where(graded, response.response_w, 0).sum(axis=0)
    actual = by_interval if count_negative is CountNegative.NET else np.maximum(by_interval, 0)
    committed = int(response.committed_w[graded].sum())
    actual_kwh, committed_kwh = kwh(int(actual.sum())), kwh(committed)
    return GradedEnergy(
        kwh(int(by_interval.sum())), actual_kwh, committed_kwh, actual_kwh / committed_kwh if committed else None
    )


def kwh(quarter_wh: int) -> Decimal:
    """Quarter watt-hours as kWh, exactly."""
    return Decimal(quarter_wh) / QUARTER_WH_PER_KWH
