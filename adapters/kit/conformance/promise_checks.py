"""What each kind promises besides its power: runs, energy by departure, temperature, charge."""

from datetime import timedelta

import numpy as np

from adapters.kit.conformance.check import Check, may_export, only, table
from adapters.kit.conformance.delivery_checks import latest_offer
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_is,
    expect_near,
    expect_that,
)
from adapters.kit.driver import BatteryReadings, DeviceReadings, PileReadings, ZoneReadings
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Block, Charging, Cooling, Series, Storage
from vpp.domain.timegrid import INTERVAL_H
from vpp.wire.messages import WireReading

_KWH = 0.5
_HOURS = 2
_INTERVALS = 8
_CHARGING = (ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING)


async def block_minimum_is_within_the_offer(trial: Trial) -> None:
    """A block's smallest call is no larger than its largest, and it may run at least as long as it must.

    Source: vpp.domain.flexibility.Block
    """
    block = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Block)
    over = float((block.minimum_kw - block.available_kw).max())
    expect_at_most("kW of the smallest call above the largest", over, 0.0, 1e-9)
    runs = (block.min_run, block.max_run)
    expect_that(1 <= block.min_run <= block.max_run, "least and longest run", runs, "1 <= least <= longest")


async def running_call_is_told_in_the_offer(trial: Trial) -> None:
    """While a block is called its offer says since when, and how many calls are left.

    Source: vpp.domain.flexibility.Block (running_intervals, max_calls)
    """
    trial.shorten_runs()
    before = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Block)
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(36)
        running = expect_is("flexibility", latest_offer(trial).flexibility, Block)
        await trial.until(71)
        after = expect_is("flexibility", latest_offer(trial).flexibility, Block)
    expect_equal("running intervals", running.running_intervals, 2)
    expect_equal("calls left while it runs", running.max_calls, before.max_calls)
    expect_equal("calls left behind it", after.max_calls, max(before.max_calls - 1, 0))


async def charging_envelope_is_one(trial: Trial) -> None:
    """Energy floor and ceiling rise, the floor never above the ceiling, the ceiling never faster than the power.

    Source: vpp.domain.flexibility.Charging
    """
    flexibility = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Charging)
    floor, ceiling = flexibility.energy_floor_kwh, flexibility.energy_ceiling_kwh
    expect_at_most("kWh of the floor above the ceiling", float((floor - ceiling).max()), 0.0, 1e-6)
    expect_at_most("largest fall of the floor", -float(np.diff(floor).min()), 0.0, 1e-6)
    expect_at_most("largest fall of the ceiling", -float(np.diff(ceiling).min()), 0.0, 1e-6)
    steps = np.diff(ceiling, prepend=0.0) / INTERVAL_H - flexibility.power_max_kw
    expect_at_most("kW of the ceiling's rise above the power", float(steps.max()), 0.0, 1e-6)


async def cars_have_their_energy_at_departure(trial: Trial) -> None:
    """Charged along the floor of the offer, no faster, every car has what it was promised when it leaves.

    Source: DESIGN 3, rule 7 (the promise is energy by departure)
    """
    async with trial.running():
        await trial.until(1)
        offer = latest_offer(trial)
        setpoints = _just_in_time(expect_is("flexibility", offer.flexibility, Charging))[:_INTERVALS]
        end = trial.t0 + timedelta(hours=_HOURS)
        await trial.send(
            trial.command(
                setpoints_kw=setpoints.tolist(),
                assumed_forecast_kw=offer.forecast_kw[:_INTERVALS].tolist(),
                expires_at=end,
            )
        )
        await trial.until(60 * _HOURS - 1)
    lacking = _lacking_kwh(trial)
    served = trial.spec.device_count * _KWH
    expect_at_most("kWh lacking at departure", lacking, 0.0, served)


def _just_in_time(flexibility: Charging) -> Series:
    """The least power per interval that keeps to the floor of the envelope and to its least power."""
    setpoints = []
    energy = 0.0
    for least, floor in zip(flexibility.power_min_kw, flexibility.energy_floor_kwh, strict=True):
        power = max(float(least), (float(floor) - energy) / INTERVAL_H, 0.0)
        energy += power * INTERVAL_H
        setpoints.append(power)
    return np.array(setpoints)


def _lacking_kwh(trial: Trial) -> float:
    """Energy that cars still needed in the last minute in which they were there."""
    lacking = 0.0
    for (_, before), (_, after) in zip(trial.probe.history, trial.probe.history[1:], strict=False):
        earlier = expect_is("states", before.piles, PileReadings)
        gone = earlier.plugged & ~expect_is("states", after.piles, PileReadings).plugged
        left = np.where(gone, earlier.session_needed_kwh - after.power_kw / 60.0, 0.0)
        lacking += float(np.maximum(left[trial.spec.devices], 0.0).sum())
    return lacking


async def zones_stay_within_their_band(trial: Trial) -> None:
    """Called for what the offered warming model allows, no zone leaves its band.

    Source: vpp.domain.flexibility.Cooling
    """
    async with trial.running():
        await trial.until(1)
        offer = latest_offer(trial)
        cuts = _deepest_cuts(expect_is("flexibility", offer.flexibility, Cooling))
        await trial.send(
            trial.command(
                setpoints_kw=(offer.forecast_kw[:4] - cuts).tolist(), assumed_forecast_kw=offer.forecast_kw[:4].tolist()
            )
        )
        await trial.until(59)
    truth = expect_is("readings", trial.probe.truth, DeviceReadings)
    zones, devices = expect_is("states", truth.zones, ZoneReadings), trial.spec.devices
    over = (zones.temperature_c - zones.setpoint_c - zones.band_k)[devices]
    expect_at_most("K above the band", float(over.max()), 0.0, 0.25 * float(zones.band_k[devices].min()))


def _deepest_cuts(flexibility: Cooling) -> Series:
    """The largest cut per interval that keeps the offered model within its band for four intervals."""
    cuts, theta = [], flexibility.theta_0_k
    for available in flexibility.available_kw[:4]:
        room = (flexibility.band_k - flexibility.retention * theta) / max(flexibility.gain_k_per_kw, 1e-9)
        cut = min(max(room, 0.0), float(available))
        theta = flexibility.retention * theta + flexibility.gain_k_per_kw * cut
        cuts.append(cut)
    return np.array(cuts)


async def warm_zones_are_offered_less(trial: Trial) -> None:
    """A building that is warm already tells so: the offered rise begins where the zones are, within the band.

    Source: vpp.domain.flexibility.Cooling (theta_0_k)
    """
    cool = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Cooling)
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[trial.case.setpoints_kw[1]] * 4))
        await trial.until(36)
        warm = expect_is("flexibility", latest_offer(trial).flexibility, Cooling)
    expect_that(warm.theta_0_k > cool.theta_0_k, "rise in K after half an hour", warm.theta_0_k, f"> {cool.theta_0_k}")
    expect_at_most("rise in K", warm.theta_0_k, warm.band_k)


def _socs(trial: Trial) -> tuple[Series, Series, Series]:
    devices = trial.spec.devices
    states = [expect_is("states", readings.batteries, BatteryReadings) for _, readings in trial.probe.history]
    history = [state.soc_kwh[devices] for state in states]
    capacity = states[-1].capacity_kwh[devices]
    return np.min(history, axis=0), np.max(history, axis=0), capacity


async def reserve_is_kept(trial: Trial) -> None:
    """However long it is told to discharge, no battery falls below its owner's reserve.

    Source: vpp.domain.flexibility.Storage (soc_min_kwh); DESIGN 3, rule 3
    """
    offer = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Storage)
    async with trial.running():
        depth = [-trial.spec.rated_kw] * 16
        end = trial.t0 + timedelta(hours=4)
        await trial.send(trial.command(setpoints_kw=depth, assumed_forecast_kw=[0.0] * 16, expires_at=end))
        await trial.until(239)
    least, _, capacity = _socs(trial)
    reserve = offer.soc_min_kwh / offer.capacity_kwh * capacity
    expect_at_most("kWh below the reserve", float((reserve - least).max()), 0.0, _KWH)


async def battery_is_not_overfilled(trial: Trial) -> None:
    """However long it is told to charge, no battery is asked for more than it can hold, and the meter says so.

    Source: vpp.domain.flexibility.Storage (capacity_kwh); DESIGN 3, rule 3
    """
    async with trial.running():
        height = [0.9 * trial.spec.rated_kw] * 16
        end = trial.t0 + timedelta(hours=4)
        await trial.send(trial.command(setpoints_kw=height, assumed_forecast_kw=[0.0] * 16, expires_at=end))
        await trial.until(239)
        _, most, capacity = _socs(trial)
        expect_at_most("kWh above capacity", float((most - capacity).max()), 0.0, 1e-6)
        expect_near("kW told to full batteries", trial.held_kw(), 0.0, trial.tolerance_kw)


async def states_of_charge_are_offered_within_bounds(trial: Trial) -> None:
    """The offered state of charge lies between reserve and capacity, and the end's demand is within reach.

    Source: vpp.domain.flexibility.Storage
    """
    offer = expect_is("flexibility", trial.offer(await trial.read()).flexibility, Storage)
    order = (0.0, offer.soc_min_kwh, offer.soc_end_kwh, offer.soc_kwh, offer.capacity_kwh)
    expect_that(list(order) == sorted(order), "0, reserve, end, now, capacity in kWh", order, "rising")
    expect_that(0 < offer.efficiency <= 1, "one-way efficiency", offer.efficiency, "in (0, 1]")


async def discharge_is_metered_as_negative_power(trial: Trial) -> None:
    """A battery that feeds back is metered with negative power and a falling register, of good quality.

    Source: style guide, signs
    """
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[-0.2 * trial.spec.rated_kw] * 4))
        await trial.full_effect()
        before: WireReading = trial.reading()
        await trial.until(10)
        after = trial.reading()
    expect_near("kW", after.power_kw, -0.2 * trial.spec.rated_kw, trial.tolerance_kw)
    expect_that(after.register_wh < before.register_wh, "register", (before.register_wh, after.register_wh), "falling")
    expect_equal("quality", str(after.quality), "good")


CHECKS: tuple[Check, ...] = (
    *table(
        "promise",
        block_minimum_is_within_the_offer,
        running_call_is_told_in_the_offer,
        applies=only(ResourceKind.FACTORY_LINE),
    ),
    *table("promise", charging_envelope_is_one, cars_have_their_energy_at_departure, applies=only(*_CHARGING)),
    *table("promise", zones_stay_within_their_band, warm_zones_are_offered_less, applies=only(ResourceKind.COOLING)),
    *table(
        "promise",
        battery_is_not_overfilled,
        states_of_charge_are_offered_within_bounds,
        applies=only(ResourceKind.STORAGE),
    ),
    *table("promise", reserve_is_kept, discharge_is_metered_as_negative_power, applies=may_export),
)
