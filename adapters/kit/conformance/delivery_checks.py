"""What was offered can be delivered, and what the kind promises is kept: energy, charge, temperature, runs."""

from datetime import timedelta

import numpy as np

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.offer_checks import largest_cut_kw
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import (
    ConformanceError,
    expect_at_most,
    expect_equal,
    expect_is,
    expect_that,
    expect_true,
)
from adapters.kit.driver import DeviceReadings
from vpp.domain.capability import CapabilityOffer
from vpp.domain.fleet import ResourceKind
from vpp.wire.convert import offers_from_wire
from vpp.wire.messages import CapabilityMessage

_KWH = 0.5
_HOURS = 2
_INTERVALS = 8
_CHARGING = (ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING)


def latest_offer(trial: Trial) -> CapabilityOffer:
    """The latest offer heard of the resource on trial."""
    for message in reversed(trial.of(CapabilityMessage)):
        for offer in offers_from_wire(message):
            if offer.resource_id == trial.spec.id:
                return offer
    raise ConformanceError(f"offers heard of {trial.spec.id!r}: saw none, expected at least one")


async def offered_cut_is_delivered(trial: Trial) -> None:
    """Called for all it offers, the resource falls to forecast less offer within its notice.

    Source: DESIGN 3, flow of one event (capability, plan, commands)
    """
    async with trial.running():
        await trial.until(1)
        offer = latest_offer(trial)
        target = float(offer.forecast_kw[0]) - largest_cut_kw(offer)
        await trial.send(
            trial.command(setpoints_kw=[target] * 4, assumed_forecast_kw=[float(offer.forecast_kw[0])] * 4)
        )
        await trial.full_effect()
        expect_equal("acks", trial.states(), FULL)
        expect_at_most("metered kW", trial.power_kw(), target, trial.tolerance_kw)


async def smaller_cut_is_delivered_too(trial: Trial) -> None:
    """The case's upper setpoint, a smaller cut, is held for its hour: never more than told in any minute.

    Source: DESIGN 3, what the figures mean (verified)
    """
    limit = trial.case.setpoints_kw[0]
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.full_effect()
        begun = len(trial.probe.history)
        await trial.until(59)
        powers = [float(r.power_kw[trial.spec.devices].sum()) for _, r in trial.probe.history[begun:]]
        expect_at_most("largest metered kW", max(powers), limit, trial.tolerance_kw)


async def released_resource_is_no_longer_held_down(trial: Trial) -> None:
    """After the event the resource is offered again, available, and its devices hold nothing.

    Source: DESIGN 3, commands (release)
    """
    trial.shorten_runs()
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15)))
        await trial.until(40)
        expect_that(trial.free_again(), "devices", trial.written(), "released")
        held = expect_is("readings", trial.probe.truth, DeviceReadings).setpoint_kw[trial.spec.devices]
        expect_that(np.isnan(held).all(), "setpoints that devices hold", held, "nan at each")
        expect_true("available", latest_offer(trial).available)


async def free_devices_are_left_alone(trial: Trial) -> None:
    """Without a command no device is written, however long the gateway runs.

    Source: DESIGN 2, adapters
    """
    async with trial.running():
        await trial.until(60)
    expect_equal("writes", trial.probe.writes, [])
    expect_equal("writes tried", trial.probe.attempts, 0)


CHECKS: tuple[Check, ...] = table(
    "delivery",
    offered_cut_is_delivered,
    smaller_cut_is_delivered_too,
    released_resource_is_no_longer_held_down,
    free_devices_are_left_alone,
)
