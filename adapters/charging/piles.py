"""Charging clusters as a cumulative-energy envelope, and least laxity first when power is short.

Cars that are there: at the earliest ``min(need, p_max * t)``, at the latest so that the need is met by departure. Cars
still to come: the share ``1 - exp(-lead / half a session)`` of the forecast; they may be served ``slack_min`` later.
Where cars wait by their own timers and may be started early, the forecast is what the timers make of it, and the
ceiling lies above it: that is what can be filled (填谷).
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from adapters.kit.adapter import OfferRequest
from adapters.kit.driver import DeviceReadings, Indices, PileReadings
from adapters.kit.resource_spec import ChargingTerms, ResourceSpec
from adapters.kit.split import fill_in_order, fill_proportionally, fill_wanted_first
from vpp.domain.capability import CapabilityOffer
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Charging, Series
from vpp.domain.timegrid import INTERVAL, INTERVAL_H

INTERVAL_MIN = INTERVAL.total_seconds() / 60
_TOLERANCE_KW = 1e-6
HOUR = timedelta(hours=1)
_TYPICAL_SESSION_MIN = {ResourceKind.PUBLIC_CHARGING: 45.0, ResourceKind.RESIDENTIAL_CHARGING: 150.0}


class ChargingAdapter:
    """Public stations and residential clusters."""

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        """A ``Charging`` envelope; the offer's forecast is the uncontrolled charging.

        The ceiling is the same, or above it by what waiting cars would take if they were started at once.
        """
        spec = request.spec
        terms = _terms(spec)
        piles = _piles(spec, request.readings)
        elapsed_h = (request.now - request.grid.start) / HOUR
        ends_h: Series = INTERVAL_H * np.arange(1.0, len(request.grid) + 1.0, dtype=np.float64) - elapsed_h
        cars = _Cars.of(piles, spec.devices)
        timed = cars.earliest_kwh(ends_h - cars.waits_h)
        earliest = cars.earliest_kwh(ends_h) if terms.early_start else timed
        latest = np.minimum(cars.latest_kwh(ends_h), timed)
        to_come = _cars_to_come(request.forecast_kw, ends_h, _session_h(spec))
        # What the running interval has had so far is taken as expected, so that sums count from the grid's start.
        begun_kwh = float(request.forecast_kw[0]) * elapsed_h
        ceiling = _within_power(begun_kwh + earliest + to_come, spec.rated_kw)
        uncontrolled = _within_power(begun_kwh + timed + to_come, spec.rated_kw)
        forecast = _steps(uncontrolled) / INTERVAL_H
        floor = begun_kwh + latest + _delayed(to_come, terms.slack_min)
        power_min = np.zeros_like(forecast)
        if spec.kind is ResourceKind.PUBLIC_CHARGING and terms.slowing_consented:
            kept = _kept_fraction(spec)
            floor = np.minimum(floor, kept * uncontrolled)
            power_min = kept * forecast
        return request.offer(
            Charging(
                power_min_kw=power_min,
                power_max_kw=np.full_like(forecast, max(spec.rated_kw, float(forecast.max(initial=0.0)))),
                energy_floor_kwh=np.minimum(floor, uncontrolled),
                energy_ceiling_kwh=ceiling,
                cost_cny_per_kwh=terms.cost_cny_per_kwh,
            ),
            forecast,
        )

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """Consenting public piles equally slowed, all others least laxity first.

        Empty piles get what is left, and cars that wait what is left then.
        """
        piles = _piles(spec, readings)
        maximum = np.nan_to_num(piles.power_max_kw[spec.devices])
        plugged = piles.plugged[spec.devices]
        minimum = np.fmin(np.nan_to_num(piles.power_min_kw[spec.devices]), maximum)
        if spec.kind is ResourceKind.PUBLIC_CHARGING:
            floor_fraction = _terms(spec).slowed_to_fraction if _terms(spec).slowing_consented else 0.0
            demand = np.where(plugged, maximum, 0.0)
            lower = np.where(plugged, np.maximum(minimum, floor_fraction * maximum), 0.0)
            if lower.sum() <= setpoint_kw:
                present = fill_proportionally(setpoint_kw, lower, demand, demand)
                rest = setpoint_kw - float(present.sum())
                empty = np.flatnonzero(~plugged)
                return present + fill_in_order(rest, minimum, np.where(plugged, 0.0, maximum), empty)
        waits = plugged & (_waits_min(piles)[spec.devices] > 0)
        order = laxity_order(piles, spec.devices)
        # A cap is no reason to start a car early: what waits comes behind the empty piles.
        awake, asleep = np.where(waits, 0.0, maximum), np.where(waits, maximum, 0.0)
        powers = fill_wanted_first(setpoint_kw, minimum, awake, wanted=plugged, order=order)
        return powers + fill_in_order(setpoint_kw - float(powers.sum()), minimum, asleep, order)

    def start_early(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        """All that charges at full power, and waiting cars with it until that is enough: those charging already first.

        A pile that is held at 0 kW is looked at again as soon as its car comes or its time has come.
        """
        piles = _piles(spec, readings)
        plugged = piles.plugged[spec.devices]
        rank = {device: place for place, device in enumerate(laxity_order(piles, spec.devices).tolist())}
        waits = plugged & (_waits_min(piles)[spec.devices] > 0)
        maximum = np.nan_to_num(piles.power_max_kw[spec.devices])
        powers = np.where(plugged & ~waits, maximum, 0.0)
        begun = readings.power_kw[spec.devices] > _TOLERANCE_KW
        for device in sorted(np.flatnonzero(waits).tolist(), key=lambda d: (not begun[d], rank[d])):
            if powers.sum() >= setpoint_kw - _TOLERANCE_KW:
                break
            powers[device] = maximum[device]
        return powers

    def resplits_on_change(self) -> bool:
        """Yes: a car that comes must not wait for the next interval."""
        return True


def laxity_order(piles: PileReadings, devices: slice) -> Indices:
    """Positions of the piles, the car with the least time to spare first, empty piles last."""
    power = np.maximum(piles.power_max_kw[devices], 1e-6)
    laxity_min = piles.minutes_to_departure[devices] - piles.session_needed_kwh[devices] / power * 60.0
    return np.lexsort((laxity_min, ~piles.plugged[devices]))


def unserved_kwh(spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> float:
    """Energy that the cars there now will lack at departure if ``setpoint_kw`` stays until then."""
    piles = _piles(spec, readings)
    given = ChargingAdapter().split(spec, setpoint_kw, readings)
    reachable = given * piles.minutes_to_departure[spec.devices] / 60.0
    lacking = np.maximum(piles.session_needed_kwh[spec.devices] - reachable, 0.0)
    return float(lacking[piles.plugged[spec.devices]].sum())


def _session_h(spec: ResourceSpec) -> float:
    minutes = _terms(spec).session_min
    return (_TYPICAL_SESSION_MIN[spec.kind] if minutes is None else max(minutes, 1.0)) / 60.0


def _cars_to_come(forecast_kw: Series, ends_h: Series, session_h: float) -> Series:
    """Cumulative energy at interval ends of cars that are not there yet: their share grows as those there leave.

    A session under way has half its length left on average.
    """
    leads_h = np.maximum(ends_h - INTERVAL_H / 2, 0.0)
    newcomers_kw = forecast_kw * (1.0 - np.exp(-leads_h / (0.5 * session_h)))
    return np.asarray(np.cumsum(newcomers_kw) * INTERVAL_H, dtype=np.float64)


def _waits_min(piles: PileReadings) -> Series:
    return np.zeros_like(piles.power_max_kw) if piles.minutes_to_begin is None else piles.minutes_to_begin


@dataclass(frozen=True, slots=True, eq=False)
class _Cars:
    """The cars that are there; columns of shape (cars, 1)."""

    need_kwh: Series
    power_kw: Series
    leaves_h: Series
    waits_h: Series

    @classmethod
    def of(cls, piles: PileReadings, devices: slice) -> "_Cars":
        there = piles.plugged[devices]
        columns = (piles.session_needed_kwh, piles.power_max_kw, piles.minutes_to_departure / 60.0)
        need, power, leaves = (values[devices][there, np.newaxis] for values in columns)
        return cls(need, power, leaves, _waits_min(piles)[devices][there, np.newaxis] / 60.0)

    def earliest_kwh(self, after_h: Series) -> Series:
        """Energy of all after ``after_h`` at full power, of shape (intervals,) or (cars, intervals)."""
        had: Series = np.minimum(self.need_kwh, self.power_kw * np.maximum(after_h, 0.0)).sum(axis=0)
        return had

    def latest_kwh(self, ends_h: Series) -> Series:
        """The least energy by ``ends_h`` with which all needs can still be met, never more than can be had."""
        earliest = np.minimum(self.need_kwh, self.power_kw * ends_h)
        last = self.need_kwh - self.power_kw * np.maximum(self.leaves_h - ends_h, 0.0)
        least: Series = np.minimum(earliest, np.maximum(last, 0.0)).sum(axis=0)
        return least


def _steps(cumulative: Series) -> Series:
    steps = cumulative.copy()
    steps[1:] -= cumulative[:-1]
    return steps


def _within_power(cumulative_kwh: Series, power_kw: float) -> Series:
    """The largest curve below ``cumulative_kwh`` that never rises faster than ``power_kw``."""
    ramp = power_kw * INTERVAL_H * np.arange(1, len(cumulative_kwh) + 1)
    return np.asarray(ramp + np.minimum(np.minimum.accumulate(cumulative_kwh - ramp), 0.0), dtype=np.float64)


def _delayed(cumulative_kwh: Series, delay_min: float) -> Series:
    ends_min = INTERVAL_MIN * np.arange(1, len(cumulative_kwh) + 1)
    return np.asarray(np.interp(ends_min - delay_min, ends_min, cumulative_kwh, left=0.0), dtype=np.float64)


def _kept_fraction(spec: ResourceSpec) -> float:
    """Share of the energy kept when each session is slowed for as long as it may be."""
    terms = _terms(spec)
    slowed_share = min(1.0, terms.slowed_at_most_min / 60.0 / _session_h(spec))
    return 1.0 - (1.0 - terms.slowed_to_fraction) * slowed_share


def _terms(spec: ResourceSpec) -> ChargingTerms:
    if not isinstance(spec.terms, ChargingTerms):
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r} is not charging")
    return spec.terms


def _piles(spec: ResourceSpec, readings: DeviceReadings) -> PileReadings:
    if readings.piles is None:
        raise InputError(f"resource {spec.id!r} of kind {spec.kind.value!r}: the driver reads no piles")
    return readings.piles
