"""Commands that are to be followed: when, in which order, with which acknowledgements."""

from datetime import timedelta
from itertools import pairwise

import numpy as np

from adapters.kit.conformance.check import Check, all_but, only, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_near,
    expect_that,
)
from adapters.kit.resource_spec import ChargingTerms
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
        await trial.full_effect()
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
    expect_equal(
        "epoch, sequence, resource", {(a.epoch, a.sequence, a.resource_id) for a in acks}, {(3, 7, trial.spec.id)}
    )
    expect_that(all(a.at <= b.at for a, b in pairwise(acks)), "instants of acks", acks, "rising")
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

    Charging whose cars wait by their own timers (``early_start``) can, and holds it.

    Source: DESIGN 3, commands (mode)
    """
    early = isinstance(trial.spec.terms, ChargingTerms) and trial.spec.terms.early_start
    async with trial.running():
        await trial.send(trial.command(mode=CommandMode.AT_LEAST))
        await trial.settle()
        if early:
            expect_equal("acks", trial.states(), FULL)
            return
        expect_equal("acks", trial.states(), [AckState.RECEIVED, AckState.REFUSED])
        expect_equal("writes", trial.written(), [])


async def at_least_is_held_by_batteries(trial: Trial) -> None:
    """A battery told to take at least a power takes it.

    Source: DESIGN 3, commands (mode)
    """
    async with trial.running():
        await trial.send(trial.command(mode=CommandMode.AT_LEAST))
        await trial.full_effect()
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
        only_the_commanded_resource_moves,
        one_message_carries_many_resources,
        cap_that_binds_nothing_lets_devices_run_free,
        exactly_is_held,
    ),
    *table("command", at_least_is_refused_by_loads, applies=all_but(ResourceKind.STORAGE)),
    *table("command", at_least_is_held_by_batteries, applies=only(ResourceKind.STORAGE)),
)
