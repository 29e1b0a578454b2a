"""A person on site who must say yes: nothing moves before, and the answer is told."""

from datetime import timedelta

from adapters.kit.confirmations import Confirmed, Declined
from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import FULL, Trial
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_near,
    expect_that,
)
from vpp.domain.commands import AckState

_KW = 0.01
_ASKED = [AckState.RECEIVED, AckState.ACCEPTED, AckState.AWAITING_PERSON]


async def nothing_moves_before_the_yes(trial: Trial) -> None:
    """While a person is asked no device moves, and the ack names the deadline.

    Source: DESIGN 3, commands (awaiting_person(deadline))
    """
    trial.ask_a_person(within_s=600.0)
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.until(9)
        expect_equal("acks", trial.states(), _ASKED)
        deadline = trial.acks("c1")[-1].deadline
        expect_that(deadline is not None, "deadline of the ack", deadline, "an instant")
        expect_equal("deadlines asked with", [asked for _, asked in trial.person.asked], [deadline])
        expect_equal("writes", trial.written(), [])


async def yes_in_time_is_followed(trial: Trial) -> None:
    """After a yes the command is applied.

    Source: DESIGN 3, commands
    """
    trial.ask_a_person()
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(3)
        trial.person.answers["c1"] = Confirmed()
        await trial.settle()
        expect_equal("acks", trial.states(), [*_ASKED, AckState.APPLIED])
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def silence_refuses_at_the_deadline(trial: Trial) -> None:
    """Without an answer the command is refused once the deadline has passed.

    Source: DESIGN 3, commands (awaiting_person(deadline), refused(reason))
    """
    trial.ask_a_person(within_s=300.0)
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.until(5)
        expect_equal("acks before the deadline", trial.states(), _ASKED)
        await trial.until(8)
        expect_equal("acks behind it", trial.states(), [*_ASKED, AckState.REFUSED])
        reason = trial.acks("c1")[-1].reason
        expect_that("nobody confirmed" in reason, "reason", repr(reason), "that nobody confirmed, and until when")
        expect_equal("writes", trial.written(), [])


async def yes_behind_the_deadline_comes_too_late(trial: Trial) -> None:
    """A yes behind the deadline moves nothing: the plan has gone on without this resource.

    Source: DESIGN 3, commands
    """
    trial.ask_a_person(within_s=300.0)
    async with trial.running():
        await trial.until(1)
        await trial.send(trial.command())
        await trial.until(8)
        trial.person.answers["c1"] = Confirmed()
        await trial.until(12)
        expect_equal("acks", trial.states(), [*_ASKED, AckState.REFUSED])
        expect_equal("writes", trial.written(), [])


async def no_is_told_with_its_reason(trial: Trial) -> None:
    """A no refuses the command with the person's own words.

    Source: DESIGN 3, commands (refused(reason))
    """
    trial.ask_a_person()
    trial.person.answers["c1"] = Declined("the furnace is being charged")
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("acks", trial.states(), [*_ASKED, AckState.REFUSED])
        reason = trial.acks("c1")[-1].reason
        expect_that("the furnace is being charged" in reason, "reason", repr(reason), "the person's own")
        expect_equal("writes", trial.written(), [])


async def deadline_lies_within_the_event(trial: Trial) -> None:
    """Nobody is given longer to answer than the event lasts.

    Source: DESIGN 3, commands (expires_at)
    """
    trial.ask_a_person(within_s=7200.0)
    end = trial.t0 + timedelta(minutes=30)
    async with trial.running():
        await trial.send(trial.command(expires_at=end))
        deadline = trial.acks("c1")[-1].deadline
        expect_that(deadline is not None and deadline <= end, "deadline", deadline, f"no later than {end}")


async def duplicate_does_not_ask_again(trial: Trial) -> None:
    """A command that comes again while a person is asked is not a second question.

    Source: DESIGN 3, commands (duplicates are harmless)
    """
    trial.ask_a_person()
    async with trial.running():
        await trial.send(trial.command())
        await trial.send(trial.command())
        await trial.until(3)
        expect_equal("questions", [command_id for command_id, _ in trial.person.asked], ["c1"])


async def restart_keeps_question_and_deadline(trial: Trial) -> None:
    """A restart while a person is asked keeps the deadline; the answer still counts.

    Source: DESIGN 3, rule 1
    """
    trial.ask_a_person()
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command())
        await trial.until(3)
    async with trial.running():
        expect_equal("deadlines asked with", len({deadline for _, deadline in trial.person.asked}), 1)
        expect_equal("writes", trial.written(), [])
        trial.person.answers["c1"] = Confirmed()
        await trial.until(6)
        expect_equal("last ack", trial.states()[-1], AckState.APPLIED)


async def revision_that_asks_no_more_needs_no_second_yes(trial: Trial) -> None:
    """A yes covers a later revision of the same event that is nowhere stricter.

    Source: DESIGN 3, rule 4 (re-dispatch); adapters.kit.holding.asks_no_more
    """
    upper, lower = trial.case.setpoints_kw
    trial.ask_a_person()
    trial.person.answers["c1"] = Confirmed()
    async with trial.running():
        await trial.send(trial.command(1, setpoints_kw=[lower] * 4))
        await trial.until(3)
        await trial.send(trial.command(2, plan_revision=2, setpoints_kw=[upper] * 4))
        await trial.settle()
        expect_equal("acks of the revision", trial.states("c2"), FULL)
        expect_equal("questions", len(trial.person.asked), 1)


async def revision_that_asks_more_waits_for_its_own_yes(trial: Trial) -> None:
    """A stricter revision is asked about anew; until then the devices stay where the first yes put them.

    Source: DESIGN 3, commands (awaiting_person)
    """
    upper, lower = trial.case.setpoints_kw
    trial.ask_a_person()
    trial.person.answers["c1"] = Confirmed()
    async with trial.running():
        await trial.send(trial.command(1, setpoints_kw=[upper] * 4))
        await trial.until(3)
        await trial.send(trial.command(2, plan_revision=2, setpoints_kw=[lower] * 4))
        await trial.until(6)
        expect_equal("acks of the revision", trial.states("c2"), _ASKED)
        expect_near("kW told meanwhile", trial.held_kw(), upper, _KW)
        trial.person.answers["c2"] = Confirmed()
        await trial.until(8)
        expect_near("kW told after the yes", trial.held_kw(), lower, _KW)


CHECKS: tuple[Check, ...] = table(
    "person",
    nothing_moves_before_the_yes,
    yes_in_time_is_followed,
    silence_refuses_at_the_deadline,
    yes_behind_the_deadline_comes_too_late,
    no_is_told_with_its_reason,
    deadline_lies_within_the_event,
    duplicate_does_not_ask_again,
    restart_keeps_question_and_deadline,
    revision_that_asks_no_more_needs_no_second_yes,
    revision_that_asks_more_waits_for_its_own_yes,
)
