"""``vpp serve`` as a process, on PostgreSQL and Mosquitto: killed, started again, asked to stop."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from tests.contract.mosquitto_process import running_mosquitto
from tests.contract.postgres_process import running_postgres
from tests.vpp.bootstrap.set_up_store import set_up_store

VPP = Path(sys.executable).with_name("vpp")
NOW = datetime(2026, 7, 20, 4, 0, tzinfo=UTC)
PASSWORD = re.compile(r"name: (\w+)  password: (\S+)  role")
SERVING = re.compile(r"serving at (\S+)")
LOOK_EVERY_S = 0.1


@dataclass
class Served:
    """A running ``vpp serve``."""

    process: subprocess.Popen[str]
    said: str
    url: str

    def kill(self) -> None:
        """As the system does when memory runs out."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As a supervisor does; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()


@contextmanager
def served(config: Path) -> Iterator[Served]:
    with (config.parent / "log").open("a") as log:
        process = subprocess.Popen(
            [VPP, "serve", "--config", str(config)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    said = ""
    try:
        while (found := SERVING.search(said)) is None:
            line = process.stdout.readline()
            assert line, f"{said}\n{(config.parent / 'log').read_text()}"
            said += line
        yield Served(process, said, found[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """Settings on a fresh database server and broker, in the time of the sample fleet."""
    set_up_store(tmp_path / "store")
    file = tmp_path / "vpp.yaml"
    with running_postgres() as cluster, running_mosquitto(tmp_path) as broker_port:
        url = cluster.new_database()
        wall = datetime.fromtimestamp(time.time(), UTC)  # noqa: TID251 - processes share the wall's time
        told = {
            "store": {"folder": "store", "ledger_url": url, "archive_url": url, "access_url": url},
            "reference_peak": {"kw": 1_000, "source": "test", "date": "2026-07-01"},
            "broker": {"port": broker_port},
            "http": {"port": 0},
            "clock": {"at": NOW.isoformat(), "wall_at": wall.isoformat(), "speed": 1},
        }
        file.write_text(yaml.safe_dump(told), "utf-8")
        yield file


def _ready(client: httpx.Client) -> dict[str, object]:
    while (answer := client.get("/readyz")).status_code != 200:
        time.sleep(LOOK_EVERY_S)
    found: dict[str, object] = answer.json()
    return found


def _children(process: subprocess.Popen[str]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text("ascii")
    return [int(pid) for pid in listed.split()]


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_serve__killed_and_started_again_loses_nothing_and_doubles_nothing(config: Path) -> None:
    event = {
        "program_id": "beichen-demo",
        "start": (NOW + timedelta(hours=2)).isoformat(),
        "end": (NOW + timedelta(hours=3)).isoformat(),
        "target_percent": 5,
    }
    with served(config) as first, httpx.Client(base_url=first.url, timeout=30) as client:
        passwords = dict(PASSWORD.findall(first.said))
        assert set(passwords) == {"admin", "operator"}
        assert _ready(client)["epoch"] == 1
        login = client.post("/api/v1/session", json={"name": "operator", "password": passwords["operator"]})
        unsafe = {"X-CSRF-Token": login.json()["csrf_token"], "Idempotency-Key": "declare-1"}
        declared = client.post("/api/v1/events", json=event, headers=unsafe)
        assert declared.status_code == 201, declared.text
        refused = subprocess.run([VPP, "serve", "--config", str(config)], capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert f"is in use by another controller (process {first.process.pid})" in refused.stderr
        children = _children(first.process)
        assert children
        first.kill()
        while not all(_gone(child) for child in children):
            time.sleep(LOOK_EVERY_S)
        cookies = client.cookies
    with served(config) as second, httpx.Client(base_url=second.url, timeout=30, cookies=cookies) as client:
        assert "password" not in second.said
        assert _ready(client)["epoch"] == 2
        again = client.post("/api/v1/events", json=event, headers=unsafe)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
        assert again.json() == declared.json()
        listed = json.dumps(client.get("/api/v1/events").json())
        assert listed.count('"beichen-demo"') == 1
        assert second.stop() == 0
    log = (config.parent / "log").read_text()
    assert not any(password in log for password in passwords.values())
    assert "Traceback" not in log
