"""``vpp user`` and the refusals of ``vpp serve``."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.vpp.bootstrap.set_up_store import set_up_store
from vpp.cli.app import app

PASSWORD = re.compile(r"name: (\S+)  password: (\S+)  role: (\S+)")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    set_up_store(tmp_path / "store")
    file = tmp_path / "vpp.yaml"
    file.write_text("store: {folder: store}\nreference_peak: {kw: 1000, source: test, date: 2026-07-01}\n")
    return file


def _vpp(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_user__create_list_reset_disable_enable(config: Path) -> None:
    told = ("--config", config)
    made = _vpp("user", "create", "steel", "--role", "participant", "--participant", "factory", *told)
    assert made.exit_code == 0, made.output
    (first,) = PASSWORD.findall(made.stdout)
    assert (first[0], first[2]) == ("steel", "participant")
    (second,) = PASSWORD.findall(_vpp("user", "reset", "steel", *told).stdout)
    assert first[1] != second[1]
    assert _vpp("user", "disable", "steel", *told).stdout == "steel is disabled\n"
    assert _vpp("user", "list", *told).stdout == "steel  participant  factory  disabled\n"
    assert _vpp("user", "enable", "steel", *told).stdout == "steel is enabled\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reset", "nobody"), "unknown user 'nobody'"),
        (
            ("create", "steel", "--role", "participant"),
            "'steel' has role 'participant' and must name its participant_id",
        ),
        (("create", "steel", "--role", "participant", "--participant", "x"), "unknown participant 'x'"),
        (("create", "Steel", "--role", "operator"), "user name 'Steel' is not 1 to 64 of a-z"),
    ],
)
def test_user__refusals_are_one_line(config: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = _vpp("user", *arguments, "--config", config)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {message}")
    assert refused.stderr.count("\n") == 1


def test_serve__wrong_settings_are_one_line(config: Path) -> None:
    config.write_text(config.read_text() + "htp: {}\n")
    refused = _vpp("serve", "--config", config)
    assert refused.exit_code == 2
    assert refused.stderr == f"error: {config}: htp: unknown key\n"
