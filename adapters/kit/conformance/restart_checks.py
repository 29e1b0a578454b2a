"""A gateway that stops in the middle: with its disk it goes on, without it it is safe."""

from datetime import timedelta

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import FULL, GATEWAY, Trial, rising
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_near,
    expect_that,
)
from vpp.domain.commands import AckState
from vpp.wire.messages import BirthMessage

_KW = 0.01


async def restart_after_apply_writes_nothing_again(trial: Trial) -> None:
    """A restart under a running command leaves the devices as they are and holds on to the command.

    Source: DESIGN 3, rule 1; targets (no device moved twice by one command)
    """
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command())
        await trial.until(5)
    before = len(trial.written())
    async with trial.running():
        await trial.until(14)
        expect_equal("writes after the restart", trial.written()[before:], [])
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def restart_goes_on_with_the_schedule(trial: Trial) -> None:
    """After a restart the next interval gets its setpoint, and the end its release, without another word from us.

    Source: DESIGN 3, commands; rule 1
    """
    trial.shorten_runs()
    upper, lower = trial.case.setpoints_kw
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command(setpoints_kw=[upper, lower, lower, upper]))
        await trial.until(5)
    async with trial.running():
        await trial.until(20)
        expect_near("kW told in the second interval", trial.held_kw(), lower, _KW)
        await trial.until(62)
        expect_that(trial.free_again(), "devices behind the end", trial.written(), "released")
        expect_equal("last ack", trial.states()[-1], AckState.EXPIRED)


async def restart_before_apply_still_applies(trial: Trial) -> None:
    """A command that waits for its time survives a restart.

    Source: DESIGN 3, rule 1 (a fact is on disk before its effect leaves)
    """
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command(valid_from=trial.t0 + timedelta(minutes=5)))
        await trial.until(2)
    async with trial.running():
        await trial.until(7)
        expect_equal("acks", _once(trial.states()), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def restart_before_the_ack_left_still_sends_it(trial: Trial) -> None:
    """An ack that could not leave before the restart leaves after it.

    Source: DESIGN 3, commands (gateways keep acks on disk until a notice)
    """
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command(valid_from=trial.t0 + timedelta(minutes=2)))
        trial.broker.cut(GATEWAY)
        await trial.until(4)
        expect_equal("acks without a link", trial.states(), FULL[:2])
    async with trial.running():
        await trial.until(6)
        expect_equal("acks after the restart", _once(trial.states()), FULL)


async def restart_before_devices_took_it_retries(trial: Trial) -> None:
    """A restart while the devices cannot be reached does not lose the command: it is applied once they can.

    Source: DESIGN 3, rule 1
    """
    trial.disk_on_file()
    trial.probe.offline = set(trial.devices)
    async with trial.running(power_cut=True):
        await trial.send(trial.command())
        await trial.until(3)
    trial.probe.offline = set()
    async with trial.running():
        await trial.until(6)
        expect_equal("acks", _once(trial.states()), FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def restart_knows_duplicates_and_older_commands(trial: Trial) -> None:
    """After a restart a duplicate is still one, and an older command still ignored.

    Source: DESIGN 3, commands (keeps the highest seen on disk)
    """
    upper, lower = trial.case.setpoints_kw
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command(5, setpoints_kw=[lower] * 4))
        await trial.until(3)
    before = len(trial.written())
    async with trial.running():
        await trial.send(trial.command(5, setpoints_kw=[lower] * 4))
        await trial.send(trial.command(4, setpoints_kw=[upper] * 4))
        await trial.until(8)
        expect_equal("writes after the restart", trial.written()[before:], [])
        expect_equal("last ack of the duplicate", trial.states("c5")[-1], AckState.APPLIED)
        expect_equal("acks of the older", trial.states("c4"), [])


async def restart_behind_the_end_releases(trial: Trial) -> None:
    """A gateway that was down when the event ended lets the devices go as soon as it is up.

    Source: DESIGN 3, commands (a dead controller is safe, and so is the hour after)
    """
    trial.shorten_runs()
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.send(trial.command(expires_at=trial.t0 + timedelta(minutes=15)))
        await trial.until(10)
    await trial.until(50)
    async with trial.running():
        await trial.until(53)
        expect_that(trial.free_again(), "devices after the restart", trial.written(), "released")
        expect_equal("last ack", trial.states()[-1], AckState.EXPIRED)


async def restart_goes_on_counting(trial: Trial) -> None:
    """Numbers go on where they stopped, and the count of starts rises.

    Source: DESIGN 3, commands; vpp.wire.messages.BirthMessage
    """
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.until(3)
    async with trial.running(power_cut=True):
        await trial.until(6)
    births = trial.of(BirthMessage)
    expect_equal("starts", [birth.boot for birth in births], [1, 2])
    expect_that(births[1].next_telemetry_seq > max(_first_run(trial)), "next number", births, "above those used")
    expect_that(rising(sorted(set(trial.seqs()))), "numbers of telemetry", trial.seqs(), "no gap")


def _first_run(trial: Trial) -> list[int]:
    return [seq for seq in trial.seqs() if seq < trial.of(BirthMessage)[1].next_telemetry_seq] or [0]


async def many_restarts_move_each_device_once(trial: Trial) -> None:
    """However often the gateway is killed within an event, each device is told each setpoint once.

    Source: DESIGN 6, targets (no device moved twice by one command)
    """
    upper, lower = trial.case.setpoints_kw
    trial.disk_on_file()
    schedule = [upper, lower, lower, lower]
    for minute in (1, 2, 14, 16, 17, 29):
        async with trial.running(power_cut=True):
            await trial.send(trial.command(setpoints_kw=schedule))
            await trial.until(minute)
    first = [write.setpoint_kw for write in trial.probe.writes if write.device == trial.devices[0]]
    changes = [setpoint for i, setpoint in enumerate(first) if i == 0 or abs(setpoint - first[i - 1]) > _KW]
    expect_equal("setpoints written to the first device", first, changes)
    expect_near("kW told", trial.held_kw(), lower, _KW)


async def lost_disk_lets_devices_go(trial: Trial) -> None:
    """A gateway that has forgotten everything lets go what its devices still hold, rather than hold it for ever.

    Source: DESIGN 3, commands (releases by its own time; safe local behaviour)
    """
    async with trial.running(power_cut=True):
        await trial.send(trial.command())
        await trial.until(5)
    trial.lose_disk()
    async with trial.running():
        await trial.until(8)
        expect_that(trial.free_again(), "devices after the loss", trial.written(), "released")


async def lost_disk_follows_what_is_sent_again(trial: Trial) -> None:
    """After a lost disk the controller's repetition is followed like a new command.

    Source: DESIGN 3, rule 1 (re-send what is in force)
    """
    async with trial.running(power_cut=True):
        await trial.send(trial.command())
        await trial.until(5)
    trial.lose_disk()
    before = len(trial.states())
    async with trial.running():
        await trial.send(trial.command())
        await trial.until(9)
        expect_equal("acks after the loss", trial.states()[before:], FULL)
        expect_near("kW told", trial.held_kw(), trial.case.setpoints_kw[0], _KW)


async def lost_disk_shows_in_the_birth(trial: Trial) -> None:
    """A lost disk can be seen: the numbers in the birth begin anew.

    Source: vpp.wire.messages.BirthMessage
    """
    async with trial.running(power_cut=True):
        await trial.until(5)
    trial.lose_disk()
    async with trial.running():
        await trial.until(6)
    expect_equal(
        "next number, start", [(b.next_telemetry_seq, b.boot) for b in trial.of(BirthMessage)], [(1, 1), (1, 1)]
    )


def _once(states: list[AckState]) -> list[AckState]:
    """States without repetitions by messages sent again: what the controller makes of them."""
    return list(dict.fromkeys(states))


CHECKS: tuple[Check, ...] = table(
    "restart",
    restart_after_apply_writes_nothing_again,
    restart_goes_on_with_the_schedule,
    restart_before_apply_still_applies,
    restart_before_the_ack_left_still_sends_it,
    restart_before_devices_took_it_retries,
    restart_knows_duplicates_and_older_commands,
    restart_behind_the_end_releases,
    restart_goes_on_counting,
    many_restarts_move_each_device_once,
    lost_disk_lets_devices_go,
    lost_disk_follows_what_is_sent_again,
    lost_disk_shows_in_the_birth,
)
