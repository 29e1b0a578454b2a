"""Commands that are not to be followed: answered where somebody may expect an answer, and no device moves."""

from dataclasses import replace
from datetime import timedelta

from adapters.kit.conformance.check import Check, may_not_export, table
from adapters.kit.conformance.trial import FULL, GATEWAY, Trial
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_that,
)
from vpp.domain.commands import AckState
from vpp.wire.codec import encode
from vpp.wire.messages import CommandMessage, WireCommand
from vpp.wire.topics import MessageType

REFUSED = [AckState.RECEIVED, AckState.REFUSED]


async def _expect_answer(trial: Trial, command: WireCommand, states: list[AckState], reason: str) -> None:
    async with trial.running():
        await trial.until(1)
        await trial.send(command)
        await trial.settle()
        expect_equal("acks", trial.states(command.command_id), states)
        said = trial.acks(command.command_id)[-1].reason
        expect_that(reason in said, "reason", repr(said), f"one with {reason!r} in it")
        expect_equal("writes", trial.probe.writes, [])


async def foreign_resource_is_refused(trial: Trial) -> None:
    """A command for a resource that the gateway does not have is refused by name.

    Source: DESIGN 3, rule 2 (the gateway checks again)
    """
    await _expect_answer(trial, trial.command(resource_id="elsewhere"), REFUSED, "'elsewhere'")


async def protected_class_is_refused(trial: Trial) -> None:
    """A protected resource refuses every command, whatever else is configured.

    Source: DESIGN 3, rule 5
    """
    trial.configure(lambda spec: replace(spec, protected=True, opted_in=True))
    await _expect_answer(trial, trial.command(), REFUSED, "protected")


async def resource_without_opt_in_is_refused(trial: Trial) -> None:
    """A resource whose owner has not opted in refuses every command.

    Source: DESIGN 3, rule 5
    """
    trial.configure(lambda spec: replace(spec, opted_in=False))
    await _expect_answer(trial, trial.command(), REFUSED, "not opted in")


async def power_above_the_rating_is_refused(trial: Trial) -> None:
    """A setpoint above the rating is refused with value and limit: it may be in W.

    Source: DESIGN 3, rule 2; style guide, errors
    """
    setpoints = [*[trial.case.setpoints_kw[0]] * 3, 1000 * trial.spec.rated_kw]
    await _expect_answer(trial, trial.command(setpoints_kw=setpoints), REFUSED, "index 3")


async def negative_power_is_refused(trial: Trial) -> None:
    """What may not feed back refuses a negative setpoint.

    Source: DESIGN 3, rule 3
    """
    await _expect_answer(trial, trial.command(setpoints_kw=[-1.0 - 0.1 * trial.spec.rated_kw] * 4), REFUSED, "outside")


async def schedule_far_ahead_is_refused(trial: Trial) -> None:
    """A command that would hold for more than a week ahead is refused: a clock or a unit is wrong.

    Source: DESIGN 3, rule 2
    """
    command = trial.command(expires_at=trial.t0 + timedelta(days=30))
    await _expect_answer(trial, command, REFUSED, "days ahead")


async def expired_command_is_answered_and_not_followed(trial: Trial) -> None:
    """A command that arrives behind its end is told to be expired.

    Source: DESIGN 3, commands (expired)
    """
    start = trial.t0 - timedelta(minutes=30)
    command = trial.command(schedule_start=start, valid_from=start, expires_at=trial.t0 - timedelta(minutes=1))
    await _expect_answer(trial, command, [AckState.RECEIVED, AckState.EXPIRED], "expired")


async def refused_command_stays_refused(trial: Trial) -> None:
    """A refused command that comes again gets the same answer, and an older one does not slip in behind it.

    Source: DESIGN 3, commands (the highest seen counts)
    """
    async with trial.running():
        bad = trial.command(5, setpoints_kw=[1000 * trial.spec.rated_kw] * 4)
        await trial.send(bad)
        await trial.send(bad)
        await trial.send(trial.command(4))
        await trial.settle()
        expect_equal("acks", trial.states("c5"), [*REFUSED, AckState.REFUSED])
        expect_equal("acks of the older", trial.states("c4"), [])
        expect_equal("writes", trial.probe.writes, [])


async def refusal_leaves_the_running_command_alone(trial: Trial) -> None:
    """A command that is refused does not end the one that is followed.

    Source: DESIGN 3, commands
    """
    async with trial.running():
        await trial.send(trial.command(1))
        await trial.until(5)
        before = list(trial.probe.writes)
        await trial.send(trial.command(2, setpoints_kw=[1000 * trial.spec.rated_kw] * 4))
        await trial.until(10)
        expect_equal("acks of the second", trial.states("c2"), REFUSED)
        expect_equal("writes behind it", trial.probe.writes[len(before) :], [])


async def one_bad_command_does_not_spoil_its_message(trial: Trial) -> None:
    """Of two commands in a message, one refused, the other is followed.

    Source: DESIGN 4, one message per gateway carries many resources
    """
    async with trial.running():
        await trial.send(trial.command(1, resource_id="elsewhere"), trial.command(2))
        await trial.settle()
        expect_equal("acks of the bad", trial.states("c1"), REFUSED)
        expect_equal("acks of the good", trial.states("c2"), FULL)


async def retained_command_is_ignored(trial: Trial) -> None:
    """A command that the broker has kept is out of its time and never followed.

    Source: DESIGN 4 (never retain a command)
    """
    payload = encode(CommandMessage(GATEWAY, [trial.command()]))
    await trial.send_raw(MessageType.COMMAND, payload, retain=True)
    async with trial.running():
        await trial.until(3)
        expect_equal("acks", trial.states(), [])
        expect_equal("writes", trial.probe.writes, [])


async def command_for_another_gateway_is_rejected(trial: Trial) -> None:
    """A message whose payload names another gateway than its topic is not followed.

    Source: DESIGN 4, MQTT (ids stand inside the payload)
    """
    async with trial.running():
        payload = encode(CommandMessage("gw-other", [trial.command()]))
        await trial.send_raw(MessageType.COMMAND, payload)
        await trial.until(3)
        expect_equal("acks", trial.states(), [])
        expect_equal("writes", trial.probe.writes, [])


async def malformed_messages_are_counted_and_survived(trial: Trial) -> None:
    """What cannot be read, numbers that are none included, is counted, answered by nothing, and the gateway goes on.

    Source: style guide, units (at every edge: finite numbers only)
    """
    good = encode(CommandMessage(GATEWAY, [trial.command()]))
    number = str(float(trial.case.setpoints_kw[0])).encode()
    bad = (b"", b"\xff\x00", b"[1]", b"{}", good.replace(number, b"NaN"), good.replace(number, b'"much"'))
    async with trial.running():
        for payload in bad:
            await trial.send_raw(MessageType.COMMAND, payload)
        expect_equal("messages rejected", trial.metrics.counts.get("vpp_gateway_messages_rejected"), len(bad))
        expect_equal("acks", trial.states(), [])
        await trial.send(trial.command())
        await trial.settle()
        expect_equal("acks of a good one afterwards", trial.states(), FULL)


CHECKS: tuple[Check, ...] = (
    *table(
        "refusal",
        foreign_resource_is_refused,
        protected_class_is_refused,
        resource_without_opt_in_is_refused,
        power_above_the_rating_is_refused,
        schedule_far_ahead_is_refused,
        expired_command_is_answered_and_not_followed,
        refused_command_stays_refused,
        refusal_leaves_the_running_command_alone,
        one_bad_command_does_not_spoil_its_message,
        retained_command_is_ignored,
        command_for_another_gateway_is_rejected,
        malformed_messages_are_counted_and_survived,
    ),
    *table("refusal", negative_power_is_refused, applies=may_not_export),
)
