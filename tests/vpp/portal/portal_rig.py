"""Pages over a caught district, with an operator and two participants who can log in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.vpp.api.api_rig import BASE, Api, opened_api
from tests.vpp.api.district_at_work import Caught
from vpp.api.routes import api_routers
from vpp.domain.access import Role
from vpp.portal import portal_router

PASSWORD = "peak-load-district"  # noqa: S105 - a test's own


@dataclass(frozen=True, slots=True)
class Portal:
    """The application; ``operator`` runs the district, ``alice`` and ``bob`` are participants of their own."""

    api: Api

    @asynccontextmanager
    async def visitor(self, name: str = "", language: str = "en") -> AsyncIterator[httpx.AsyncClient]:
        """A browser without scripts; logged in when it has a name."""
        transport = httpx.ASGITransport(self.api.app, raise_app_exceptions=False)
        headers = {"Accept-Language": language}
        async with httpx.AsyncClient(transport=transport, base_url=BASE, headers=headers) as client:
            if name:
                answer = await client.post("/login", data={"name": name, "password": PASSWORD})
                assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
            yield client


@asynccontextmanager
async def opened_portal(caught: Caught, folder: Path) -> AsyncIterator[Portal]:
    async with opened_api(caught, folder, [*api_routers(), portal_router()]) as api:
        accounts = api.door.accounts
        await accounts.create_user("operator", Role.OPERATOR, password=PASSWORD)
        await accounts.create_user("alice", Role.PARTICIPANT, participant_id=api.a, password=PASSWORD)
        await accounts.create_user("bob", Role.PARTICIPANT, participant_id=api.b, password=PASSWORD)
        yield Portal(api)
