"""The demonstration as a service: separate processes under a supervisor, with web pages, until it is stopped.

Broker, devices, gateways, controller and people are the very programs that a real installation runs, started from a
set-up of the scenario in one folder. This module sets up, starts, declares the scenario's event and looks on, by the
API like any other client.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from simulator.harness.demo_users import PASSWORD, DemoLogin, demo_logins
from simulator.harness.setup_files import Addresses, SetupFiles, SetupOptions, start_clock, write_setup
from simulator.harness.supervised import (
    Program,
    Supervised,
    SupervisorError,
    log_folder,
    require_unused,
    supervise,
)
from simulator.scenario import load_scenario
from vpp.config import read_serve_config
from vpp.domain.errors import ConfigError, OutsideError
from vpp.domain.timegrid import INTERVAL, floor_interval, format_instant, parse_instant
from vpp.infra.clock import SystemClock
from vpp.infra.mqtt.aiomqtt_bus import BrokerAddress

DECLARE_AFTER_S = 20.0
READY_WITHIN_S = 120.0
LOOK_EVERY_S = 0.5
NOTICE = timedelta(minutes=30)
HTTP_TIMEOUT_S = 20.0
HOST = "127.0.0.1"
FIRST_PORT, LAST_PORT = 15_020, 32_000
BIN = Path(sys.executable).parent


class PortTakenError(OutsideError):
    """The port for the web pages is in use."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How to run the demonstration.

    Attributes:
        speed: Simulated seconds per second.
        folder: For everything that is written.
        http_port: Of the web pages and the API.
        broker: ``None`` for an embedded one.
        manual: Declare nothing; somebody else will.
    """

    scenario: Path
    seed: int
    speed: float
    folder: Path
    http_port: int
    broker: BrokerAddress | None = None
    manual: bool = False


@dataclass(frozen=True, slots=True)
class LiveDemo:
    """A running demonstration."""

    url: str
    logins: Sequence[DemoLogin]
    supervised: Supervised
    files: SetupFiles

    @property
    def now(self) -> datetime:
        """Simulated instant."""
        passed_s = (SystemClock().now() - self.files.wall_at).total_seconds()
        return self.files.at + timedelta(seconds=(self.files.speed or 1.0) * passed_s)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the newest event, as the API tells it; empty mappings while there is none.

    Attributes:
        behind_s: Simulated age of the oldest gateway's latest reading.
    """

    now: datetime
    event: Mapping[str, Any]
    waterfall: Mapping[str, Any]
    gateways_online: int
    behind_s: float


async def run_live_demo(
    options: LiveOptions, *, on_ready: Callable[[LiveDemo], None], on_look: Callable[[Look], None]
) -> None:
    """Runs until cancelled; everything it started is stopped when it returns.

    Args:
        options: How.
        on_ready: Called once, when people can log in.
        on_look: Called now and then from then on.

    Raises:
        PortTakenError: the web port is in use.
        SupervisorError: the programs do not come up, or end; or others run in the folder.
        ConfigError, ScenarioFileError, StoreError: the scenario cannot be set up.
    """
    _require_free(options.http_port)
    require_unused(options.folder)
    files = await _set_up(options)
    broker_port = read_serve_config(files.controller).broker.port if options.broker is None else None
    async with supervise(options.folder, programs_of(files, broker_port=broker_port)) as running:
        demo = LiveDemo(f"http://{HOST}:{options.http_port}", demo_logins(files.scenario), running, files)
        key = files.people_key.read_text("utf-8").strip()
        headers = {"X-API-Key": key}
        async with httpx.AsyncClient(base_url=demo.url, headers=headers, timeout=HTTP_TIMEOUT_S) as client:
            await _until_ready(client, demo)
            on_ready(demo)
            async with asyncio.TaskGroup() as group:
                group.create_task(_look_on(client, demo, on_look), name="demo/look")
                if not options.manual:
                    group.create_task(_declare(demo), name="demo/declare")


async def _set_up(options: LiveOptions) -> SetupFiles:
    scenario = load_scenario(options.scenario)
    broker = options.broker or BrokerAddress(host=HOST, port=_free_port())
    made = await write_setup(
        SetupOptions(
            scenario=options.scenario,
            out=options.folder,
            seed=options.seed,
            speed=options.speed,
            addresses=Addresses(
                broker_host=broker.host,
                broker_port=broker.port,
                http_port=options.http_port,
                modbus_port_base=_free_range(len(scenario.district.gateways)),
            ),
            controller={
                "demo_users": [login.as_setting() for login in demo_logins(scenario)],
                "log": {"level": "warning"},
            },
        )
    )
    return start_clock(made, SystemClock().now())


def programs_of(files: SetupFiles, *, broker_port: int | None) -> list[Program]:
    """The programs in the order of starting; ``broker_port``: of the embedded broker, where there is one."""
    vpp, vpp_sim, python = str(BIN / "vpp"), str(BIN / "vpp-sim"), sys.executable
    programs = [
        Program("devices", (vpp_sim, "devices", "--config", str(files.devices)), 2),
        Program("controller", (vpp, "serve", "--config", str(files.controller)), 3),
        Program("adapters", (vpp, "adapters", "run", "--config", str(files.adapters)), 4),
        Program("people", (vpp_sim, "people", "--config", str(files.people)), 5),
    ]
    if broker_port is not None:
        argv = (python, "-m", "simulator.harness.broker_process", "--port", str(broker_port))
        programs.insert(0, Program("broker", argv, 1))
    return programs


async def _until_ready(client: httpx.AsyncClient, demo: LiveDemo) -> None:
    """Returns once the controller is ready and every gateway has said that it is there.

    Raises:
        SupervisorError: that takes too long.
    """
    gateways = len(demo.files.scenario.district.gateways)
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while await _gateways_online(client) < gateways:
                demo.supervised.check()
                await asyncio.sleep(LOOK_EVERY_S)
    except TimeoutError as error:
        raise SupervisorError(
            f"the programs are not up within {READY_WITHIN_S:.0f} s; their logs: {log_folder(demo.supervised)}"
        ) from error


async def _gateways_online(client: httpx.AsyncClient) -> int:
    try:
        if (await client.get("/readyz")).status_code != httpx.codes.OK:
            return 0
        return sum(bool(item["online"]) for item in await _gateways(client))
    except httpx.HTTPError:
        return 0


async def _gateways(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        (await client.get("/api/v1/gateways", params={"limit": 200})).raise_for_status().json()["items"]
    )
    return found


async def _declare(demo: LiveDemo) -> None:
    """Declares and approves the scenario's event: as long and as deep, half an hour or a little more from now."""
    await asyncio.sleep(DECLARE_AFTER_S)
    event = demo.files.scenario.event
    start = floor_interval(demo.now + NOTICE) + INTERVAL
    told = {
        "program_id": event.program,
        "kind": "economic",
        "direction": "curtail",
        "start": format_instant(start),
        "end": format_instant(start + (event.end - event.start)),
        "target_percent": event.target_percent,
    }
    async with httpx.AsyncClient(base_url=demo.url, timeout=HTTP_TIMEOUT_S) as operator:
        login = await operator.post("/api/v1/session", json={"name": demo.logins[0].name, "password": PASSWORD})
        _require(login)
        operator.headers["X-CSRF-Token"] = login.json()["csrf_token"]
        declared = await operator.post("/api/v1/events", json=told)
        _require(declared)
        _require(await operator.post(f"/api/v1/events/{declared.json()['id']}/approve"))


def _require(response: httpx.Response) -> None:
    """Nothing, or ``ConfigError`` with the reason for which the service refused."""
    if response.is_error:
        raise ConfigError("the demonstration's event", "", response.json().get("detail", response.text))


async def _look_on(client: httpx.AsyncClient, demo: LiveDemo, on_look: Callable[[Look], None]) -> None:
    while True:
        demo.supervised.check()
        # The controller may just be starting again; the next look will find it.
        with suppress(httpx.HTTPError):
            on_look(await _look(client, demo))
        await asyncio.sleep(LOOK_EVERY_S)


async def _look(client: httpx.AsyncClient, demo: LiveDemo) -> Look:
    gateways = await _gateways(client)
    online = sum(bool(gateway["online"]) for gateway in gateways)
    heard = [parse_instant(gateway["last_heard"]) for gateway in gateways if gateway["last_heard"]]
    behind_s = (demo.now - min(heard)).total_seconds() if heard else 0.0
    listed = (await client.get("/api/v1/events", params={"limit": 200})).raise_for_status().json()["items"]
    if not listed:
        return Look(demo.now, {}, {}, online, behind_s)
    newest = max(listed, key=lambda event: str(event["declared_at"]))
    event = (await client.get(f"/api/v1/events/{newest['id']}")).raise_for_status().json()
    waterfall = (await client.get(f"/api/v1/events/{newest['id']}/waterfall")).raise_for_status().json()
    return Look(demo.now, event, waterfall, online, behind_s)


def _require_free(port: int) -> None:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise PortTakenError(
                f"port {port} on {HOST} cannot be used for the web pages ({error.strerror}); name another: --port"
            ) from error


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _free_range(count: int) -> int:
    """First of ``count`` ports in a row that nobody listens on; below those that systems hand out by themselves."""
    for base in range(FIRST_PORT, LAST_PORT - count, count):
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise PortTakenError(f"no {count} free ports in a row between {FIRST_PORT} and {LAST_PORT} for the devices")


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex((HOST, port)) != 0
