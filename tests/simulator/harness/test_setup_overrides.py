"""A set-up for a network of containers: what differs from one machine stands in a file; what is there stays."""

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from simulator.cli import app
from simulator.harness.setup_command import read_overrides
from vpp.config_files import config_root
from vpp.domain.errors import ConfigError

QUICK = str(config_root() / "scenarios" / "quick.yaml")


def test_setup__overrides_stand_in_their_files_and_a_set_up_is_kept(tmp_path: Path) -> None:
    overrides = tmp_path / "overrides.yaml"
    overrides.write_text("controller: {broker: {host: mosquitto}}\npeople: {url: 'http://controller:8000'}\n")
    words = ["setup", QUICK, "--out", str(tmp_path / "out"), "--overrides", str(overrides), "--devices-host", "devices"]

    made = CliRunner().invoke(app, [*words, "--keep"])
    assert made.exit_code == 0, made.output
    files = {name: yaml.safe_load((tmp_path / "out" / f"{name}.yaml").read_text()) for name in ("controller", "people")}
    adapters = (tmp_path / "out" / "adapters.yaml").read_bytes()
    again = CliRunner().invoke(app, [*words, "--keep"])

    assert files["controller"]["broker"] == {"host": "mosquitto", "port": 1883}
    assert files["people"]["url"] == "http://controller:8000"
    resource = yaml.safe_load(adapters)["gateways"][0]["resources"][0]
    assert resource["devices"]["host"] == "devices"
    assert again.exit_code == 0
    assert "a set-up is there and stays" in again.output
    assert (tmp_path / "out" / "adapters.yaml").read_bytes() == adapters
    assert not (tmp_path / "out.1").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a list", "expected a section for each of controller, adapters, devices, people"),
        ("controller: 1", "expected a section for each of controller, adapters, devices, people"),
        ("broker: {host: x}", "broker: unknown section, expected controller, adapters, devices, people"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_read_overrides__refuses_and_says_why(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "overrides.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"overrides.yaml.*{re.escape(said)}"):
        read_overrides(path)
