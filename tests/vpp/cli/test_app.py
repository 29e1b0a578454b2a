"""The one command with all its parts, its own and those found by entry point."""

import json

import pytest
from typer.testing import CliRunner

from vpp.cli.app import app

COMMANDS = ("audit", "baseline", "bench", "demo", "event", "optimize", "report", "settle", "simulate")


@pytest.mark.parametrize("command", COMMANDS)
def test_app__every_command_helps(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])

    assert result.exit_code == 0, result.output
    assert command in result.stdout


def test_app__help_lists_them() -> None:
    listed = CliRunner().invoke(app, ["--help"]).stdout

    assert [command for command in COMMANDS if command not in listed] == []


def test_app__an_unknown_command_is_bad_input() -> None:
    result = CliRunner().invoke(app, ["simulat"])

    assert result.exit_code == 2
    assert "simulat" in result.stderr


@pytest.mark.parametrize("command", [["report", "e"], ["settle", "e"], ["event", "list"], ["audit", "verify"]])
def test_app__a_store_must_be_named(command: list[str]) -> None:
    result = CliRunner().invoke(app, command)

    assert result.exit_code == 2
    assert "--store" in result.stderr
    with pytest.raises(json.JSONDecodeError):
        json.loads(result.stdout)
