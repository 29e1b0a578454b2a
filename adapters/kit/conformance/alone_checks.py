"""Without us: the schedule is carried to its end, released in its own time, and clocks may step."""

from dataclasses import replace
from datetime import timedelta

from adapters.kit.conformance.check import Check, all_but, only, table
from adapters.kit.conformance.trial import FULL, GATEWAY, Trial, rising
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_is,
    expect_near,
    expect_that,
)
from adapters.kit.resource_spec import LoadTerms, Terms
from vpp.domain.commands import AckState
from vpp.domain.fleet import ResourceKind
from vpp.wire.messages import TelemetryMessage

_KW = 0.01


def _load_terms(terms: Terms) -> LoadTerms:
    return expect_is("terms with a minimum run", terms, LoadTerms)


async def expiry_releases_without_us(trial: Trial) -> None:
    """At the event's end the devices are let go without another word, and that is acknowledged.

    Source: DESIGN 3, commands (expires_at)
    """
    trial.shorten_runs()
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=30)))
        await trial.until(29)
        expect_near("kW told before the end", trial.held_kw(), trial.case.setpoints_kw[0], _KW)
        await trial.until(31)
        expect_that(trial.free_again(), "devices after the end", trial.written(), "released")
        expect_equal("acks", trial.states(), [*FULL, AckState.EXPIRED])


async def nothing_moves_after_the_release(trial: Trial) -> None:
    """A released resource is written no more, and each device was released once.

    Source: DESIGN 3, commands; targets (no device moved twice by one command)
    """
    trial.shorten_runs()
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15)))
        await trial.until(17)
        after = len(trial.written())
        await trial.until(40)
        expect_equal("writes behind the release", trial.written()[after:], [])


async def release_waits_for_its_stagger(trial: Trial) -> None:
    """The release comes ``release_after_s`` behind the end, no earlier.

    Source: DESIGN 3, commands (releases by its own staggered time)
    """
    trial.shorten_runs()
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15), release_after_s=600.0))
        await trial.until(24)
        expect_near("kW told before the stagger is over", trial.held_kw(), trial.case.setpoints_kw[0], _KW)
        await trial.until(26)
        expect_that(trial.free_again(), "devices behind the stagger", trial.written(), "released")


async def staggers_differ_by_resource(trial: Trial) -> None:
    """Two resources of one event are let go one after the other, so that their load does not return at once.

    Source: DESIGN 3, commands (and so is the hour after)
    """
    trial.shorten_runs()
    other = trial.specs[1]
    end = trial.t0 + timedelta(minutes=15)
    async with trial.running():
        await trial.until(1)
        half = max(0.5 * trial.reading(other).power_kw, 0.0)
        second = trial.command(2, resource_id=other.id, setpoints_kw=[half] * 4, expires_at=end, release_after_s=600.0)
        await trial.send(trial.command(1, expires_at=end, release_after_s=120.0), second)
        await trial.until(20)
        expect_equal(
            "last acks at minute 20",
            (trial.states("c1")[-1], trial.states("c2")[-1]),
            (AckState.EXPIRED, AckState.APPLIED),
        )
        await trial.until(26)
        expect_equal("last ack of the second", trial.states("c2")[-1], AckState.EXPIRED)


async def schedule_goes_on_when_the_controller_is_lost(trial: Trial) -> None:
    """Without a link the schedule is carried to its end, interval by interval.

    Source: DESIGN 3, commands (a gateway that loses us carries the schedule to its end)
    """
    upper, lower = trial.case.setpoints_kw
    async with trial.running():
        await trial.send(trial.command(setpoints_kw=[upper, lower, upper, lower]))
        await trial.until(5)
        trial.broker.cut(GATEWAY)
        for minute, expected in ((20, lower), (40, upper), (58, lower)):
            await trial.until(minute)
            expect_near(f"kW told at minute {minute}", trial.held_kw(), expected, _KW)


async def release_comes_when_the_controller_is_lost(trial: Trial) -> None:
    """Without a link the devices are let go all the same, and the controller hears of it when the link is back.

    Source: DESIGN 3, commands (a dead controller is safe, and so is the hour after)
    """
    trial.shorten_runs()
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15), release_after_s=120.0))
        await trial.until(5)
        trial.broker.cut(GATEWAY)
        await trial.until(16)
        expect_that(not trial.free_again(), "devices before the stagger is over", trial.written(), "held")
        await trial.until(18)
        expect_that(trial.free_again(), "devices behind the stagger", trial.written(), "released")
        trial.broker.restore(GATEWAY)
        await trial.until(22)
        expect_equal("acks once the link is back", trial.states()[-1], AckState.EXPIRED)


async def first_setpoint_waits_for_no_link(trial: Trial) -> None:
    """A command that was taken is begun at its time although the link is gone by then.

    Source: DESIGN 3, commands
    """
    async with trial.running():
        await trial.send(trial.command(valid_from=trial.t0 + timedelta(minutes=10)))
        await trial.until(5)
        trial.broker.cut(GATEWAY)
        await trial.until(12)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def minimum_run_is_honoured(trial: Trial) -> None:
    """A line that was stopped is not started again before its minimum run is over.

    Source: DESIGN 3, commands (fallback honours minimum runs)
    """
    trial.configure(lambda spec: replace(spec, terms=replace(_load_terms(spec.terms), min_run=2)))
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15)))
        await trial.until(28)
        expect_near("kW told before the minimum run is over", trial.held_kw(), trial.case.setpoints_kw[0], _KW)
        await trial.until(32)
        expect_that(trial.free_again(), "devices behind the minimum run", trial.written(), "released")


async def other_kinds_have_no_minimum_run(trial: Trial) -> None:
    """What is not a line is let go at its time, however short the call was.

    Source: DESIGN 3, commands
    """
    async with trial.running():
        await trial.until(10)
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15)))
        await trial.until(17)
        expect_that(trial.free_again(), "devices behind the end", trial.written(), "released")


async def clock_set_forward_releases_what_is_over(trial: Trial) -> None:
    """A clock set forward past the end releases within two minutes; numbers have no gap and no repeat.

    Source: DESIGN 3, rule 1; decisions/0002 (time)
    """
    trial.shorten_runs()
    trial.shifting = True
    async with trial.running():
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=30)))
        await trial.until(10)
        trial.clock.offset = timedelta(minutes=25)
        await trial.until(13)
        expect_that(trial.free_again(), "devices two minutes after the step", trial.written(), "released")
    expect_that(rising(trial.seqs()), "numbers of telemetry", trial.seqs(), "each one more than the last")


async def clock_set_back_repeats_nothing(trial: Trial) -> None:
    """A clock set back repeats no minute and begins nothing anew.

    Source: DESIGN 3, rule 1; decisions/0002 (time)
    """
    trial.shifting = True
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(10)
        before = len(trial.written())
        trial.clock.offset = timedelta(minutes=-5)
        await trial.until(19)
        expect_equal("writes behind the step", trial.written()[before:], [])
    minutes = [message.at for message in trial.of(TelemetryMessage)]
    expect_equal("minutes reported twice", len(minutes) - len(set(minutes)), 0)
    expect_that(rising(trial.seqs()), "numbers of telemetry", trial.seqs(), "each one more than the last")


CHECKS: tuple[Check, ...] = (
    *table(
        "alone",
        expiry_releases_without_us,
        nothing_moves_after_the_release,
        release_waits_for_its_stagger,
        staggers_differ_by_resource,
        schedule_goes_on_when_the_controller_is_lost,
        release_comes_when_the_controller_is_lost,
        first_setpoint_waits_for_no_link,
        clock_set_forward_releases_what_is_over,
        clock_set_back_repeats_nothing,
    ),
    *table("alone", minimum_run_is_honoured, applies=only(ResourceKind.FACTORY_LINE)),
    *table("alone", other_kinds_have_no_minimum_run, applies=all_but(ResourceKind.FACTORY_LINE)),
)
