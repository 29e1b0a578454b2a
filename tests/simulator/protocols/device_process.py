"""``vpp-sim devices`` as a process of its own, on free ports, in scaled time."""

import os
import signal
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from simulator.clock import PlantClock


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def free_port_row(count: int) -> int:
    """The first of ``count`` ports in a row that were free a moment ago."""
    for first in range(20_000 + os.getpid() % 10_000, 32_000, count):
        try:
            for port in range(first, first + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError(f"no {count} free ports in a row")


def write_devices_file(folder: Path, scenario: Path, gateways: list[str], *, at: datetime, speed: float) -> Path:
    """A devices.yaml whose devices begin to live now, in scaled time."""
    told: dict[str, Any] = {
        "scenario": str(scenario),
        "seed": 3,
        "start": at.isoformat(),
        "state": "state",
        "maps": str(scenario.parents[1] / "modbus"),
        "gateways": [{"id": g, "port": p} for g, p in zip(gateways, free_ports(len(gateways)), strict=True)],
        "clock": {"at": at.isoformat(), "wall_at": PlantClock().now().isoformat(), "speed": speed},
    }
    path = folder / "devices.yaml"
    path.write_text(yaml.safe_dump(told), encoding="utf-8")
    return path


def ports_of(config: Path) -> dict[str, int]:
    """Port by gateway."""
    return {one["id"]: one["port"] for one in yaml.safe_load(config.read_text(encoding="utf-8"))["gateways"]}


class DeviceProcess:
    """The process, from its ready line on."""

    def __init__(self, config: Path) -> None:
        self._process = subprocess.Popen(
            [str(Path(sys.executable).with_name("vpp-sim")), "devices", "--config", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self._process.stdout is not None
        self.ready_line = self._process.stdout.readline()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and what it said on stderr."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        """Exit code and what it said on stderr."""
        _, errors = self._process.communicate(timeout=30)
        return self._process.returncode, errors
