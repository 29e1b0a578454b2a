"""The API over a caught district, with a key for everybody who may come."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import APIRouter, FastAPI

from tests.vpp.api.district_at_work import RUNNING, SETTLED, Caught, Reopened, StillClock, reopened
from vpp.api.app import create_app
from vpp.api.door import Door, DoorFacts
from vpp.api.routes import api_routers
from vpp.bootstrap import Controller
from vpp.bootstrap.doors import Doorway, door_of
from vpp.domain.access import Principal, Role
from vpp.domain.outcome import called_from, commanded_kw
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.workers import InlineWorkers
from vpp.services.accounts import Accounts

BASE = "http://127.0.0.1:8000"
ADMIN = Principal("admin", Role.ADMIN)
ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Api:
    """The application with all that tests want to reach behind it.

    Attributes:
        keys: API key by caller: operator, admin, and the participants ``a`` and ``b``.
        a, b: Participants that were called in the settled event and are called in the running one.
    """

    app: FastAPI
    door: Door
    district: Reopened
    keys: Mapping[str, str]
    a: str
    b: str

    @property
    def controller(self) -> Controller:
        return self.district.controller

    @property
    def clock(self) -> StillClock:
        return self.district.clock

    def client(self, who: str = ANONYMOUS) -> httpx.AsyncClient:
        headers = {"X-API-Key": self.keys[who]} if who != ANONYMOUS else {}
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers)


@asynccontextmanager
async def opened_api(caught: Caught, folder: Path, routers: Sequence[APIRouter] | None = None) -> AsyncIterator[Api]:
    """The API on a copy of the district's store below ``folder``."""
    async with reopened(caught, folder) as district:
        controller = district.controller
        accounts = Accounts(
            MemoryAccountStore(),
            Argon2Hasher(time_cost=1, memory_cost_kib=64),
            workers=InlineWorkers(),
            wall=SystemClock(),
            participant_known=lambda p: p in controller.registry.fleet.participants,
        )
        door = door_of(controller, Doorway(accounts, district.metrics, DoorFacts(BASE, metrics_open=True)))
        a, b = _two_called(controller)
        keys = {
            "operator": await _key(accounts, Role.OPERATOR, None),
            "admin": await _key(accounts, Role.ADMIN, None),
            "a": await _key(accounts, Role.PARTICIPANT, a),
            "b": await _key(accounts, Role.PARTICIPANT, b),
        }
        yield Api(create_app(door, routers or api_routers()), door, district, keys, a, b)


def _two_called(controller: Controller) -> tuple[str, str]:
    """Of the plants called in both events the two that the running one asks most of.

    They are people whose figures are worth hiding from each other.
    """
    settled, running = _asked_kw(controller, SETTLED), _asked_kw(controller, RUNNING)
    first, second, *_ = sorted(settled.keys() & running.keys(), key=lambda plant: -running[plant])
    return first, second


def _asked_kw(controller: Controller, event_id: str) -> dict[str, float]:
    """Mean response asked of every plant that was called."""
    asked: dict[str, float] = {}
    for resource_id, kw in commanded_kw(controller.recorder.book.event(event_id)).items():
        participant_id = controller.registry.fleet.participant_of(resource_id).id
        if participant_id.startswith("p-plant") and called_from(kw) is not None:
            asked[participant_id] = asked.get(participant_id, 0.0) + float(kw.mean())
    return asked


async def _key(accounts: Accounts, role: Role, participant_id: str | None) -> str:
    made = await accounts.create_api_key(f"of {role.value}", role, by=ADMIN, participant_id=participant_id)
    return made.secret
