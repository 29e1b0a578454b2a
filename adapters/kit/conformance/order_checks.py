"""Several commands for one resource: which of them counts, and that nothing moves twice."""

from datetime import timedelta

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_near,
    expect_that,
)
from vpp.domain.commands import AckState

_KW = 0.01


async def duplicate_repeats_the_ack_and_moves_nothing(trial: Trial) -> None:
    """A command that comes again is answered with its last ack, and no device is written again.

    Source: DESIGN 3, commands (duplicates are harmless)
    """
    async with trial.running():
        await trial.send(trial.command())
        await trial.settle()
        before = len(trial.written())
        await trial.send(trial.command())
        await trial.send(trial.command())
        expect_equal("acks", trial.states(), [*FULL, AckState.APPLIED, AckState.APPLIED])
        expect_equal("writes by duplicates", len(trial.written()) - before, 0)


async def duplicate_within_a_message_counts_once(trial: Trial) -> None:
    """The same command twice in one message is followed once.

    Source: DESIGN 3, commands (duplicates are harmless)
    """
    async with trial.running():
        await trial.send(trial.command(), trial.command())
        await trial.settle()
        expect_equal("received", trial.states().count(AckState.RECEIVED), 1)
        expect_equal("applied", trial.states().count(AckState.APPLIED), 1)
        expect_that(len(trial.written()) <= trial.spec.device_count, "writes", trial.written(), "one per device")


async def reordered_older_command_is_ignored(trial: Trial) -> None:
    """Of two commands the one with the higher sequence counts, whichever comes first.

    Source: DESIGN 3, commands (epoch, sequence)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(5, setpoints_kw=[lower] * 4))
        await trial.send(trial.command(4, setpoints_kw=[upper] * 4))
        await trial.settle()
        expect_equal("acks of the older", trial.states("c4"), [])
        expect_near("kW told", trial.held_kw(), lower, _KW)


async def older_epoch_is_ignored(trial: Trial) -> None:
    """A command of an older epoch is ignored, however high its sequence.

    Source: DESIGN 3, commands (a restored backup is harmless)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(1, epoch=5, setpoints_kw=[lower] * 4))
        await trial.send(trial.command(999, epoch=4, setpoints_kw=[upper] * 4))
        await trial.settle()
        expect_equal("acks of the older epoch", trial.states("c999"), [])
        expect_near("kW told", trial.held_kw(), lower, _KW)


async def newer_epoch_wins_over_a_higher_sequence(trial: Trial) -> None:
    """A command of a newer epoch counts although its sequence begins anew.

    Source: DESIGN 3, commands (the epoch rises at every start or restore)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(999, epoch=4, setpoints_kw=[upper] * 4))
        await trial.send(trial.command(1, epoch=5, setpoints_kw=[lower] * 4))
        await trial.settle()
        expect_equal("acks of the newer epoch", trial.states("c1"), FULL)
        expect_near("kW told", trial.held_kw(), lower, _KW)


async def same_order_with_another_id_is_ignored(trial: Trial) -> None:
    """Another command under an order that was seen is no newer one.

    Source: DESIGN 3, commands (the gateway keeps the highest seen and ignores the rest)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(3, setpoints_kw=[lower] * 4))
        await trial.send(trial.command(3, command_id="impostor", setpoints_kw=[upper] * 4))
        await trial.settle()
        expect_equal("acks of the second", trial.states("impostor"), [])
        expect_near("kW told", trial.held_kw(), lower, _KW)


async def newer_command_replaces_the_running_one(trial: Trial) -> None:
    """A revision takes over at once; the replaced command needs no farewell.

    Source: DESIGN 3, commands
    """
    trial.shorten_runs()
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(1, setpoints_kw=[upper] * 4))
        await trial.until(5)
        await trial.send(trial.command(2, plan_revision=2, setpoints_kw=[lower] * 4))
        await trial.settle()
        expect_equal("acks of the revision", trial.states("c2"), FULL)
        expect_near("kW told", trial.held_kw(), lower, _KW)
        await trial.until(63)
        expect_equal(
            "last acks", (trial.states("c1")[-1], trial.states("c2")[-1]), (AckState.APPLIED, AckState.EXPIRED)
        )


async def newer_command_with_the_same_setpoint_moves_nothing(trial: Trial) -> None:
    """What a restarted controller says again is acknowledged, and no device is written again.

    Source: DESIGN 3, rule 1 (restart, then re-send what is in force); targets (no device moved twice by one command)
    """
    async with trial.running():
        await trial.send(trial.command(1, epoch=1))
        await trial.settle()
        before = len(trial.written())
        await trial.send(trial.command(1, epoch=2, command_id="again"))
        await trial.settle()
        expect_equal("acks of the second", trial.states("again"), FULL)
        expect_equal("writes by the second", len(trial.written()) - before, 0)


async def emergency_goes_before_the_economic_event(trial: Trial) -> None:
    """A newer command of another event takes over from a running one, and ends by its own time.

    Source: DESIGN 3, commands (an emergency over an economic event)
    """
    upper, lower = trial.case.setpoints_kw
    end = trial.t0 + timedelta(minutes=30)
    async with trial.running():
        await trial.send(trial.command(1, setpoints_kw=[upper] * 4))
        await trial.until(5)
        await trial.send(trial.command(2, event_id="emergency", setpoints_kw=[lower] * 4, expires_at=end))
        await trial.settle()
        expect_near("kW told", trial.held_kw(), lower, _KW)
        await trial.until(28)
        expect_near("kW told at the end of the emergency", trial.held_kw(), lower, _KW)


async def two_events_in_a_row_are_both_followed(trial: Trial) -> None:
    """After one event has ended and was released, the next is followed like the first.

    Source: DESIGN 3, flow of one event
    """
    trial.shorten_runs()
    first_end, second_start = trial.t0 + timedelta(minutes=15), trial.t0 + timedelta(minutes=45)
    async with trial.running():
        await trial.send(trial.command(1, expires_at=first_end))
        await trial.until(5)
        later = {"schedule_start": second_start, "valid_from": second_start}
        await trial.until(40)
        expect_equal("acks of the first", trial.states("c1"), [*FULL, AckState.EXPIRED])
        await trial.send(trial.command(2, event_id="e2", expires_at=second_start + timedelta(minutes=15), **later))
        await trial.until(55)
        expect_equal("acks of the second while it runs", trial.states("c2"), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


CHECKS: tuple[Check, ...] = table(
    "order",
    duplicate_repeats_the_ack_and_moves_nothing,
    duplicate_within_a_message_counts_once,
    reordered_older_command_is_ignored,
    older_epoch_is_ignored,
    newer_epoch_wins_over_a_higher_sequence,
    same_order_with_another_id_is_ignored,
    newer_command_replaces_the_running_one,
    newer_command_with_the_same_setpoint_moves_nothing,
    emergency_goes_before_the_economic_event,
    two_events_in_a_row_are_both_followed,
)
