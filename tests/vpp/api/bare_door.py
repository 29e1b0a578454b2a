"""The application with accounts and nothing behind it: for what needs no district."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import httpx
from fastapi import APIRouter, FastAPI

from vpp.api.app import create_app
from vpp.api.door import Check, Door, DoorFacts
from vpp.domain.access import Role
from vpp.domain.control import ControlSettings
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryAccountStore, MemoryIdempotencyStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.workers import InlineWorkers
from vpp.services.accounts import Accounts

URL = "http://127.0.0.1:8000"
WORD = "right-horse-battery"
PEOPLE = {"admin": Role.ADMIN, "operator": Role.OPERATOR, "steel": Role.PARTICIPANT, "mall": Role.PARTICIPANT}
Json = dict[str, Any]


@dataclass
class Bare:
    """The application and its accounts.

    Attributes:
        client: Nobody, as long as nobody logs in with it.
    """

    app: FastAPI
    door: Door
    client: httpx.AsyncClient

    def another(self) -> httpx.AsyncClient:
        """A client with a cookie jar of its own."""
        return _client(self.app)

    async def log_in(self, name: str, client: httpx.AsyncClient | None = None) -> dict[str, str]:
        """Logs in; gives the header that unsafe requests need."""
        answer = await (client or self.client).post("/api/v1/session", json={"name": name, "password": WORD})
        assert answer.status_code == 201, answer.text
        return {"X-CSRF-Token": answer.json()["csrf_token"]}

    async def key(self, role: Role, participant_id: str | None = None) -> dict[str, str]:
        """The header of a new API key."""
        by = (await self.door.accounts.users())[0].principal
        made = await self.door.accounts.create_api_key("test", role, by=by, participant_id=participant_id)
        return {"X-API-Key": made.secret}


@asynccontextmanager
async def bare_app(
    routers: Sequence[APIRouter] = (), *, facts: DoorFacts | None = None, readiness: Mapping[str, Check] | None = None
) -> AsyncIterator[Bare]:
    """The application, its people made: ``WORD`` is everybody's password."""
    accounts = Accounts(
        MemoryAccountStore(),
        Argon2Hasher(time_cost=1, memory_cost_kib=64),
        workers=InlineWorkers(),
        wall=SystemClock(),
        participant_known=lambda each: each in {"p-steel", "p-mall"},
    )
    for name, role in PEOPLE.items():
        participant_id = f"p-{name}" if role is Role.PARTICIPANT else None
        await accounts.create_user(name, role, participant_id=participant_id, password=WORD)
    nothing = cast("Any", None)
    door = Door(
        intake=nothing,
        registry=nothing,
        switching=nothing,
        recorder=nothing,
        views=nothing,
        settling=nothing,
        tracking=nothing,
        ingest=nothing,
        planning=nothing,
        tables=nothing,
        measuring=nothing,
        archive=nothing,
        network=nothing,
        clock=SystemClock(),
        wall=SystemClock(),
        accounts=accounts,
        idempotency=MemoryIdempotencyStore(),
        programs={},
        reference_peak=nothing,
        metrics=PrometheusMetrics(),
        settings=ControlSettings(),
        epoch=7,
        facts=facts or DoorFacts(public_url=URL),
        render_report=nothing,
        orderly_use=nothing,
        readiness=readiness or {},
        stopping=asyncio.Event(),
    )
    app = create_app(door, routers)
    async with _client(app) as client:
        yield Bare(app, door, client)


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=URL)
