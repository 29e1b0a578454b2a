"""``vpp-sim setup``: a scenario as files that separate processes are started from."""

import asyncio
from datetime import datetime
from typing import Literal

from simulator.clock import strict_instant
from simulator.harness.setup_files import SetupFiles, SetupOptions, write_setup
from vpp.domain.errors import ConfigError, VppError
from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress

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


def parse_broker(text: str) -> BrokerAddress:
    """``host:port``.

    Raises:
        ConfigError: anything else.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - TCP's last port
        raise ConfigError("--broker", text, "expected host:port, such as 127.0.0.1:1883")
    return BrokerAddress(host=host, port=int(port))
