"""The demonstration as a process of its own over the real embedded broker: it meets its target, and it always ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.contract.mosquitto_process import free_port

VPP = Path(sys.executable).with_name("vpp")
LISTENING = "0A"
ENDED = "Z"
ENDS_WITHIN_S = 10.0
GONE_WITHIN_S = 5.0
SIGNS_OF_TROUBLE = ("Traceback", "Error", "error", "exception", "never retrieved", "destroyed", "warning", "Warning")


@contextmanager
def demo(scenario: Path, temporary: Path, *options: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A running demonstration, the first of a process group of its own; whatever is left of it is killed."""
    temporary.mkdir()
    process = subprocess.Popen(
        [str(VPP), "demo", "--headless", "--scenario", str(scenario), "--speed", "300", "--port", str(port), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    try:
        with process:
            yield process
    finally:
        if group_lives(process.pid):
            os.killpg(process.pid, signal.SIGKILL)


def group_lives(leader: int) -> bool:
    """Whether any process of the group still runs; one that has ended and waits to be buried does not."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, group = entry.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(group) == leader and state != ENDED:
            return True
    return False


def listening_ports(pid: int) -> list[int]:
    """The two TCP ports that a process listens on: the broker's and the pages'."""
    sockets = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    ports = [int(row[1].split(":")[1], 16) for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets]
    assert len(ports) == 2
    return ports


def read_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """Lines of progress up to the first that holds ``word``."""
    lines: list[str] = []
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if word in line:
            return lines
    raise AssertionError(f"ended without {word!r}: {lines}")


def assert_gone(process: subprocess.Popen[str], ports: list[int]) -> None:
    # A process that has let go of its pipes may take a moment more to be gone.
    ends = time.monotonic() + GONE_WITHIN_S
    while group_lives(process.pid):
        assert time.monotonic() < ends, "a process is left running"
        time.sleep(0.05)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1.0)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_demo__meets_its_target_over_a_real_broker(quick_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    web = free_port()
    with demo(quick_file, tmp_path / "temporary", "--report", str(out), port=web) as process:
        first = read_until(process, "waiting")
        ports = listening_ports(process.pid)
        told = httpx.get(f"http://127.0.0.1:{web}/readyz", timeout=20.0)
        # Both pipes end when nobody holds them any more: no process is left behind.
        printed, rest = process.communicate(timeout=200)

    log = "".join(first) + rest
    assert process.returncode == 0, log
    assert_gone(process, ports)
    assert told.json()["status"] == "ready"
    assert [word for word in SIGNS_OF_TROUBLE if word in log] == []
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["attainment"]["met"] is True
    assert report["attainment"]["min_percent"] >= report["target_percent"]
    assert len([kind for kind, values in report["by_kind"].items() if max(values) > 0]) >= 4
    assert set(report["invariants"].values()) == {"ok"}
    assert report["event"]["states"][-1]["state"] == "settled"
    assert report["verdict"]["text_en"] in printed + rest
    assert {path.name for path in out.iterdir()} == {"report.json", "report.html", "statements.jsonl", "store"}
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "moment", "to_all"),
    [(signal.SIGINT, "waiting", True), (signal.SIGTERM, "committed", False), (signal.SIGTERM, "waiting", True)],
)
def test_demo__a_signal_leaves_nothing_running(
    quick_file: Path, tmp_path: Path, number: signal.Signals, moment: str, to_all: bool
) -> None:
    # Ctrl-C reaches every process of the terminal's group, a service manager's stop often the first one only.
    with demo(quick_file, tmp_path / "temporary", port=free_port()) as process:
        first = read_until(process, moment)
        ports = listening_ports(process.pid)
        asked = time.monotonic()
        (os.killpg if to_all else os.kill)(process.pid, number)
        _, rest = process.communicate(timeout=60)
        took_s = time.monotonic() - asked

    log = "".join(first) + rest
    assert process.returncode == 130, log
    assert took_s < ENDS_WITHIN_S
    assert_gone(process, ports)
    assert [word for word in SIGNS_OF_TROUBLE if word in log] == []
    assert log.rstrip().endswith("stopped")
    assert list((tmp_path / "temporary").iterdir()) == []
