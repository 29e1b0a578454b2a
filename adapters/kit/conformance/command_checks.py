"""Commands that are to be followed: when, in which order, with which acknowledgements."""

from datetime import timedelta

import numpy as np

from adapters.kit.conformance.check import Check, all_but, only, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import expect_at_most, expect_equal, expect_near, expect_that
from vpp.domain.commands import AckState, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.wire.messages import AckMessage

_KW = 0.01


async def command_is_followed_and_acknowledged(trial: Trial) -> None:
    """A command is acknowledged as received, accepted, applied, and the devices then draw no more than it says.

    Source: DESIGN 3, commands (staged acks)
    """
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks", trial.states(), FULL)
        expect_near("kW that the devices were told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)
        expect_at_most("metered kW", trial.power_kw(), trial.case.setpoints_kw[0], trial.tolerance_kw)


async def acks_carry_the_command_and_rise(trial: Trial) -> None:
    """Each ack names command, epoch and sequence, stands in order of time, and comes under a rising number.

    Source: DESIGN 3, commands (an ack counts only for a command issued, with a rising sequence)
    """
    async with trial.running():
        await trial.send(trial.command(7, epoch=3))
        await trial.settle()
    acks = trial.acks("c7")
    expect_equal("epoch, sequence, resource", {(a.epoch, a.sequence, a.resource_id) for a in acks}, {(3, 7, trial.spec.id)})
    expect_that(all(a.at <= b.at for a, b in zip(acks, acks[1:], strict=False)), "instants of acks", acks, "rising")
    numbers = [message.seq for message in trial.of(AckMessage)]
    expect_equal("numbers of the ack messages", numbers, list(range(1, len(numbers) + 1)))


async def command_waits_for_valid_from(trial: Trial) -> None:
    """A command ahead of its time is accepted, and moves nothing before ``valid_from``.

    Source: DESIGN 3, commands
    """
    async with trial.running():
        await trial.send(trial.command(valid_from=trial.t0 + timedelta(minutes=10)))
        await trial.until(9)
        expect_equal("acks before valid_from", trial.states(), FULL[:2])
        expect_equal("writes before valid_from", trial.written(), [])
        await trial.until(11)
        expect_equal("acks after valid_from", trial.states(), FULL)


async def each_interval_has_its_setpoint(trial: Trial) -> None:
    """The schedule is followed interval by interval.

    Source: DESIGN 3, commands (setpoints for the remaining schedule)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[upper, lower, upper, lower]))
        for minute, expected in ((13, upper), (28, lower), (43, upper), (58, lower)):
            await trial.until(minute)
            expect_near(f"kW told at minute {minute}", trial.held_kw(), expected, _KW)


async def late_command_takes_the_running_interval(trial: Trial) -> None:
    """A command that comes late goes on with the interval that runs, not with its first one.

    Source: DESIGN 3, commands
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.until(20)
        await trial.send(trial.command(setpoints_kw=[upper, lower, upper, upper]))
        await trial.settle()
        expect_equal("acks", trial.states(), FULL)
        expect_near("kW told in the second interval", trial.held_kw(), lower, _KW)


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
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(1, setpoints_kw=[upper] * 4))
        await trial.until(5)
        await trial.send(trial.command(2, plan_revision=2, setpoints_kw=[lower] * 4))
        await trial.settle()
        expect_equal("acks of the revision", trial.states("c2"), FULL)
        expect_near("kW told", trial.held_kw(), lower, _KW)
        await trial.until(63)
        expect_equal("last acks", (trial.states("c1")[-1], trial.states("c2")[-1]), (AckState.APPLIED, AckState.EXPIRED))


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
    first_end, second_start = trial.t0 + timedelta(minutes=15), trial.t0 + timedelta(minutes=45)
    async with trial.running():
        await trial.send(trial.command(1, expires_at=first_end))
        await trial.until(5)
        later = {"schedule_start": second_start, "valid_from": second_start}
        await trial.until(40)
        expect_equal("acks of the first", trial.states("c1"), [*FULL, AckState.EXPIRED])
        await trial.send(
            trial.command(2, event_id="e2", expires_at=second_start + timedelta(minutes=15), **later)
        )
        await trial.until(55)
        expect_equal("acks of the second while it runs", trial.states("c2"), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def only_the_commanded_resource_moves(trial: Trial) -> None:
    """A command for one resource writes no device of another.

    Source: adapters.kit.driver (a resource owns a contiguous range of devices)
    """
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(20)
        expect_that(trial.written(), "writes to the commanded resource", trial.written(), "at least one")
        for other in trial.specs[1:]:
            expect_equal(f"writes to {other.id}", trial.written(other), [])


async def one_message_carries_many_resources(trial: Trial) -> None:
    """Commands for several resources in one message are each followed.

    Source: DESIGN 4, one message per gateway carries many resources
    """
    other = trial.specs[1]
    async with trial.running():
        await trial.until(1)
        reading = trial.reading(other)
        theirs = trial.command(2, resource_id=other.id, setpoints_kw=[max(0.5 * reading.power_kw, 0.0)] * 4)
        await trial.send(trial.command(1), theirs)
        await trial.settle()
        expect_equal("acks of the first", trial.states("c1"), FULL)
        expect_equal("acks of the second", trial.states("c2"), FULL)


async def cap_that_binds_nothing_lets_devices_run_free(trial: Trial) -> None:
    """At most the rated power is no limit: sharing it out would still hold single devices back.

    Source: DESIGN 3, commands (mode at_most)
    """
    async with trial.running():
        await trial.send(trial.command(1))
        await trial.until(5)
        await trial.send(trial.command(2, setpoints_kw=[trial.spec.rated_kw] * 4))
        await trial.settle()
        expect_equal("acks", trial.states("c2"), FULL)
        expect_that(np.isnan(trial.held_kw()), "setpoints of the devices", trial.held_kw(), "nan: none is held")


async def exactly_is_held(trial: Trial) -> None:
    """Mode ``exactly`` is followed like a cap by loads, and to the letter by batteries.

    Source: DESIGN 3, commands (mode)
    """
    async with trial.running():
        await trial.send(trial.command(mode=CommandMode.EXACTLY))
        await trial.settle()
        expect_equal("acks", trial.states(), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def at_least_is_refused_by_loads(trial: Trial) -> None:
    """A load cannot be made to draw more than it would: ``at_least`` is refused, not quietly taken for a cap.

    Source: DESIGN 3, commands (mode)
    """
    async with trial.running():
        await trial.send(trial.command(mode=CommandMode.AT_LEAST))
        await trial.settle()
        expect_equal("acks", trial.states(), [AckState.RECEIVED, AckState.REFUSED])
        expect_equal("writes", trial.written(), [])


async def at_least_is_held_by_batteries(trial: Trial) -> None:
    """A battery told to take at least a power takes it.

    Source: DESIGN 3, commands (mode)
    """
    async with trial.running():
        await trial.send(trial.command(mode=CommandMode.AT_LEAST))
        await trial.settle()
        expect_equal("acks", trial.states(), FULL)
        expect_near("metered kW", trial.power_kw(), trial.case.setpoints_kw[0], trial.tolerance_kw)


CHECKS: tuple[Check, ...] = (
    *table(
        "command",
        command_is_followed_and_acknowledged,
        acks_carry_the_command_and_rise,
        command_waits_for_valid_from,
        each_interval_has_its_setpoint,
        late_command_takes_the_running_interval,
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
        only_the_commanded_resource_moves,
        one_message_carries_many_resources,
        cap_that_binds_nothing_lets_devices_run_free,
        exactly_is_held,
    ),
    *table("command", at_least_is_refused_by_loads, applies=all_but(ResourceKind.STORAGE)),
    *table("command", at_least_is_held_by_batteries, applies=only(ResourceKind.STORAGE)),
)
