"""Adapters and drivers that are broken on purpose: each is caught by the check that is meant to catch it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from adapters.kit.adapter import Adapter, OfferRequest
from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.conformance.suite import Outcome, chosen, run_check
from adapters.kit.conformance.twin import TwinDriver
from adapters.kit.driver import ApplyResult, DeviceDriver, DeviceReadings, Indices
from adapters.kit.resource_spec import ResourceSpec
from adapters.laboratory import VirtualLaboratory
from adapters.standard_cases import (
    COOLING,
    FACTORY_LINE,
    FACTORY_PROCESS,
    LIGHTING,
    PUBLIC_CHARGING,
    RESIDENTIAL_CHARGING,
    STORAGE,
    STORAGE_WITHOUT_EXPORT,
)
from vpp.domain.capability import CapabilityOffer
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Series
from vpp.ports import Clock

Split = Callable[[Adapter, ResourceSpec, float, DeviceReadings], Series]
Offer = Callable[[Adapter, OfferRequest], CapabilityOffer]


class BrokenAdapter:
    """Another adapter with one of its functions replaced."""

    def __init__(self, inner: Adapter, *, split: Split | None = None, offer: Offer | None = None) -> None:
        self._inner, self._split, self._offer = inner, split, offer

    def offer(self, request: OfferRequest) -> CapabilityOffer:
        return self._inner.offer(request) if self._offer is None else self._offer(self._inner, request)

    def split(self, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
        if self._split is None:
            return self._inner.split(spec, setpoint_kw, readings)
        return self._split(self._inner, spec, setpoint_kw, readings)

    def resplits_on_change(self) -> bool:
        return self._inner.resplits_on_change()


class BrokenDriver:
    """A whole driver inside; subclasses break one thing."""

    def __init__(self, inner: DeviceDriver) -> None:
        self.inner = inner

    async def read(self, at: datetime) -> DeviceReadings:
        return await self.inner.read(at)

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        return await self.inner.apply(device_indices, setpoints_kw)

    async def release(self, device_indices: Indices) -> ApplyResult:
        return await self.inner.release(device_indices)


class WritesWatts(BrokenDriver):
    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        return await self.inner.apply(device_indices, setpoints_kw * 1000.0)


class ReadsWatts(BrokenDriver):
    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, power_kw=readings.power_kw * 1000.0)


class RegisterInKwh(BrokenDriver):
    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, register_wh=readings.register_wh // 1000)


class RegisterForgets(BrokenDriver):
    """Registers that begin anew with every reading."""

    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, register_wh=np.zeros_like(readings.register_wh))


class NeverReleases(BrokenDriver):
    async def release(self, device_indices: Indices) -> ApplyResult:
        return ApplyResult(np.ones(len(device_indices), dtype=bool))


class WritesEverybody(BrokenDriver):
    """A broadcast: what one device is told all are told."""

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        await self.inner.apply(np.arange(8, dtype=np.int64), np.full(8, setpoints_kw[0]))
        return ApplyResult(np.ones(len(device_indices), dtype=bool))


class AddsSetpoints(BrokenDriver):
    """Takes a setpoint for a change."""

    def __init__(self, inner: DeviceDriver) -> None:
        super().__init__(inner)
        self.held_kw = np.zeros(8)

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        self.held_kw[device_indices] += setpoints_kw
        return await self.inner.apply(device_indices, self.held_kw[device_indices])


class SaysYesDoesNothing(BrokenDriver):
    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        return ApplyResult(np.ones(len(device_indices), dtype=bool))


class SignTurned(BrokenDriver):
    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, power_kw=-readings.power_kw)


class HoldsZeroWhenFree(BrokenDriver):
    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, setpoint_kw=np.nan_to_num(readings.setpoint_kw))


class TooShort(BrokenDriver):
    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self.inner.read(at)
        return replace(readings, online=readings.online[:-1])


class DropsOut(BrokenDriver):
    """Forgets its setpoint after five minutes: devices whose own watchdog is not fed."""

    minutes = 0

    async def read(self, at: datetime) -> DeviceReadings:
        self.minutes += 1
        if self.minutes % 5 == 0 and isinstance(self.inner, TwinDriver):
            await self.inner.release(np.arange(8, dtype=np.int64))
        return await self.inner.read(at)


@pytest.mark.parametrize(
    ("case", "broken", "check", "message"),
    [
        (FACTORY_PROCESS, WritesWatts, "driver.setpoint_is_read_back", "setpoints read back: saw [65000."),
        (FACTORY_PROCESS, WritesWatts, "driver.setpoint_binds", "kW under a setpoint: saw 320"),
        (FACTORY_PROCESS, ReadsWatts, "driver.power_is_in_kw", "power in kW: saw 200000, expected at most 440"),
        (LIGHTING, RegisterInKwh, "driver.register_counts_what_power_says", "Wh in minute 1: saw 1, expected 1333.33"),
        (COOLING, RegisterForgets, "buffer.register_matches_the_power_told", "Wh in ten minutes: saw 0"),
        (COOLING, NeverReleases, "driver.release_lets_devices_run_free", "setpoints after the release: saw [60."),
        (COOLING, NeverReleases, "delivery.released_resource_is_no_longer_held_down", "setpoints that devices hold"),
        (STORAGE, WritesEverybody, "driver.setpoint_reaches_only_the_listed_devices", "setpoints of the others"),
        (STORAGE, AddsSetpoints, "driver.setpoint_is_a_state_not_a_change", "setpoints after the second write"),
        (PUBLIC_CHARGING, SaysYesDoesNothing, "driver.setpoint_is_read_back", "setpoints read back: saw [nan"),
        (PUBLIC_CHARGING, SaysYesDoesNothing, "command.command_is_followed_and_acknowledged", "metered kW: saw 240"),
        (FACTORY_LINE, SignTurned, "driver.power_of_a_load_is_not_negative", "sign turned: saw 80"),
        (FACTORY_LINE, HoldsZeroWhenFree, "driver.read_says_that_devices_run_free", "setpoints of fresh devices"),
        (LIGHTING, TooShort, "driver.read_covers_all_devices", "shape of online: saw (7,), expected (8,)"),
        (LIGHTING, DropsOut, "delivery.smaller_cut_is_delivered_too", "largest metered kW: saw 320"),
    ],
)
def test_conform__catches_a_broken_driver(
    case: ConformanceCase, broken: type[BrokenDriver], check: str, message: str
) -> None:
    whole = case.driver

    def driver(clock: Clock) -> BrokenDriver:
        return broken(whole(clock))

    result = run_check(chosen([check])[0], replace(case, driver=driver), VirtualLaboratory())
    assert result.outcome is Outcome.FAILED
    assert message in result.detail


def equal_shares(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return np.full(spec.device_count, setpoint_kw / spec.device_count)


def everybody_gets_all(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return np.full(spec.device_count, setpoint_kw)


def one_too_few(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return inner.split(spec, setpoint_kw, readings)[:-1]


def half_is_lost(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return 0.5 * inner.split(spec, setpoint_kw, readings)


def backwards(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return inner.split(spec, setpoint_kw, readings)[::-1]


def feeds_back(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return np.full(spec.device_count, -10.0)


_calls = itertools.count()


def drifts(inner: Adapter, spec: ResourceSpec, setpoint_kw: float, readings: DeviceReadings) -> Series:
    return inner.split(spec, setpoint_kw, readings) - 0.001 * next(_calls)


@pytest.mark.parametrize(
    ("case", "split", "check", "message"),
    [
        (RESIDENTIAL_CHARGING, equal_shares, "split.split_is_off_or_at_least_the_minimum", "expected 0 or at least"),
        (RESIDENTIAL_CHARGING, backwards, "split.split_serves_the_car_that_leaves_first", "expected more than 0"),
        (FACTORY_PROCESS, everybody_gets_all, "split.split_never_exceeds_the_power", "sum of the shares of 20 kW"),
        (FACTORY_PROCESS, everybody_gets_all, "split.split_keeps_to_the_largest_power", "above a device's largest"),
        (COOLING, one_too_few, "split.split_gives_one_power_per_device", "saw (3,), expected (4,)"),
        (COOLING, half_is_lost, "split.split_conserves_the_power", "saw 120, expected 240 within"),
        (STORAGE, equal_shares, "split.split_takes_nothing_from_an_empty_battery", "empty battery in kW: saw 20"),
        (STORAGE, equal_shares, "promise.reserve_is_kept", "kWh below the reserve: saw"),
        (STORAGE_WITHOUT_EXPORT, feeds_back, "split.split_is_not_negative", "fed back in kW at -400 kW: saw 40"),
        (LIGHTING, drifts, "split.split_is_the_same_for_the_same_devices", "second split in kW: saw"),
    ],
)
def test_conform__catches_a_broken_split(case: ConformanceCase, split: Split, check: str, message: str) -> None:
    broken = replace(case, adapter=BrokenAdapter(case.adapter, split=split))
    result = run_check(chosen([check])[0], broken, VirtualLaboratory())
    assert result.outcome is Outcome.FAILED
    assert message in result.detail


def always_available(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    return replace(inner.offer(request), available=True, reason="")


def twice_the_forecast(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(request)
    assert isinstance(offer.flexibility, Curtailable)
    return replace(offer, flexibility=replace(offer.flexibility, segment_1_kw=2.0 * offer.forecast_kw))


def negative_segment(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(request)
    assert isinstance(offer.flexibility, Curtailable)
    return replace(offer, flexibility=replace(offer.flexibility, segment_2_kw=-offer.forecast_kw))


def forgets_who_is_online(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    online = np.ones(len(request.readings.online), dtype=bool)
    return inner.offer(replace(request, readings=replace(request.readings, online=online)))


def promises_nobody_anything(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(request)
    assert isinstance(offer.flexibility, Charging)
    zeros = np.zeros_like(offer.forecast_kw)
    return replace(offer, flexibility=replace(offer.flexibility, energy_floor_kwh=zeros, power_min_kw=zeros))


def floor_above_ceiling(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(request)
    assert isinstance(offer.flexibility, Charging)
    return replace(
        offer, flexibility=replace(offer.flexibility, energy_floor_kwh=offer.flexibility.energy_ceiling_kwh + 1.0)
    )


def forgets_the_running_call(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(replace(request, running_intervals=0))
    assert isinstance(offer.flexibility, Block)
    return offer


def always_cool(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    offer = inner.offer(request)
    assert isinstance(offer.flexibility, Cooling)
    return replace(offer, flexibility=replace(offer.flexibility, theta_0_k=0.0))


def another_resource(inner: Adapter, request: OfferRequest) -> CapabilityOffer:
    return replace(inner.offer(request), resource_id="r9")


@pytest.mark.parametrize(
    ("case", "offer", "check", "message"),
    [
        (STORAGE, always_available, "offer.offer_is_off_when_all_devices_are_offline", "expected not available"),
        (STORAGE, always_available, "offer.offer_is_off_for_a_protected_class", "of a protected class: saw True"),
        (STORAGE, always_available, "offer.offer_is_off_without_opt_in", "without an opt-in: saw True"),
        (COOLING, always_available, "announcement.offer_follows_a_device_that_drops_out", "available: saw True"),
        (LIGHTING, twice_the_forecast, "offer.offer_is_not_more_than_is_there", "expected at most 320"),
        (LIGHTING, negative_segment, "offer.offer_has_no_flaw", "segment_2_kw is -320.0"),
        (COOLING, forgets_who_is_online, "offer.offer_is_off_when_all_devices_are_offline", "expected not available"),
        (RESIDENTIAL_CHARGING, promises_nobody_anything, "promise.cars_have_their_energy_at_departure", "lacking"),
        (PUBLIC_CHARGING, floor_above_ceiling, "promise.charging_envelope_is_one", "floor above the ceiling: saw 1"),
        (FACTORY_LINE, forgets_the_running_call, "promise.running_call_is_told_in_the_offer", "saw 0, expected 2"),
        (COOLING, always_cool, "promise.warm_zones_are_offered_less", "rise in K after half an hour: saw 0.0"),
        (LIGHTING, another_resource, "offer.offer_is_for_the_resource_and_the_grid", "saw r9, expected r0"),
    ],
)
def test_conform__catches_a_broken_offer(case: ConformanceCase, offer: Offer, check: str, message: str) -> None:
    broken = replace(case, adapter=BrokenAdapter(case.adapter, offer=offer))
    result = run_check(chosen([check])[0], broken, VirtualLaboratory())
    assert result.outcome is Outcome.FAILED
    assert message in result.detail
