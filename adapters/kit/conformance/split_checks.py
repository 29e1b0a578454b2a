"""How the adapter shares a setpoint out: conserved, within limits, off or at least the minimum."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from adapters.kit.conformance.check import Check, may_export, may_not_export, only, table
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_finite,
    expect_is,
    expect_near,
    expect_that,
)
from adapters.kit.driver import BatteryReadings, DeviceReadings, LineReadings, PileReadings
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series

_KW = 1e-6
_STEPS = 21
_ON_OR_OFF = (ResourceKind.FACTORY_LINE, ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING)


def _ladder(trial: Trial) -> Series:
    return np.linspace(0.0, trial.spec.rated_kw, _STEPS)


def _limits(trial: Trial, readings: DeviceReadings) -> tuple[Series, Series]:
    """Least (but off) and largest power per device of the resource."""
    devices = trial.spec.devices
    if readings.piles is not None:
        return readings.piles.power_min_kw[devices], readings.piles.power_max_kw[devices]
    if readings.zones is not None:
        upper = readings.zones.power_max_kw[devices]
        return np.zeros_like(upper), upper
    if readings.batteries is not None:
        upper = readings.batteries.power_max_kw[devices]
        return -upper, upper
    lines = expect_is("states", readings.lines, LineReadings)
    return lines.min_kw[devices], lines.rated_kw[devices]


async def split_gives_one_power_per_device(trial: Trial) -> None:
    """A split has one finite setpoint per device of the resource, at any power.

    Source: adapters.kit.adapter
    """
    readings = await trial.read()
    for setpoint in _ladder(trial):
        expect_finite(f"split of {setpoint:g} kW", trial.split(float(setpoint), readings), trial.spec.device_count)


async def split_conserves_the_power(trial: Trial) -> None:
    """The shares add up to the setpoint wherever the devices' limits allow it.

    Source: DESIGN 2, adapters (splits a resource setpoint over its devices)
    """
    readings = await trial.read()
    for setpoint in trial.case.setpoints_kw:
        expect_near("sum of the shares in kW", float(trial.split(setpoint, readings).sum()), setpoint, _KW)


async def split_never_exceeds_the_power(trial: Trial) -> None:
    """The shares never add up to more than asked, unless even the least that devices can do is more.

    Source: adapters.kit.adapter
    """
    readings = await trial.read()
    least = float(trial.split(0.0, readings).sum())
    for setpoint in _ladder(trial):
        total = float(trial.split(float(setpoint), readings).sum())
        expect_at_most(f"sum of the shares of {setpoint:g} kW", total, max(float(setpoint), least), _KW)


async def split_of_nothing_is_the_least(trial: Trial) -> None:
    """Asked for nothing, devices are told no more than what keeps them running, below the case's lower setpoint.

    Source: adapters.kit.adapter
    """
    readings = await trial.read()
    least = float(trial.split(0.0, readings).sum())
    expect_at_most("sum of the shares of 0 kW", least, max(trial.case.setpoints_kw[1], 0.0), _KW)


async def split_keeps_to_the_largest_power(trial: Trial) -> None:
    """No device is told more than it can take.

    Source: DESIGN 3, rule 3 (physics is hard)
    """
    readings = await trial.read()
    _, upper = _limits(trial, readings)
    for setpoint in _ladder(trial):
        over = float((trial.split(float(setpoint), readings) - upper).max())
        expect_at_most(f"kW above a device's largest power, of {setpoint:g} kW", over, 0.0, _KW)


async def split_is_not_negative(trial: Trial) -> None:
    """What may not feed back is never told to.

    Source: DESIGN 3, rule 3 (no-export rules are hard)
    """
    readings = await trial.read()
    for setpoint in (-trial.spec.rated_kw, -1.0, 0.0, trial.case.setpoints_kw[1]):
        total = float(trial.split(setpoint, readings).sum())
        expect_at_most(f"fed back in kW at {setpoint:g} kW", -total, 0.0, _KW)


async def split_rises_with_the_power(trial: Trial) -> None:
    """More power asked never means less power told.

    Source: adapters.kit.adapter
    """
    readings = await trial.read()
    totals = [float(trial.split(float(setpoint), readings).sum()) for setpoint in _ladder(trial)]
    falls = [float(f"{b - a:.6f}") for a, b in pairwise(totals) if b < a - _KW]
    expect_equal("falls in kW along rising setpoints", falls, [])


async def split_is_the_same_for_the_same_devices(trial: Trial) -> None:
    """A split is a pure function: what is asked twice is told twice, so that a restart moves nothing.

    Source: DESIGN 3, commands
    """
    readings = await trial.read()
    first, second = (trial.split(trial.case.setpoints_kw[0], readings) for _ in range(2))
    expect_equal("second split in kW", second.tolist(), first.tolist())


async def split_stays_finite_with_a_device_offline(trial: Trial) -> None:
    """A device that does not answer spoils no other device's share.

    Source: adapters.kit.driver (single devices out of reach)
    """
    readings = await trial.read()
    online = readings.online.copy()
    online[trial.devices[0]] = False
    power = np.where(online, readings.power_kw, np.nan)
    shares = trial.split(trial.case.setpoints_kw[0], replace(readings, online=online, power_kw=power))
    expect_finite("split with a device offline", shares, trial.spec.device_count)
    expect_at_most("sum of the shares in kW", float(shares.sum()), trial.case.setpoints_kw[0], _KW)


async def split_is_off_or_at_least_the_minimum(trial: Trial) -> None:
    """A pile charges with 0 or at least 6 A per phase; a line is off or at least at its minimum.

    Source: DESIGN 3, rule 7
    """
    readings = await trial.read()
    least, _ = _limits(trial, readings)
    for setpoint in _ladder(trial):
        shares = trial.split(float(setpoint), readings)
        between = (shares > _KW) & (shares < least - _KW)
        expect_that(not between.any(), f"shares of {setpoint:g} kW", shares, f"0 or at least {least}")


async def split_serves_the_car_that_leaves_first(trial: Trial) -> None:
    """When power is short, no other car charges above its minimum before the one that leaves first is served in full.

    Source: DESIGN 3, rule 7 (the promise is energy by departure)
    """
    readings = await trial.read()
    piles = expect_is("states", readings.piles, PileReadings)
    device = trial.devices[-1]
    leaves, needs = piles.minutes_to_departure.copy(), piles.session_needed_kwh.copy()
    leaves[trial.spec.devices], needs[trial.spec.devices] = 600.0, 5.0
    leaves[device], needs[device] = 30.0, piles.power_max_kw[device] * 0.5
    urgent = replace(readings, piles=replace(piles, minutes_to_departure=leaves, session_needed_kwh=needs))
    shares = trial.split(float(piles.power_max_kw[device]), urgent)
    others = float((shares - piles.power_min_kw[trial.spec.devices])[:-1].max())
    served = float(shares[-1]) >= float(piles.power_max_kw[device]) - _KW
    expect_that(shares[-1] > 0, "share of the car that leaves first in kW", shares[-1], "more than 0")
    expect_that(served or others <= _KW, "shares in kW, that of the car that leaves first last", shares, "it first")


async def split_takes_nothing_from_an_empty_battery(trial: Trial) -> None:
    """A battery at its owner's reserve is not discharged; the others give what they can.

    Source: DESIGN 3, rule 3 (physics is hard)
    """
    readings = await trial.read()
    batteries = expect_is("states", readings.batteries, BatteryReadings)
    soc = batteries.soc_kwh.copy()
    soc[trial.devices[0]] = 0.0
    shares = trial.split(-0.2 * trial.spec.rated_kw, replace(readings, batteries=replace(batteries, soc_kwh=soc)))
    expect_at_most("discharge of the empty battery in kW", -float(shares[0]), 0.0, _KW)
    expect_near("sum of the shares in kW", float(shares.sum()), -0.2 * trial.spec.rated_kw, _KW)


async def split_puts_nothing_into_a_full_battery(trial: Trial) -> None:
    """A full battery is not charged.

    Source: DESIGN 3, rule 3 (physics is hard)
    """
    readings = await trial.read()
    batteries = expect_is("states", readings.batteries, BatteryReadings)
    soc = batteries.soc_kwh.copy()
    soc[trial.devices[0]] = batteries.capacity_kwh[trial.devices[0]]
    full = replace(readings, batteries=replace(batteries, soc_kwh=soc))
    expect_at_most("charge of the full battery in kW", float(trial.split(trial.spec.rated_kw, full)[0]), 0.0, _KW)


CHECKS: tuple[Check, ...] = (
    *table(
        "split",
        split_gives_one_power_per_device,
        split_conserves_the_power,
        split_never_exceeds_the_power,
        split_of_nothing_is_the_least,
        split_keeps_to_the_largest_power,
        split_rises_with_the_power,
        split_is_the_same_for_the_same_devices,
        split_stays_finite_with_a_device_offline,
    ),
    *table("split", split_is_not_negative, applies=may_not_export),
    *table("split", split_is_off_or_at_least_the_minimum, applies=only(*_ON_OR_OFF)),
    *table("split", split_serves_the_car_that_leaves_first, applies=only(ResourceKind.RESIDENTIAL_CHARGING)),
    *table("split", split_takes_nothing_from_an_empty_battery, applies=may_export),
    *table("split", split_puts_nothing_into_a_full_battery, applies=only(ResourceKind.STORAGE)),
)
