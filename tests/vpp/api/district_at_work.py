"""A small district caught in the middle of its work: one event settled, one running, one with open invitations.

It runs in virtual time once per session; tests then open copies of its store with a clock that stands still.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from simulator.harness.assembly import shipped_programs
from simulator.harness.registration import reference_peak_of
from simulator.harness.simulation import plan_with_work_limits
from tests.e2e.field import MINUTE, quick
from tests.e2e.virtual_district import SETTINGS, District, running_district
from vpp.bootstrap import Controller, Outside, Setup
from vpp.domain.capability import CapabilityOffer
from vpp.domain.events import Declaration, Direction, EventKind, EventState
from vpp.domain.programs import Program
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.virtual_time import run_virtual
from vpp.infra.workers import InlineWorkers

SETTLED, RUNNING, INVITED, DRAFT, CANCELLED = "event-1", "event-2", "event-3", "event-4", "event-5"
RUNNING_START = datetime(2026, 7, 22, 8, 0, tzinfo=UTC)
NOW = datetime(2026, 7, 22, 8, 22, 30, tzinfo=UTC)
TOMORROW = datetime(2026, 7, 23, 6, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Caught:
    """What is left of the run.

    Attributes:
        offers: The latest of every resource, which no store keeps.
        heard: When each gateway was heard last.
    """

    folder: Path
    offers: Mapping[str, CapabilityOffer]
    heard: Mapping[str, datetime]
    software: Mapping[str, str]


class StillClock:
    """Implements ``Clock``: it stands until a test moves it."""

    def __init__(self, shown: datetime = NOW) -> None:
        self.shown = shown
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return self.shown

    def move_to(self, instant: datetime) -> None:
        self.shown = instant
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep_until(self, instant: datetime) -> None:
        while self.shown < instant:
            await self._moved.wait()


@cache
def _programs() -> dict[str, Program]:
    return shipped_programs()


def declaration(event_id: str, start: datetime, hours: float = 1.0) -> Declaration:
    return Declaration(
        event_id=event_id,
        program_id="beichen-demo",
        kind=EventKind.ECONOMIC,
        direction=Direction.CURTAIL,
        start=start,
        end=start + hours * 60 * MINUTE,
        target_percent=5.0,
        declared_by="operator",
    )


def catch(folder: Path) -> Caught:
    """Runs the district up to ``NOW`` and leaves its store below ``folder``."""
    return run_virtual(_catch(folder), quick().window.start)


async def _catch(folder: Path) -> Caught:
    async with running_district(folder) as district:
        life = await district.start_controller()
        controller = life.controller
        while life.record is None or life.record.state is not EventState.SETTLED:
            assert await district.run_until(district.clock.now() + MINUTE)
        await controller.intake.declare(declaration(RUNNING, RUNNING_START))
        await controller.intake.approve(RUNNING, by="operator")
        await _answer(district, controller)
        assert await district.run_until(NOW - 6 * MINUTE)
        await controller.intake.declare(declaration(INVITED, TOMORROW))
        await controller.intake.approve(INVITED, by="operator")
        await controller.intake.declare(declaration(DRAFT, TOMORROW + 180 * MINUTE))
        await controller.intake.declare(declaration(CANCELLED, TOMORROW + 24 * 60 * MINUTE))
        await controller.intake.cancel(CANCELLED, "the heat wave ended", by="operator")
        assert await district.run_until(NOW)
        await controller.ingest.flush()
        offers, ingest = dict(controller.registry.offers), controller.ingest
        heard, software = dict(ingest.heard), dict(ingest.software)
        await district.kill_controller()
        return Caught(district.store.path, offers, heard, software)


async def _answer(district: District, controller: Controller) -> None:
    record = controller.recorder.book.event(RUNNING)
    while record.invitation is None:
        assert await district.run_until(district.clock.now() + MINUTE)
    for place, participant_id in enumerate(sorted(record.invitation.participant_ids)):
        if place != 1:
            await controller.intake.answer(RUNNING, participant_id, accepted=place != 0, by="")


@dataclass(frozen=True, slots=True)
class Reopened:
    """A controller on a copy of the caught store; it runs nothing by itself."""

    controller: Controller
    clock: StillClock
    metrics: PrometheusMetrics


@asynccontextmanager
async def reopened(caught: Caught, folder: Path) -> AsyncIterator[Reopened]:
    """The district's controller as it stood at ``NOW``, on a copy below ``folder``."""
    shutil.copytree(caught.folder, folder, dirs_exist_ok=True)
    store = StoreFolder(folder)
    ledger, archive = open_ledger(store.ledger_url), open_archive(store.archive_url)
    clock, metrics = StillClock(), PrometheusMetrics()
    try:
        outside = Outside(
            bus=MemoryBroker(),
            ledger=ledger,
            archive=archive,
            clock=clock,
            workers=InlineWorkers(),
            metrics=metrics,
            network=store.network(),
            planner=plan_with_work_limits,
            calendar=chinese_working_days,
        )
        setup = Setup(
            fleet=store.fleet(),
            programs=_programs(),
            reference_peak=reference_peak_of(quick().district),
            epoch=next_epoch(store.epoch_path),
            settings=SETTINGS,
        )
        controller = Controller(outside, setup)
        await controller.start()
        controller.registry.offers.update(caught.offers)
        controller.ingest.heard.update(caught.heard)
        controller.ingest.software.update(caught.software)
        yield Reopened(controller, clock, metrics)
    finally:
        archive.close()
        ledger.close()
