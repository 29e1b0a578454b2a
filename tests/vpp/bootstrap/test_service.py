"""The service in this process: real stores, a real web server, with and without a broker."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import httpx
import pytest

from tests.vpp.bootstrap.set_up_store import set_up_store
from vpp.bootstrap.service import Running, Web, serve
from vpp.config import BrokerPart, HttpPart, ReferencePeakPart, ServeConfig, StorePart
from vpp.domain.errors import ConfigError, OutsideError, StoreError
from vpp.infra.mqtt.embedded_broker import embedded_broker

LOOK_EVERY_S = 0.05


@dataclass(frozen=True)
class Place:
    """A store folder that has been set up, and how to serve it."""

    folder: Path

    def config(self, *, broker_port: int, http: HttpPart | None = None) -> ServeConfig:
        return ServeConfig(
            store=StorePart(folder=self.folder),
            reference_peak=ReferencePeakPart(kw=1_000.0, source="test", date=date(2026, 7, 1)),
            broker=BrokerPart(port=broker_port),
            http=http or HttpPart(port=0),
        )


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(set_up_store(tmp_path / "store"))


@pytest.fixture
def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@asynccontextmanager
async def serving(config: ServeConfig) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    """A running service and a client of it."""
    ready: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(config, Web(), on_ready=ready.set_result))
        running = await ready
        async with httpx.AsyncClient(base_url=running.url) as client:
            yield running, client
        running.door.stopping.set()


async def until_ready(client: httpx.AsyncClient, status: int) -> httpx.Response:
    """The first answer of ``/readyz`` with that status."""
    while True:
        answer = await client.get("/readyz")
        if answer.status_code == status:
            return answer
        await asyncio.sleep(LOOK_EVERY_S)


async def test_serve__answers_without_a_broker_and_is_ready_once_it_is_there(place: Place, closed_port: int) -> None:
    async with serving(place.config(broker_port=closed_port)) as (running, client):
        assert (await client.get("/healthz")).status_code == 200
        missing = await client.get("/readyz")
        assert missing.status_code == 503
        assert missing.json()["missing"] == {"broker": "there is no link to it"}
        assert (await client.get("/metrics")).status_code == 200
        assert (running.door.epoch, running.url) == (1, f"http://127.0.0.1:{running.port}")
        async with embedded_broker(port=closed_port):
            answer = await until_ready(client, 200)
            assert answer.json()["checks"] == ["ledger", "archive", "access", "broker", "cycle"]
        assert (await until_ready(client, 503)).json()["missing"] == {"broker": "there is no link to it"}


async def test_serve__first_credentials_once_then_sessions_outlive_a_restart(place: Place, closed_port: int) -> None:
    config = place.config(broker_port=closed_port)
    async with serving(config) as (running, client):
        assert [each.name for each in running.first] == ["admin", "operator"]
        login = {"name": "operator", "password": running.first[1].password}
        assert (await client.post("/api/v1/session", json=login)).status_code == 201
        cookie = client.cookies["vpp_session"]
    async with serving(config) as (running, client):
        assert running.first == []
        assert running.door.epoch == 2
        client.cookies.set("vpp_session", cookie)
        assert (await client.get("/api/v1/session")).json()["name"] == "operator"
    database = (place.folder / "access.sqlite").read_bytes()
    assert login["password"].encode() not in database
    assert cookie.encode() not in database


async def test_serve__second_controller_on_the_store_is_refused(place: Place, closed_port: int) -> None:
    config = place.config(broker_port=closed_port)
    async with serving(config):
        with pytest.raises(StoreError, match=r"store .*store is in use by another controller \(process \d+\)"):
            await serve(config, Web(), on_ready=lambda _: None)
    assert (place.folder / "epoch").read_text() == "1\n"


async def test_serve__streams_end_when_the_service_does(place: Place, closed_port: int) -> None:
    """A connection that is kept open does not keep the service."""
    async with serving(place.config(broker_port=closed_port)) as (running, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in await reader.readline()
        await client.get("/healthz")
    await reader.read()
    assert reader.at_eof()
    writer.close()


async def test_serve__address_in_use_is_told(place: Place, closed_port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutsideError, match=rf"http: cannot listen on 127.0.0.1:{port} \(Address already in use\)"):
            await serve(place.config(broker_port=closed_port, http=HttpPart(port=port)), Web(), on_ready=lambda _: None)


async def test_serve__folder_without_set_up_is_told(tmp_path: Path, closed_port: int) -> None:
    with pytest.raises(ConfigError, match=r"fleet.json: expected the file that a run wrote: .*No such file"):
        await serve(Place(tmp_path).config(broker_port=closed_port), Web(), on_ready=lambda _: None)


async def test_serve__missing_broker_password_is_told(place: Place, closed_port: int, tmp_path: Path) -> None:
    told = BrokerPart.model_validate({"port": closed_port, "username": "vpp", "password": {"file": tmp_path / "none"}})
    config = place.config(broker_port=closed_port).model_copy(update={"broker": told})
    with pytest.raises(ConfigError, match=r"none: the secret for broker.password cannot be read"):
        await serve(config, Web(), on_ready=lambda _: None)
