"""``vpp-sim setup``: a scenario as files that separate processes are started from."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import yaml

from simulator.clock import strict_instant
from simulator.harness.setup_files import SetupFiles, SetupOptions, write_setup
from vpp.domain.errors import ConfigError, VppError
from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress

OVERRIDDEN = ("controller", "adapters", "devices", "people")
SetupError = VppError
"""All that a set-up is refused with, besides a wrong scenario; the message is meant for whoever asked for it."""


def setup(options: SetupOptions) -> str:
    """Writes the set-up, and says how to start it.

    Raises:
        ScenarioFileError, ConfigError, StoreError: as ``write_setup``.
    """
    return how_to_start(asyncio.run(write_setup(options)))


def how_to_start(made: SetupFiles) -> str:
    """Lines for people."""
    pace = "real time" if made.speed is None else f"{made.speed:g} simulated seconds per second"
    lines = [
        f"{made.folder}: scenario {made.scenario.name}, {made.at.isoformat(timespec='seconds')}, {pace}",
        *(f"note: {finding}" for finding in made.findings),
        "start, each in a terminal of its own, beside an MQTT broker:",
        f"  vpp-sim devices --config {made.devices}",
        f"  vpp adapters run --config {made.adapters}",
        f"  vpp serve --config {made.controller}",
        f"  vpp-sim people --config {made.people}",
    ]
    return "\n".join(lines)


def parse_start(text: str | None) -> datetime | Literal["now"] | None:
    """``now``, an instant with an offset, or nothing.

    Raises:
        ConfigError: anything else.
    """
    if text is None:
        return None
    if text == "now":
        return "now"
    try:
        return strict_instant(text)
    except ValueError as error:
        raise ConfigError("--start", text, f"{error}, or now") from error


def read_overrides(path: Path | None) -> Mapping[str, Mapping[str, Any]]:
    """What is to stand in which file, or nothing.

    Raises:
        ConfigError: not such a file; names it and what was expected.
    """
    if path is None:
        return {}
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(str(path), "", f"cannot be read as YAML: {error}") from error
    if not isinstance(content, dict) or not all(isinstance(section, dict) for section in content.values()):
        raise ConfigError(str(path), "", f"expected a section for each of {', '.join(OVERRIDDEN)}")
    if unknown := sorted(set(content) - set(OVERRIDDEN)):
        raise ConfigError(str(path), str(unknown[0]), f"unknown section, expected {', '.join(OVERRIDDEN)}")
    return content


def is_set_up(folder: Path) -> bool:
    """Whether a whole set-up lies in ``folder``; the file that is written last is there then."""
    return (folder / "people.yaml").is_file()


def parse_broker(text: str) -> BrokerAddress:
    """``host:port``.

    Raises:
        ConfigError: anything else.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - TCP's last port
        raise ConfigError("--broker", text, "expected host:port, such as 127.0.0.1:1883")
    return BrokerAddress(host=host, port=int(port))
