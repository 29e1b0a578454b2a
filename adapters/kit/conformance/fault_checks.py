"""Devices that break, refuse or lie: nothing is invented, nobody is fought, and the gateway lives on."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from adapters.kit.conformance.check import Check, all_but, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import expect_at_most, expect_equal, expect_near, expect_that
from adapters.kit.driver import ApplyResult, DeviceReadings, DriverError
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
        fallen = -10_000
        trial.probe.alter = lambda r: replace(r, register_wh=r.register_wh + fallen * (np.arange(len(r.online)) == first))
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
            values = getattr(group, field.name).copy()
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


async def one_device_offline_is_told_and_written_later(trial: Trial) -> None:
    """With a device out of reach the rest obeys, the ack says so, and the device gets its share when it is back.

    Source: DESIGN 3, commands (acks); adapters.kit.driver
    """
    last = trial.devices[-1]
    async with trial.running():
        await trial.until(1)
        trial.probe.offline = {last}
        await trial.until(2)
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("quality", trial.reading().quality, Quality.SUSPECT)
        expect_equal("last ack", trial.states()[-1], AckState.APPLIED)
        reason = trial.acks("c1")[-1].reason
        expect_that("out of reach" in reason, "reason of the ack", repr(reason), "devices out of reach are named")
        expect_that(last not in {w.device for w in trial.probe.writes}, "writes", trial.probe.writes, "none to it")
        trial.probe.offline = set()
        await trial.wait(120)
        expect_near("kW told once it is back", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def all_devices_offline_is_not_applied(trial: Trial) -> None:
    """A command that no device could take is not acknowledged as applied before one has.

    Source: DESIGN 3, what the figures mean (acknowledged: acked applied)
    """
    async with trial.running():
        await trial.until(1)
        trial.probe.offline = set(trial.devices)
        await trial.until(2)
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks", trial.states(), FULL[:2])
        expect_equal("quality", trial.reading().quality, Quality.MISSING)
        trial.probe.offline = set()
        await trial.wait(120)
        expect_equal("acks once they are back", trial.states(), FULL)


async def refusal_by_all_devices_is_told(trial: Trial) -> None:
    """Devices that all refuse make the command refused, with their reason.

    Source: DESIGN 3, commands (refused(reason))
    """
    trial.probe.refusing = dict.fromkeys(trial.devices, "door is open")
    async with trial.running():
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks", trial.states(), [*FULL[:2], AckState.REFUSED])
        reason = trial.acks("c1")[-1].reason
        expect_that("door is open" in reason, "reason", repr(reason), "the devices' own")


async def refusal_by_one_device_is_partial(trial: Trial) -> None:
    """One device that refuses leaves the command applied, with a remark, and is not asked again every minute.

    Source: DESIGN 3, commands (acks); targets (no device moved twice by one command)
    """
    trial.probe.refusing = {trial.devices[0]: "locked by its owner"}
    async with trial.running():
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks", trial.states(), FULL)
        reason = trial.acks("c1")[-1].reason
        expect_that("locked by its owner" in reason, "reason", repr(reason), "the device's own")
        attempts = trial.probe.attempts
        await trial.until(13)
        expect_equal("writes tried afterwards", trial.probe.attempts - attempts, 0)


async def setpoint_that_fails_is_tried_again(trial: Trial) -> None:
    """A write that fails is not acknowledged, and is tried again until it is taken.

    Source: DESIGN 3, commands (applied); adapters.kit.driver
    """
    trial.probe.writes_fail = DriverError("bus is down")
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("acks meanwhile", trial.states(), FULL[:2])
        trial.probe.writes_fail = None
        await trial.until(5)
        expect_equal("acks afterwards", trial.states(), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def setpoint_with_a_foreign_error_is_tried_again(trial: Trial) -> None:
    """An error that the driver should have translated is treated like a failed write.

    Source: DESIGN 2, adapters (safe local behaviour)
    """
    trial.probe.writes_fail = OSError("connection reset by peer")
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("acks meanwhile", trial.states(), FULL[:2])
        trial.probe.writes_fail = None
        await trial.until(5)
        expect_equal("acks afterwards", trial.states(), FULL)


async def setpoint_that_never_returns_is_given_up(trial: Trial) -> None:
    """A write that hangs is given up, not acknowledged, and tried again.

    Source: style guide (asyncio.timeout at each outside call)
    """
    async with trial.running():
        await trial.until(1)
        trial.probe.hanging = True
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("acks meanwhile", trial.states(), FULL[:2])
        trial.probe.hanging = False
        await trial.until(6)
        expect_equal("acks afterwards", trial.states(), FULL)


async def answer_for_too_few_devices_is_not_applied(trial: Trial) -> None:
    """An answer that does not cover every written device proves nothing about the others: it is asked again.

    Source: adapters.kit.driver.ApplyResult (per written device)
    """
    trial.probe.alter_result = lambda result: ApplyResult(result.accepted[:1])
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("acks meanwhile", trial.states(), FULL[:2])
        trial.probe.alter_result = None
        await trial.until(5)
        expect_equal("acks afterwards", trial.states(), FULL)


async def release_that_fails_is_tried_again(trial: Trial) -> None:
    """Devices that could not be let go are let go as soon as they can.

    Source: DESIGN 3, commands (releases by its own staggered time)
    """
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(58)
        trial.probe.writes_fail = DriverError("bus is down")
        await trial.until(63)
        expect_that(not trial.free_again(), "devices meanwhile", trial.written(), "held")
        trial.probe.writes_fail = None
        await trial.until(65)
        expect_that(trial.free_again(), "devices afterwards", trial.written(), "released")


async def local_control_refuses_new_commands(trial: Trial) -> None:
    """When somebody on site has taken all devices, a command is refused and says so.

    Source: vpp.domain.capability (local override)
    """
    trial.probe.overridden = set(trial.devices)
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks", trial.states(), [AckState.RECEIVED, AckState.REFUSED])
        reason = trial.acks("c1")[-1].reason
        expect_that("local control" in reason, "reason", repr(reason), "local control is named")


async def local_control_is_not_fought(trial: Trial) -> None:
    """A device taken by somebody on site in the middle of an event is left alone until it is given back.

    Source: DESIGN 2, adapters (safe local behaviour)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[upper, lower, lower, lower]))
        await trial.until(5)
        trial.probe.overridden = {trial.devices[0]}
        await trial.until(6)
        before = len(trial.probe.writes)
        await trial.until(20)
        touched = {write.device for write in trial.probe.writes[before:]}
        expect_that(trial.devices[0] not in touched, "devices written meanwhile", touched, "not the one in local control")
        trial.probe.overridden = set()
        await trial.until(23)
        expect_near("kW told once it is given back", trial.held_kw(), lower, _KW)


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
        one_device_offline_is_told_and_written_later,
        all_devices_offline_is_not_applied,
        refusal_by_all_devices_is_told,
        refusal_by_one_device_is_partial,
        setpoint_that_fails_is_tried_again,
        setpoint_with_a_foreign_error_is_tried_again,
        setpoint_that_never_returns_is_given_up,
        answer_for_too_few_devices_is_not_applied,
        release_that_fails_is_tried_again,
        local_control_refuses_new_commands,
        local_control_is_not_fought,
    ),
    *table(
        "fault",
        negative_power_of_a_load_is_not_good,
        register_that_falls_is_not_good,
        applies=all_but(ResourceKind.STORAGE),
    ),
)
