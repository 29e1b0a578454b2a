"""``vpp demo`` as people run it: the service's own programs under supervisord, its pages, and an end that is one."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.harness.demo_users import PASSWORD
from tests.contract.mosquitto_process import free_port
from vpp.config_files import config_root

VPP = Path(sys.executable).with_name("vpp")
QUICK = config_root() / "scenarios" / "quick.yaml"
LOOK_EVERY_S = 0.5


@contextmanager
def live_demo(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [str(VPP), "demo", "--scenario", str(QUICK), "--speed", "60", "--port", str(port), "--report", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    try:
        with process:
            yield process
    finally:
        process.kill()


@contextmanager
def login(port: int, name: str) -> Iterator[httpx.Client]:
    """A session of one of the demonstration's users."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20.0) as client:
        client.post("/api/v1/session", json={"name": name, "password": PASSWORD}).raise_for_status()
        yield client


def read_until(process: subprocess.Popen[str], words: str) -> str:
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"ended without {words!r}: {lines}")


def until(client: httpx.Client, state: str) -> dict[str, Any]:
    """The newest event once it is in ``state``."""
    while True:
        events = client.get("/api/v1/events").raise_for_status().json()["items"]
        if events and events[0]["state"] == state:
            event: dict[str, Any] = events[0]
            return event
        time.sleep(LOOK_EVERY_S)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_live_demo__declares_its_event_and_ends_whole(tmp_path: Path) -> None:
    port = free_port()
    with live_demo(tmp_path / "demo", port) as process:
        welcome = read_until(process, "Ctrl-C ends it")
        assert f"open http://127.0.0.1:{port}" in welcome
        assert {"operator", "admin", "factory"} <= set(re.findall(r"^  (\w+) ", welcome, re.MULTILINE))
        with login(port, "operator") as operator, login(port, "factory") as factory:
            event = until(operator, "committed")
            assert event["declared_by"] == "operator"
            invitations = factory.get("/api/v1/me/invitations").raise_for_status().json()["items"]
            assert [line["event_id"] for line in invitations] == [event["id"]]
            assert factory.get("/me").status_code == httpx.codes.OK
            assert factory.get(f"/operator/events/{event['id']}").status_code == httpx.codes.FORBIDDEN
        supervisor = int((tmp_path / "demo" / "supervisord.pid").read_text())
        children = [int(pid) for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()]
        assert len(children) == 5

        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=90)

    assert process.returncode == 0, rest
    assert rest.rstrip().endswith("stopped")
    assert not any(lives(pid) for pid in (supervisor, *children))
