"""A district in virtual time whose controller and gateways can be killed and started again on the same files."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from simulator.harness.assembly import (
    EVENT_ID,
    people,
    shipped_programs,
)
from simulator.harness.registration import fleet_of, reference_peak_of
from simulator.harness.simulation import faulty_broker, plan_with_work_limits
from simulator.harness.world import PlantForecasts
from tests.e2e.field import MINUTE, SEED, Field, StoredRow, cancelled, quick, stored_rows
from tests.e2e.mortal import Death, MortalLedger, Stop
from vpp.bootstrap import Controller, Outside, Setup
from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings
from vpp.domain.facts import Fact
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.archive import SqlMeterArchive, open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.infra.virtual_time import VirtualClock
from vpp.infra.workers import InlineWorkers

CONTROLLER = "vpp-controller"
# Half an hour of recovery is enough here and keeps the tests short.
SETTINGS = ControlSettings(recovery_intervals=2)

Plot = Callable[[Sequence[Fact]], Stop | None]


def nobody_plots(facts: Sequence[Fact]) -> None:
    del facts


@dataclass
class Life:
    """One run of the controller."""

    controller: Controller
    ledger: SqlLedger
    archive: SqlMeterArchive
    death: Death
    metrics: MemoryMetrics
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def record(self) -> EventRecord | None:
        return self.controller.recorder.book.events.get(EVENT_ID)


class District(Field):
    """A field in virtual time, with at most one controller; made by ``running_district``."""

    def __init__(self, folder: Path, group: asyncio.TaskGroup, *, disks: bool) -> None:
        self.broker = faulty_broker(quick(), SEED)
        super().__init__(folder, group, VirtualClock(), self.broker, disks=disks)
        self.life: Life | None = None

    async def kill_gateway(self, gateway_id: str) -> None:
        """Ends a gateway without a farewell; its will is published."""
        self.broker.drop(gateway_id)
        await self.stop_gateway(gateway_id)

    async def start_controller(self, plot: Plot = nobody_plots) -> Life:
        """A new controller on the files of the last one."""
        death = Death(on_death=lambda: self.broker.drop(CONTROLLER))
        ledger, archive = open_ledger(self.store.ledger_url), open_archive(self.store.archive_url)
        metrics = MemoryMetrics()
        outside = Outside(
            bus=self.broker,
            ledger=MortalLedger(ledger, death, plot),
            archive=archive,
            clock=self.clock,
            workers=InlineWorkers(),
            metrics=metrics,
            network=PlantForecasts(self.plant),
            planner=plan_with_work_limits,
            calendar=chinese_working_days,
        )
        setup = Setup(
            fleet=fleet_of(self.scenario),
            programs=shipped_programs(),
            reference_peak=reference_peak_of(self.scenario.district),
            epoch=next_epoch(self.store.epoch_path),
            settings=SETTINGS,
        )
        life = self.life = Life(Controller(outside, setup), ledger, archive, death, metrics)
        await life.controller.start()
        life.tasks.append(self._group.create_task(life.controller.run(), name="controller"))
        spoken = people(self.scenario, life.controller, SEED, declare_at=self.scenario.event.declare_at)
        life.tasks.append(self._group.create_task(spoken, name="people"))
        return life

    async def kill_controller(self) -> list[StoredRow]:
        """Ends the controller as it stands; gives the facts that it leaves behind."""
        assert self.life is not None
        life, self.life = self.life, None
        life.death.come()
        await cancelled(life.tasks)
        life.ledger.close()
        life.archive.close()
        return stored_rows(self.store)

    async def run_until(self, instant: datetime) -> bool:
        """Lets time pass up to ``instant``; false when the controller died before by its plot."""
        wait_s = (instant - self.clock.now()).total_seconds()
        if wait_s <= 0:
            return True
        if self.life is None:
            await self.clock.sleep_until(instant)
            return True
        try:
            async with asyncio.timeout(wait_s):
                await self.life.death.happened.wait()
        except TimeoutError:
            return True
        return False

    async def run_until_settled(self) -> bool:
        """Lets time pass until the event is over and the last readings are in; false as ``run_until``."""
        while self.life is None or (record := self.life.record) is None or record.live:
            if self.clock.now() > self.scenario.window.end:
                raise AssertionError(f"not settled by the window's end: {self.life and self.life.record}")
            if not await self.run_until(self.clock.now() + MINUTE):
                return False
        return True

    async def stop(self) -> None:
        if self.life is not None:
            await self.kill_controller()
        await super().stop()


@asynccontextmanager
async def running_district(folder: Path, *, disks: bool = False) -> AsyncIterator[District]:
    """A district whose gateways run; everything is stopped at the end."""
    async with asyncio.TaskGroup() as group:
        district = District(folder, group, disks=disks)
        await district.prepare()
        await district.start()
        yield district
        await district.stop()
