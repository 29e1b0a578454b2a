"""Devices whose answers are broken: nothing is invented, and the gateway lives on."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from adapters.kit.conformance.check import Check, all_but, table
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_near,
    expect_that,
)
from adapters.kit.driver import DeviceReadings, DriverError
from vpp.domain.capability import flaw_of
from vpp.domain.commands import AckState
from vpp.domain.fleet import ResourceKind
from vpp.domain.telemetry import Quality
from vpp.wire.convert import offers_from_wire
from vpp.wire.messages import CapabilityMessage, TelemetryMessage

_KW = 0.01
_BAD = (Quality.MISSING, Quality.SUSPECT)


async def _expect_bad_then_good(trial: Trial, qualities: tuple[Quality, ...], break_it: Callable[[], None]) -> None:
    """Breaks readings for three minutes: no good reading meanwhile, no invented value, good ones afterwards."""
    async with trial.running():
        await trial.until(2)
        good = trial.reading()
        expect_equal("quality before", good.quality, Quality.GOOD)
        break_it()
        await trial.until(5)
        bad = trial.reading()
        expect_that(bad.quality in qualities, "quality meanwhile", bad.quality, " or ".join(qualities))
        held = abs(bad.power_kw - good.power_kw)
        expect_at_most("kW away from the last good value", held, 0.25 * trial.spec.rated_kw)
        trial.probe.alter, trial.probe.reads_fail, trial.probe.hanging = None, None, False
        await trial.until(8)
        expect_equal("quality afterwards", trial.reading().quality, Quality.GOOD)
        _expect_every_minute(trial, 8)


def _expect_every_minute(trial: Trial, minutes: int) -> None:
    expect_equal("minutes reported", len({m.at for m in trial.of(TelemetryMessage)}), minutes + 1)


def _alter(trial: Trial, change: Callable[[DeviceReadings], DeviceReadings]) -> Callable[[], None]:
    def break_it() -> None:
        trial.probe.alter = change

    return break_it


def _device(readings: DeviceReadings, name: str, device: int, value: float) -> DeviceReadings:
    values = getattr(readings, name).copy()
    values[device] = value
    changed: dict[str, Any] = {name: values}
    return replace(readings, **changed)


async def reading_that_fails_is_survived(trial: Trial) -> None:
    """When the devices cannot be read the minute is reported as missing with the last value, never as zero.

    Source: style guide, errors (never return zeros as a fallback)
    """

    def break_it() -> None:
        trial.probe.reads_fail = DriverError("bus is down")

    await _expect_bad_then_good(trial, (Quality.MISSING,), break_it)


async def reading_with_a_foreign_error_is_survived(trial: Trial) -> None:
    """An error that the driver should have translated does not end the gateway: it must release in time.

    Source: DESIGN 2, adapters (safe local behaviour)
    """

    def break_it() -> None:
        trial.probe.reads_fail = ValueError("could not convert string to float: 'ERR'")

    await _expect_bad_then_good(trial, (Quality.MISSING,), break_it)


async def reading_that_never_comes_is_given_up(trial: Trial) -> None:
    """A reading that hangs is given up after its time-out, and every minute is reported all the same.

    Source: style guide (asyncio.timeout at each outside call)
    """

    def break_it() -> None:
        trial.probe.hanging = True

    await _expect_bad_then_good(trial, (Quality.MISSING,), break_it)


async def power_that_is_no_number_is_not_good(trial: Trial) -> None:
    """A device that answers nan for its power makes the reading suspect.

    Source: style guide, units (finite numbers only)
    """
    first = trial.devices[0]
    await _expect_bad_then_good(trial, _BAD, _alter(trial, lambda r: _device(r, "power_kw", first, float("nan"))))


async def power_in_watts_is_not_good(trial: Trial) -> None:
    """A thousand times the power is reported as suspect: the device answers in W.

    Source: DESIGN 3, what the figures mean (readings of good quality only)
    """
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[trial.case.setpoints_kw[1]] * 4))
        await trial.until(2)
        trial.probe.alter = lambda readings: replace(readings, power_kw=readings.power_kw * 1000.0)
        await trial.until(4)
        expect_equal("quality", trial.reading().quality, Quality.SUSPECT)


async def negative_power_of_a_load_is_not_good(trial: Trial) -> None:
    """A load that claims to feed back makes the reading suspect, and its figure is not taken.

    Source: style guide, signs; DESIGN 3 (readings of good quality only)
    """
    first = trial.devices[0]
    claim = -0.5 * trial.spec.rated_kw
    await _expect_bad_then_good(trial, _BAD, _alter(trial, lambda r: _device(r, "power_kw", first, claim)))


async def register_that_falls_is_not_good(trial: Trial) -> None:
    """A load's register that falls makes the minute suspect: settlement takes differences of good registers.

    Source: DESIGN 3, what the figures mean (settlement uses register differences)
    """
    first = trial.devices[0]
    async with trial.running():
        await trial.until(3)
        fallen = -int(1000 * trial.spec.rated_kw)
        trial.probe.alter = lambda r: replace(
            r, register_wh=r.register_wh + fallen * (np.arange(len(r.online)) == first)
        )
        await trial.until(4)
        expect_that(trial.reading().quality in _BAD, "quality", trial.reading().quality, "suspect or missing")
        await trial.until(6)
        expect_equal("quality once it counts again", trial.reading().quality, Quality.GOOD)


async def answer_of_the_wrong_shape_is_survived(trial: Trial) -> None:
    """Arrays that are too short are no reading at all.

    Source: adapters.kit.driver (arrays run over all devices)
    """
    await _expect_bad_then_good(
        trial, (Quality.MISSING,), _alter(trial, lambda r: replace(r, power_kw=r.power_kw[:-1], online=r.online[:-1]))
    )


async def states_that_are_no_numbers_spoil_no_offer(trial: Trial) -> None:
    """A device whose states are nan is left out; the offers that leave have no flaw.

    Source: vpp.domain.capability.flaw_of; style guide, units (finite numbers only)
    """
    async with trial.running():
        await trial.until(2)
        trial.probe.alter = lambda readings: _without_states(readings, trial.devices[0])
        await trial.until(7)
        messages = trial.of(CapabilityMessage)
        expect_that(messages[-1].issued_at > trial.t0, "latest offers", messages[-1].issued_at, "made since")
        for message in messages:
            for offer in offers_from_wire(message):
                expect_equal("flaw", flaw_of(offer), None)
                expect_that(np.isfinite(offer.forecast_kw).all(), "forecast", offer.forecast_kw, "finite numbers")
        _expect_every_minute(trial, 7)


def _without_states(readings: DeviceReadings, device: int) -> DeviceReadings:
    changed: dict[str, Any] = {}
    for name in ("lines", "piles", "zones", "batteries"):
        group = getattr(readings, name)
        if group is None:
            continue
        spoilt = {}
        for field in fields(group):
            values = getattr(group, field.name)
            if values is None:
                continue
            values = values.copy()
            if values.dtype.kind == "f":
                values[device] = np.nan
            spoilt[field.name] = values
        changed[name] = replace(group, **spoilt)
    return replace(readings, **changed)


async def telemetry_says_what_the_meter_says(trial: Trial) -> None:
    """Devices that took a setpoint and draw more all the same are reported by their meter, not by the setpoint.

    Source: DESIGN 3, what the figures mean (metered and acknowledged are two figures)
    """
    surplus = 0.1 * trial.spec.rated_kw
    async with trial.running():
        await trial.send(trial.command())
        await trial.settle()
        trial.probe.alter = lambda r: _device(r, "power_kw", trial.devices[0], r.power_kw[trial.devices[0]] + surplus)
        await trial.until(10)
        expect_near("metered kW", trial.reading().power_kw, trial.power_kw() + surplus, _KW)
        expect_equal("last ack", trial.states()[-1], AckState.APPLIED)


CHECKS: tuple[Check, ...] = (
    *table(
        "fault",
        reading_that_fails_is_survived,
        reading_with_a_foreign_error_is_survived,
        reading_that_never_comes_is_given_up,
        power_that_is_no_number_is_not_good,
        power_in_watts_is_not_good,
        answer_of_the_wrong_shape_is_survived,
        states_that_are_no_numbers_spoil_no_offer,
        telemetry_says_what_the_meter_says,
    ),
    *table(
        "fault",
        negative_power_of_a_load_is_not_good,
        register_that_falls_is_not_good,
        applies=all_but(ResourceKind.STORAGE),
    ),
)
