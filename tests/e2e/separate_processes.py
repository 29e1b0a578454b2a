"""A scenario as separate processes: set-up, starting, killing and starting again, and what each has left on disk."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import httpx

from simulator.harness.setup_files import Addresses, SetupFiles, SetupOptions, start_clock, write_setup
from tests.contract.mosquitto_process import free_port
from tests.contract.postgres_process import Cluster
from vpp.domain.timegrid import INTERVAL, floor_interval, format_instant, parse_instant
from vpp.infra.clock import SystemClock

BIN = Path(sys.executable).parent
LOOK_EVERY_S = 0.25
READY_WITHIN_S = 120.0
PORTS_IN_A_ROW = 8
MINUTE = timedelta(minutes=1)
LEAD = 10 * MINUTE
ENDED = frozenset({"settled", "certified", "cancelled"})


@dataclass
class SeparateProcesses:
    """The four programs of a set-up, and an operator who speaks to the controller by the API."""

    files: SetupFiles
    client: httpx.AsyncClient
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    logs: dict[str, IO[bytes]] = field(default_factory=dict)
    killed: list[tuple[str, datetime]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """Simulated instant."""
        passed_s = (SystemClock().now() - self.files.wall_at).total_seconds()
        return self.files.at + timedelta(seconds=(self.files.speed or 1.0) * passed_s)

    def argv(self, name: str) -> list[str]:
        vpp, vpp_sim = str(BIN / "vpp"), str(BIN / "vpp-sim")
        return {
            "devices": [vpp_sim, "devices", "--config", str(self.files.devices)],
            "adapters": [vpp, "adapters", "run", "--config", str(self.files.adapters)],
            "controller": [vpp, "serve", "--config", str(self.files.controller)],
            "people": [vpp_sim, "people", "--config", str(self.files.people)],
        }[name]

    def start(self, *names: str) -> None:
        for name in names:
            if name not in self.logs:
                self.logs[name] = (self.files.folder / f"{name}.log").open("ab")
            log = self.logs[name]
            self.running[name] = subprocess.Popen(self.argv(name), stdout=log, stderr=log, start_new_session=True)

    def kill(self, name: str) -> None:
        """SIGKILL, without a word before."""
        self.running[name].send_signal(signal.SIGKILL)
        self.running.pop(name).wait()
        self.killed.append((name, self.now))

    def stop(self) -> dict[str, int]:
        """SIGTERM to all that run; exit codes."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        codes = {name: process.wait(30) for name, process in self.running.items()}
        self.running.clear()
        for log in self.logs.values():
            log.close()
        return codes

    def end(self) -> None:
        """Whatever still runs is killed."""
        for name in list(self.running):
            self.kill(name)
        for log in self.logs.values():
            log.close()

    async def until(self, instant: datetime) -> None:
        while (left_s := (instant - self.now).total_seconds()) > 0:  # noqa: ASYNC110 - other processes' clock
            await asyncio.sleep(min(1.0, left_s / (self.files.speed or 1.0)))

    async def until_online(self, gateways: int) -> None:
        async with asyncio.timeout(READY_WITHIN_S):
            while await self._online() < gateways:  # noqa: ASYNC110 - other processes' work
                await asyncio.sleep(LOOK_EVERY_S)

    async def _online(self) -> int:
        try:
            items = (await self.get("/api/v1/gateways?limit=200"))["items"]
        except httpx.HTTPError:
            return 0
        return sum(bool(item["online"]) for item in items)

    async def get(self, path: str) -> dict[str, Any]:
        content: dict[str, Any] = (await self.client.get(path)).raise_for_status().json()
        return content

    async def declare(self, *, ahead: timedelta, intervals: int, percent: float = 5.0) -> dict[str, Any]:
        """Declares and approves an event at the first quarter-hour that is ``ahead``."""
        start = floor_interval(self.now + ahead) + INTERVAL
        told = {
            "program_id": "beichen-demo",
            "kind": "economic",
            "direction": "curtail",
            "start": format_instant(start),
            "end": format_instant(start + intervals * INTERVAL),
            "target_percent": percent,
        }
        declared = (await self.client.post("/api/v1/events", json=told)).raise_for_status().json()
        (await self.client.post(f"/api/v1/events/{declared['id']}/approve")).raise_for_status()
        event: dict[str, Any] = declared
        return event

    async def live_through_kills(self, schedule: Sequence[tuple[str, int]], *, recovery_intervals: int) -> str:
        """One event of two intervals, each process killed and started again at its minute from the event's start.

        Returns:
            The event's id, once it is settled and everything has been stopped in good order.
        """
        self.start("devices", "controller", "adapters", "people")
        await self.until_online(len(self.files.scenario.district.gateways))
        event = await self.declare(ahead=LEAD, intervals=2)
        start, end = event_window(event)
        for name, minute in schedule:
            await self.until(start + minute * MINUTE)
            self.kill(name)
            self.start(name)
        ended = await self.until_ended(event["id"], by=end + recovery_intervals * INTERVAL + 30 * MINUTE)
        assert ended["state"] == "settled"
        report = await self.get(f"/api/v1/events/{event['id']}/report")
        assert set(report["invariants"].values()) == {"ok"}, report["invariants"]
        # Some minutes: what was read until the settlement is stored by then.
        await self.until(self.now + 3 * MINUTE)
        codes = self.stop()
        assert set(codes.values()) == {0}, codes
        return str(event["id"])

    async def until_ended(self, event_id: str, *, by: datetime) -> dict[str, Any]:
        """The event once it has ended; the controller may be away in between."""
        while self.now < by:
            try:
                event = await self.get(f"/api/v1/events/{event_id}")
            except httpx.TransportError:
                event = {"state": ""}
            if event["state"] in ENDED:
                return event
            await asyncio.sleep(LOOK_EVERY_S)
        raise AssertionError(f"event {event_id!r} has not ended by {by}")


async def set_up(options: SetupOptions) -> SeparateProcesses:
    """Everything written and the clock started; nothing runs yet."""
    files = start_clock(await write_setup(options), SystemClock().now())
    addresses = options.addresses
    key = files.people_key.read_text("utf-8").strip()
    url = f"http://{addresses.host}:{addresses.http_port}"
    return SeparateProcesses(files, httpx.AsyncClient(base_url=url, headers={"X-API-Key": key}, timeout=20.0))


def event_window(event: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return parse_instant(event["start"]), parse_instant(event["end"])


def addresses_for(broker_port: int, postgres: Cluster) -> Addresses:
    """Three databases, and ports that nobody uses."""
    return Addresses(
        broker_port=broker_port,
        http_port=free_port(),
        modbus_port_base=free_port() - PORTS_IN_A_ROW,
        ledger_url=postgres.new_database(),
        archive_url=postgres.new_database(),
        access_url=postgres.new_database(),
    )
