"""The gateway process: supervision, status page, and the installer's check."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from adapters.bootstrap import GatewayProcess, compose
from adapters.commands import adapters_app
from adapters.config import load_config
from adapters.kit.status_page import status_page
from tests.adapters.modbus.driver_rig import STAMP, factory_line
from tests.adapters.modbus.field_server import field_server, field_server_in_thread
from vpp.infra.memory.bus import MemoryBroker
from vpp.wire.codec import decode
from vpp.wire.messages import BirthMessage, StatusMessage, TelemetryMessage
from vpp.wire.topics import controller_subscriptions

CLOCK = {"at": "2026-07-20T06:00:30Z", "wall_at": "2026-07-20T06:00:30Z", "speed": 1}


def written(folder: Path, *gateways: dict[str, Any], **settings: Any) -> Path:
    path = folder / "adapters.yaml"
    path.write_text(yaml.safe_dump({"disk": "disk", "gateways": list(gateways), **settings}))
    return path


def gateway(name: str, port: int, *, units: int = 1) -> dict[str, Any]:
    line = {"site_id": "s1", "kind": "factory_line", "rated_kw": 500, "map": "factory"}
    resources = [{**line, "id": f"{name}-{u}", "devices": [{"port": port, "unit": u}]} for u in range(1, units + 1)]
    driver = {"timeout_s": 0.2, "late_waits_s": []}
    return {"gateway_id": name, "read_offset_s": 0, "resources": resources, "driver": driver}


def process(file: Path, broker: MemoryBroker) -> GatewayProcess:
    made = compose(load_config(file), file=file)
    made.bus = broker
    return made


def _now(file: Path) -> datetime:
    async def look() -> datetime:
        return compose(load_config(file), file=file).clock.now()

    return asyncio.run(look())


@asynccontextmanager
async def listening(broker: MemoryBroker, heard: "asyncio.Queue[object]") -> AsyncIterator[None]:
    async def listen() -> None:
        async with broker.connect("controller", subscriptions=controller_subscriptions()) as session:
            async for message in session.messages():
                heard.put_nowait(decode(message.topic, message.payload))

    async with asyncio.TaskGroup() as group:
        ear = group.create_task(listen())
        try:
            yield
        finally:
            ear.cancel()


async def test_run__a_gateway_that_fails_is_started_again_and_the_others_do_not_notice(tmp_path: Path) -> None:
    (tmp_path / "disk" / "gw-bad.sqlite").mkdir(parents=True)
    broker, heard = MemoryBroker(), asyncio.Queue[object]()
    async with field_server() as server, listening(broker, heard):
        factory_line(server)
        file = written(
            tmp_path,
            gateway("gw-bad", server.port),
            gateway("gw-good", server.port),
            http={"port": 0},
            restart={"first_s": 0.05, "longest_s": 0.05},
        )
        made = process(file, broker)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(made.run())
            while not isinstance(birth := await heard.get(), BirthMessage):
                pass
            assert birth.gateway_id == "gw-good"
            assert made.states["gw-good"] == "running"
            assert "StoreError: gateway store" in made.states["gw-bad"]
            (tmp_path / "disk" / "gw-bad.sqlite").rmdir()
            while not isinstance(birth := await heard.get(), BirthMessage):
                pass
            assert birth.gateway_id == "gw-bad"
            running.cancel()
        told = [heard.get_nowait() for _ in range(heard.qsize())]
    assert b"vpp_gateway_restarts_total" in made.metrics.exposition()
    farewells = {one.gateway_id for one in told if isinstance(one, StatusMessage) and not one.online}
    assert farewells == {"gw-bad", "gw-good"}


async def test_run__reads_each_minute_in_scaled_time_and_serves_its_status(tmp_path: Path) -> None:
    broker, heard = MemoryBroker(), asyncio.Queue[object]()
    async with field_server() as server, listening(broker, heard):
        factory_line(server, stamp=STAMP)
        clock = {"at": "2026-07-20T06:00:30Z", "speed": 600, "wall_at": "2026-07-20T06:00:30Z"}
        file = written(tmp_path, gateway("gw-1", server.port), http={"port": 0})
        made = process(file, broker)
        told = load_config(written(tmp_path, gateway("gw-1", server.port), clock=clock))
        made.clock = compose(told, file=file).clock
        minute = {"now": 0}

        def always_fresh(_: object) -> None:
            minute["now"] = int(made.clock.now().timestamp()) // 60
            factory_line(server, stamp=minute["now"])

        server.on_request = always_fresh
        async with asyncio.TaskGroup() as group:
            running = group.create_task(made.run())
            got: list[TelemetryMessage] = []
            while len(got) < 3:
                one = await heard.get()
                if isinstance(one, TelemetryMessage):
                    got.append(one)
            assert all(one.readings[0].power_kw == 100.0 for one in got)
            running.cancel()


async def test_status_page__metrics_health_and_nothing_else(tmp_path: Path) -> None:
    states = {"gw-1": "running"}
    with status_page("127.0.0.1", 0, metrics=lambda: b"vpp_x_total 1\n", states=lambda: states) as port:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/metrics")).text == "vpp_x_total 1\n"
            good = await client.get("/healthz")
            states["gw-1"] = "StoreError: full"
            bad = await client.get("/healthz")
            assert (await client.get("/")).status_code == 404
    assert (good.status_code, bad.status_code) == (200, 503)
    assert json.loads(bad.text) == {"gateways": {"gw-1": "StoreError: full"}}


def test_check__prints_every_device_and_says_by_its_exit_code(tmp_path: Path) -> None:
    with field_server_in_thread() as server:
        clock = {**CLOCK, "speed": 0.0001}
        file = written(tmp_path, gateway("gw-1", server.port, units=3), clock=clock)
        stamp = int(_now(file).timestamp()) // 60
        for unit in (1, 2, 3):
            factory_line(server, unit=unit, stamp=stamp)
        server.exceptions[3, 3] = 4
        result = CliRunner().invoke(adapters_app, ["check", "--config", str(file)])
    assert result.exit_code == 1, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("gateway gw-1, minute that ended at ")
    assert lines[1] == (
        f"  gw-1-1[0] factory_line 127.0.0.1:{server.port} unit 1: 100.000 kW, 5000000 Wh, runs free, "
        "scheduled_on 1, rated_kw 200, min_kw 50"
    )
    assert lines[3].endswith("unit 3: NOT READ: exception 4 (server device failure)")
    assert not (tmp_path / "disk").exists(), "a look leaves nothing behind"


@pytest.mark.parametrize("command", ["run", "check"])
def test_commands__bad_input_is_exit_2(tmp_path: Path, command: str) -> None:
    result = CliRunner().invoke(adapters_app, [command, "--config", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "cannot be read" in result.output
