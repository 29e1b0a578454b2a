"""From a plan to commands: nothing for what stays, and setpoints that say what should be."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.vpp.domain.event_samples import END, START, frozen, issued, record_of, sample_command
from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.domain.book import EventRecord
from vpp.domain.commanding import CANCEL_NOTICE, Issue, commands_for, release_commands
from vpp.domain.commands import Command, CommandMode
from vpp.domain.events import Direction
from vpp.domain.facts import Fact
from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Series
from vpp.domain.outcome import commanded_kw
from vpp.domain.timegrid import INTERVAL

FORECAST = {"line-1": np.full(4, 100.0), "line-2": np.full(4, 80.0), "bat-1": np.zeros(4)}
ISSUE = Issue(2, 3, 11, START, START - timedelta(minutes=6), {"line-1": 30.0})


def with_commands(*commands: Command) -> EventRecord:
    extra: list[Fact] = [issued(command) for command in commands]
    return record_of(frozen({r: [float(kw[0])] * 12 for r, kw in FORECAST.items()}), *extra)


def made(record: EventRecord, response: dict[str, list[float]]) -> dict[str, Command]:
    response_kw: dict[str, Series] = {r: np.array(kw) for r, kw in response.items()}
    commands = commands_for(record, sample_fleet(), ISSUE, response_kw=response_kw, forecast_kw=FORECAST)
    return {command.resource_id: command for command in commands}


def test_commands_for__says_what_should_be() -> None:
    commands = made(with_commands(), {"line-1": [40.0, 0.0, 12.3456, 40.0]})

    assert set(commands) == {"line-1"}
    command = commands["line-1"]
    # 100 - 40; free at its rating of 200 kW where nothing is asked; 100 - 12.3456 to a watt.
    assert command.setpoints_kw == (60.0, 200.0, 87.654, 60.0)
    assert command.assumed_forecast_kw == (100.0,) * 4
    assert command.mode is CommandMode.AT_MOST
    assert (command.plan_revision, command.epoch, command.sequence) == (2, 3, 11)
    assert command.command_id == "event-1.2.3.11"
    assert (command.schedule_start, command.valid_from, command.expires_at) == (START, ISSUE.valid_from, END)
    assert command.release_after_s == 30.0


def test_commands_for__filling_asks_for_at_least_the_forecast_and_the_response() -> None:
    record = record_of(frozen({r: [float(kw[0])] * 12 for r, kw in FORECAST.items()}), direction=Direction.FILL)
    commands = made(record, {"line-1": [40.0, 0.0, 150.0, 40.0], "bat-1": [50.0, 0.0, 0.0, 25.0]})

    # Free at 0 kW where nothing is asked, and never above the rating of 200 kW.
    assert (commands["line-1"].mode, commands["line-1"].setpoints_kw) == (
        CommandMode.AT_LEAST,
        (140.0, 0.0, 200.0, 140.0),
    )
    assert (commands["bat-1"].mode, commands["bat-1"].setpoints_kw) == (CommandMode.EXACTLY, (50.0, 0.0, 0.0, 25.0))
    filled = record_of(
        frozen({r: [float(kw[0])] * 12 for r, kw in FORECAST.items()}),
        issued(*commands.values()),
        direction=Direction.FILL,
    )
    assert commanded_kw(filled)["line-1"].tolist() == [40.0, 0.0, 100.0, 40.0]
    assert commanded_kw(filled)["bat-1"].tolist() == [50.0, 0.0, 0.0, 25.0]


def test_commands_for__no_setpoint_lies_above_a_rating_of_odd_watts() -> None:
    fleet = sample_fleet()
    odd = Fleet.of(
        nodes=list(fleet.nodes.values()),
        participants=list(fleet.participants.values()),
        sites=list(fleet.sites.values()),
        resources=[replace(r, rated_kw=195.68889) for r in fleet.resources.values()],
    )
    response_kw: dict[str, Series] = {"line-1": np.array([40.0, 0.0, 40.0, 40.0])}

    (command,) = commands_for(with_commands(), odd, ISSUE, response_kw=response_kw, forecast_kw=FORECAST)

    assert command.setpoints_kw == pytest.approx((60.0, 195.688, 60.0, 60.0), abs=1e-9)


def test_commands_for__storage_is_told_exactly() -> None:
    command = made(with_commands(), {"bat-1": [50.0, 0.0, -20.0, 50.0]})["bat-1"]

    assert command.mode is CommandMode.EXACTLY
    assert command.setpoints_kw == (-50.0, 0.0, 20.0, -50.0)


def test_commands_for__unchanged_setpoints_give_no_command() -> None:
    held = sample_command("line-1", 1, [60.0] * 4, [100.0] * 4)

    assert made(with_commands(held), {"line-1": [40.0] * 4}) == {}
    assert made(with_commands(held), {"line-1": [40.0005] * 4}) == {}
    assert set(made(with_commands(held), {"line-1": [41.0] * 4})) == {"line-1"}


def test_commands_for__a_response_of_zero_frees() -> None:
    held = sample_command("line-1", 1, [60.0] * 4, [100.0] * 4)

    commands = made(with_commands(held), {})

    assert commands["line-1"].setpoints_kw == (200.0,) * 4
    record = with_commands(held, commands["line-1"])
    assert commanded_kw(record)["line-1"].tolist() == [0.0] * 4
    assert made(record, {}) == {}


def test_commands_for__a_free_interval_is_no_call_even_above_the_rating() -> None:
    forecast = {"line-1": np.array([230.0, 230.0, 230.0, 230.0])}
    commands = commands_for(
        with_commands(),
        sample_fleet(),
        ISSUE,
        response_kw={"line-1": np.array([0.0, 50.0, 0.0, 0.0])},
        forecast_kw=forecast,
    )

    assert commands[0].setpoints_kw == (200.0, 180.0, 200.0, 200.0)
    assert commanded_kw(with_commands(commands[0]))["line-1"].tolist() == [0.0, 50.0, 0.0, 0.0]


def test_commands_for__never_below_zero_for_a_consumer() -> None:
    assert made(with_commands(), {"line-2": [90.0] * 4})["line-2"].setpoints_kw == (0.0,) * 4


def test_commands_for__sequence_rises_by_one() -> None:
    commands = made(with_commands(), {"bat-1": [50.0] * 4, "line-1": [40.0] * 4, "line-2": [10.0] * 4})

    assert sorted(command.sequence for command in commands.values()) == [11, 12, 13]


def test_release_commands__keep_what_holds_now_for_a_minute() -> None:
    now = START + timedelta(minutes=20)
    record = with_commands(sample_command("line-1", 1, [60.0, 70.0, 80.0, 200.0], [100.0] * 4))
    issue = Issue(3, 3, 20, START + INTERVAL, now, {"line-1": 45.0})

    (command,) = release_commands(record, issue)

    assert command.setpoints_kw == (70.0,)
    assert command.assumed_forecast_kw == (100.0,)
    assert (command.valid_from, command.expires_at) == (now, now + CANCEL_NOTICE)
    assert (command.sequence, command.release_after_s) == (20, 45.0)


def test_release_commands__before_the_schedule_begins() -> None:
    record = with_commands(sample_command("line-1", 1, [60.0, 70.0], [100.0] * 2, first=START + 2 * INTERVAL))

    (command,) = release_commands(record, Issue(3, 3, 20, START, START, {}))

    assert command.setpoints_kw == (60.0,)
