"""A small district that runs behind real pages, in a thread of its own; its clock moves only when a test lets it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from simulator.harness.assembly import shipped_programs
from simulator.harness.registration import fleet_of, reference_peak_of
from simulator.harness.simulation import plan_with_work_limits
from simulator.harness.world import PlantForecasts
from tests.e2e.field import Field, quick
from tests.e2e.virtual_district import SETTINGS
from vpp.api.app import create_app
from vpp.api.door import DoorFacts
from vpp.api.routes import api_routers
from vpp.bootstrap import Controller, Outside, Setup
from vpp.bootstrap.doors import Doorway, door_of
from vpp.domain.access import Role
from vpp.domain.book import EventRecord
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.ledger import open_ledger
from vpp.infra.workers import InlineWorkers
from vpp.portal import portal_router
from vpp.services.accounts import Accounts

SPEED = 240.0
PASSWORD = "peak-load-district"  # noqa: S105 - a test's own
LOOK_EVERY_S = 0.02
R = TypeVar("R")


@dataclass
class LiveDistrict:
    """What the test's thread may do: wait for something in scaled time, and call the controller on its own loop."""

    url: str
    controller: Controller
    alice_id: str
    loop: asyncio.AbstractEventLoop
    clock: ScaledClock

    @property
    def record(self) -> EventRecord | None:
        """The newest event."""
        events = list(self.controller.recorder.book.events.values())
        return events[-1] if events else None

    def call(self, work: Coroutine[Any, Any, R]) -> R:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout=60)

    def run_until(self, what: Callable[[], bool]) -> None:
        """Lets time pass until ``what`` holds, then stops it again."""
        self.call(self._run_until(what))

    async def _run_until(self, what: Callable[[], bool]) -> None:
        self.clock.resume()
        try:
            async with asyncio.timeout(50):
                while not what():  # noqa: ASYNC110 - conditions on many sides
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self.clock.hold()

    def others_accept(self) -> None:
        record = self.record
        assert record is not None
        assert record.invitation is not None
        for participant_id in record.invitation.participant_ids:
            if participant_id != self.alice_id:
                self.call(self.controller.intake.answer(record.declaration.event_id, participant_id, accepted=True))


@dataclass
class _Started:
    ready: threading.Event = field(default_factory=threading.Event)
    district: LiveDistrict | None = None
    server: uvicorn.Server | None = None
    failure: BaseException | None = None


@contextmanager
def live_district(folder: Path) -> Iterator[LiveDistrict]:
    """A running district with a held clock; everything has ended behind it."""
    started = _Started()
    thread = threading.Thread(target=_run, args=(started, folder), name="live-district")
    thread.start()
    try:
        started.ready.wait()
        if started.failure is not None:
            raise started.failure
        assert started.district is not None
        yield started.district
    finally:
        if started.server is not None:
            started.server.should_exit = True
        thread.join()


def _run(started: _Started, folder: Path) -> None:
    try:
        asyncio.run(_serve(started, folder))
    except BaseException as error:
        started.failure = error
        raise
    finally:
        started.ready.set()


async def _serve(started: _Started, folder: Path) -> None:
    clock, bus, metrics = ScaledClock(quick().window.start, SPEED), MemoryBroker(), PrometheusMetrics()
    clock.hold()
    async with asyncio.TaskGroup() as group:
        site = Field(folder, group, clock, bus, disks=False)
        await site.prepare()
        ledger, archive = open_ledger(site.store.ledger_url), open_archive(site.store.archive_url)
        outside = Outside(
            bus=bus,
            ledger=ledger,
            archive=archive,
            clock=clock,
            workers=InlineWorkers(),
            metrics=metrics,
            network=PlantForecasts(site.plant),
            planner=plan_with_work_limits,
            calendar=chinese_working_days,
        )
        setup = Setup(
            fleet=fleet_of(site.scenario),
            programs=shipped_programs(),
            reference_peak=reference_peak_of(site.scenario.district),
            epoch=next_epoch(site.store.epoch_path),
            settings=SETTINGS,
            while_planning=lambda making: clock.hold() if making else clock.resume(),
        )
        controller = Controller(outside, setup)
        await controller.start()
        running = group.create_task(controller.run(), name="controller")
        await site.start()
        accounts = Accounts(MemoryAccountStore(), Argon2Hasher(), workers=InlineWorkers(), wall=SystemClock())
        alice_id = next(p for p in controller.registry.fleet.participants if p.startswith("p-plant"))
        await accounts.create_user("operator", Role.OPERATOR, password=PASSWORD)
        await accounts.create_user("alice", Role.PARTICIPANT, participant_id=alice_id, password=PASSWORD)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            door = door_of(controller, Doorway(accounts, metrics, DoorFacts(url, speed=SPEED)))
            app = create_app(door, [*api_routers(), portal_router()])
            server = started.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
            serving = group.create_task(server.serve(sockets=[listening]), name="server")
            started.district = LiveDistrict(url, controller, alice_id, asyncio.get_running_loop(), clock)
            started.ready.set()
            while not server.should_exit:  # noqa: ASYNC110 - uvicorn has a flag and no event
                await asyncio.sleep(LOOK_EVERY_S)
            # What a service does on SIGTERM: its streams end, then its server.
            door.stopping.set()
            await serving
        running.cancel()
        await site.stop()
    archive.close()
    ledger.close()
