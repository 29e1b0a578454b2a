"""A district in virtual time whose controller and gateways can be killed and started again on the same files."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from adapters.kit.driver import ApplyResult, DeviceDriver, DeviceReadings, Indices
from adapters.kit.gateway import GatewayPorts
from adapters.kit.store import GatewayStore
from adapters.registry import standard_adapters
from simulator.harness.assembly import (
    EVENT_ID,
    import_history,
    make_gateway,
    on_site_people,
    people,
    save_setup,
    shipped_programs,
)
from simulator.harness.registration import Installed, fleet_of, installed_gateways, reference_peak_of
from simulator.harness.simulation import faulty_broker, plan_with_work_limits
from simulator.harness.world import PlantForecasts, SimulatedDriver, World
from simulator.scenario import Scenario, load_scenario
from tests.e2e.mortal import Death, MortalLedger, Stop
from vpp.bootstrap import Controller, Outside, Setup
from vpp.config_files import config_root
from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings
from vpp.domain.facts import Fact
from vpp.domain.flexibility import Series
from vpp.domain.telemetry import Reading
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.archive import SqlMeterArchive, open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.infra.virtual_time import VirtualClock
from vpp.infra.workers import InlineWorkers
from vpp.wire.codec import decode
from vpp.wire.convert import readings_from_wire
from vpp.wire.messages import TelemetryMessage

CONTROLLER = "vpp-controller"
SEED = 1
MINUTE = timedelta(minutes=1)
# Half an hour of recovery is enough here and keeps the tests short.
SETTINGS = ControlSettings(recovery_intervals=2)

Plot = Callable[[Sequence[Fact]], Stop | None]


StoredRow = tuple[int, str, bytes, bytes]
"""A fact as it lies on disk: position, kind, payload, digest."""


def stored_rows(store: StoreFolder) -> list[StoredRow]:
    with closing(sqlite3.connect(store.path / "ledger.sqlite")) as connection:
        return connection.execute("SELECT position, kind, payload, digest FROM fact ORDER BY position").fetchall()


@cache
def quick() -> Scenario:
    return load_scenario(config_root() / "scenarios" / "quick.yaml")


def nobody_plots(facts: Sequence[Fact]) -> None:
    del facts


class LoggingDriver:
    """Implements ``DeviceDriver`` over another one; notes what is written, and which piles are taken.

    Attributes:
        writes: ``(instant, device of the gateway, setpoint_kw)``, ``nan`` for a release.
        plugged: Per read, the mask of occupied piles, where there are piles.
    """

    def __init__(self, inner: DeviceDriver, clock: VirtualClock) -> None:
        self._inner = inner
        self._clock = clock
        self.writes: list[tuple[datetime, int, float]] = []
        self.plugged: list[np.ndarray] = []

    async def read(self) -> DeviceReadings:
        readings = await self._inner.read()
        if readings.piles is not None:
            self.plugged.append(readings.piles.plugged.copy())
        return readings

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        now = self._clock.now()
        self.writes += [(now, int(d), float(kw)) for d, kw in zip(device_indices, setpoints_kw, strict=True)]
        return await self._inner.apply(device_indices, setpoints_kw)

    async def release(self, device_indices: Indices) -> ApplyResult:
        now = self._clock.now()
        self.writes += [(now, int(d), float("nan")) for d in device_indices]
        return await self._inner.release(device_indices)


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


class District:
    """Plant, broker and gateways, with at most one controller; made by ``running_district``."""

    def __init__(self, folder: Path, group: asyncio.TaskGroup, *, disks: bool) -> None:
        self.scenario = quick()
        self.clock = VirtualClock()
        self.plant = self.scenario.make_plant(SEED)
        self.world = World(self.plant, self.clock)
        self.broker = faulty_broker(self.scenario, SEED)
        self.store = StoreFolder(folder / "store")
        self.life: Life | None = None
        self.sent: dict[tuple[str, datetime], Reading] = {}
        self.gateway_metrics = MemoryMetrics()
        self.installed = {i.gateway_id: i for i in installed_gateways(self.scenario, self.plant)}
        self.drivers = {
            gateway_id: LoggingDriver(SimulatedDriver(self.world, installed), self.clock)
            for gateway_id, installed in self.installed.items()
        }
        self.gateway_stores: dict[str, GatewayStore] = {}
        self.readings_not_taken = 0
        self._disk = folder if disks else None
        self._group = group
        self._gateway_tasks: dict[str, asyncio.Task[None]] = {}
        self._others: list[asyncio.Task[None]] = []
        self._on_site = on_site_people(self.scenario)
        self._killed_at: dict[str, datetime] = {}

    async def set_up(self) -> None:
        save_setup(self.store, self.scenario, self.plant)
        archive = open_archive(self.store.archive_url)
        await import_history(archive, self.scenario, self.plant)
        archive.close()
        self._others.append(self._group.create_task(self._listen(), name="listener"))
        for gateway_id in self.installed:
            self.start_gateway(gateway_id)

    def start_gateway(self, gateway_id: str) -> None:
        path = ":memory:" if self._disk is None else str(self._disk / f"{gateway_id}.sqlite")
        store = self.gateway_stores[gateway_id] = GatewayStore(path)
        ports = GatewayPorts(
            bus=self.broker,
            clock=self.clock,
            metrics=self.gateway_metrics,
            driver=self.drivers[gateway_id],
            store=store,
            adapters=standard_adapters(),
            confirmations=self._on_site,
        )
        gateway = make_gateway(self.installed[gateway_id], ports)
        killed_at = self._killed_at.pop(gateway_id, self.clock.now())
        slept = _floor_minute(self.clock.now()) - _floor_minute(killed_at)
        self.readings_not_taken += slept // MINUTE * len(self.installed[gateway_id].specs)
        self._gateway_tasks[gateway_id] = self._group.create_task(gateway.run(), name=gateway_id)

    async def kill_gateway(self, gateway_id: str) -> None:
        """Ends a gateway without a farewell; its will is published."""
        self.broker.drop(gateway_id)
        await _cancelled([self._gateway_tasks.pop(gateway_id)])
        self.gateway_stores.pop(gateway_id).close()
        self._killed_at[gateway_id] = self.clock.now()

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
        await _cancelled(life.tasks)
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
        for gateway_id in list(self._gateway_tasks):
            await self.kill_gateway(gateway_id)
        await _cancelled(self._others)

    def rows_of(self, resource_id: str) -> np.ndarray:
        devices = next(r for r in self.plant.district.resources if r.id == resource_id).devices
        return np.arange(devices.start, devices.stop)

    def installed_with(self, resource_id: str) -> Installed:
        return next(i for i in self.installed.values() if any(spec.id == resource_id for spec in i.specs))

    async def _listen(self) -> None:
        """Notes every reading that any gateway sends."""
        async with self.broker.connect("listener", subscriptions=["vpp/v1/+/telemetry"]) as session:
            async for message in session.messages():
                decoded = decode(message.topic, message.payload)
                assert isinstance(decoded, TelemetryMessage)
                for reading in readings_from_wire(decoded):
                    first = self.sent.setdefault((reading.meter_id, reading.at), reading)
                    assert first == reading, "a gateway changed its mind"


@asynccontextmanager
async def running_district(folder: Path, *, disks: bool = False) -> AsyncIterator[District]:
    """A district whose gateways run; everything is stopped at the end."""
    async with asyncio.TaskGroup() as group:
        district = District(folder, group, disks=disks)
        await district.set_up()
        yield district
        await district.stop()


def _floor_minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
