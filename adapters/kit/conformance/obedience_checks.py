"""Devices that refuse, fail or are taken by people on site: told as it is, tried again, never fought."""

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import expect_equal, expect_near, expect_that
from adapters.kit.driver import ApplyResult, DriverError
from vpp.domain.commands import AckState
from vpp.domain.telemetry import Quality

_KW = 0.01


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
    trial.shorten_runs()
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
        expect_that(
            trial.devices[0] not in touched, "devices written meanwhile", touched, "not the one in local control"
        )
        trial.probe.overridden = set()
        await trial.until(23)
        expect_near("kW told once it is given back", trial.held_kw(), lower, _KW)


CHECKS: tuple[Check, ...] = table(
    "obedience",
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
)
