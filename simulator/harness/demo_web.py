"""The web pages of a demonstration that runs in one process; who logs in is kept in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import version

from simulator.harness.demo_users import PASSWORD, demo_logins
from simulator.scenario import Scenario
from vpp.api.app import create_app
from vpp.api.door import DoorFacts
from vpp.bootstrap import Controller
from vpp.bootstrap.doors import Doorway, door_of
from vpp.bootstrap.server import WebServer, listening_on
from vpp.bootstrap.service import DISTRIBUTION
from vpp.bootstrap.web import shipped_web
from vpp.config import HttpPart
from vpp.domain.errors import OutsideError
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.workers import ThreadWorkers
from vpp.ports import Workers
from vpp.services.accounts import Accounts, Credentials

STOP_WITHIN_S = 2.0


@asynccontextmanager
async def demo_web(
    scenario: Scenario, controller: Controller, metrics: PrometheusMetrics, *, speed: float, port: int
) -> AsyncIterator[None]:
    """Pages and API inside the block; without them, and a note, where the port is taken: nobody may be looking."""
    http = HttpPart(port=port, stop_within_s=STOP_WITHIN_S)
    with ExitStack() as stack:
        try:
            listening = stack.enter_context(listening_on(http))
        except OutsideError as error:
            metrics.note("no web pages in this run", reason=str(error))
            yield
            return
        hashing = stack.enter_context(ThreadWorkers(1, name="passwords"))
        accounts = await _accounts(scenario, controller, hashing)
        facts = DoorFacts(http.url_on(port), speed, version(DISTRIBUTION), demo=True, metrics_open=True)
        door = door_of(controller, Doorway(accounts, metrics, facts))
        web = shipped_web()
        server = WebServer(create_app(door, web.routers, mounts=web.mounts), http)
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(server.answer(listening), name="demo/web")
            await server.answering.wait()
            try:
                yield
            finally:
                door.stopping.set()
                server.should_exit = True
                await answering


async def _accounts(scenario: Scenario, controller: Controller, hashing: Workers) -> Accounts:
    participants = controller.registry.fleet.participants
    accounts = Accounts(
        MemoryAccountStore(),
        Argon2Hasher(),
        workers=hashing,
        wall=SystemClock(),
        participant_known=lambda participant_id: participant_id in participants,
    )
    await accounts.plant(
        [Credentials(login.name, PASSWORD, login.role, login.participant_id) for login in demo_logins(scenario)]
    )
    return accounts
