"""Plant, gateways and an ear at the broker: all of a district but its controller; over any bus and clock."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np

from adapters.kit.driver import ApplyResult, DeviceDriver, DeviceReadings, Indices
from adapters.kit.gateway import GatewayPorts
from adapters.kit.store import GatewayStore
from adapters.registry import standard_adapters
from simulator.harness.assembly import import_history, make_gateway, on_site_people, save_setup
from simulator.harness.registration import Installed, installed_gateways
from simulator.harness.world import SimulatedDriver, World
from simulator.scenario import Scenario, load_scenario
from vpp.config_files import config_root
from vpp.domain.flexibility import Series
from vpp.domain.telemetry import Reading
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.ports import Bus, Clock
from vpp.wire.codec import decode
from vpp.wire.convert import readings_from_wire
from vpp.wire.messages import TelemetryMessage

SEED = 1
MINUTE = timedelta(minutes=1)
QUICK = config_root() / "scenarios" / "quick.yaml"


StoredRow = tuple[int, str, bytes, bytes]
"""A fact as it lies on disk: position, kind, payload, digest."""


def stored_rows(store: StoreFolder) -> list[StoredRow]:
    with closing(sqlite3.connect(store.path / "ledger.sqlite")) as connection:
        return connection.execute("SELECT position, kind, payload, digest FROM fact ORDER BY position").fetchall()


def kinds_behind(store: StoreFolder, position: int) -> list[str]:
    """Kinds of the facts behind ``position``, as they lie on disk now."""
    query = "SELECT kind FROM fact WHERE position > ? ORDER BY position"
    with closing(sqlite3.connect(store.path / "ledger.sqlite")) as connection:
        return [kind for (kind,) in connection.execute(query, (position,))]


@cache
def quick() -> Scenario:
    return load_scenario(QUICK)


class LoggingDriver:
    """Implements ``DeviceDriver`` over another one; notes what is written, and which piles are taken.

    Attributes:
        writes: ``(instant, device of the gateway, setpoint_kw)``, ``nan`` for a release.
        plugged: Per read, the mask of occupied piles, where there are piles.
    """

    def __init__(self, inner: DeviceDriver, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.writes: list[tuple[datetime, int, float]] = []
        self.plugged: list[np.ndarray] = []

    async def read(self, at: datetime) -> DeviceReadings:
        readings = await self._inner.read(at)
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


class Field:
    """The devices of the quick scenario and their gateways.

    Attributes:
        sent: Every reading that any gateway has sent, by meter and instant.
        readings_not_taken: How many minutes of resources passed while their gateway was dead.
    """

    def __init__(self, folder: Path, group: asyncio.TaskGroup, clock: Clock, bus: Bus, *, disks: bool) -> None:
        self.scenario = quick()
        self.clock = clock
        self.plant = self.scenario.make_plant(SEED)
        self.world = World(self.plant, clock)
        self.store = StoreFolder(folder / "store")
        self.sent: dict[tuple[str, datetime], Reading] = {}
        self.gateway_metrics = MemoryMetrics()
        self.installed = {i.gateway_id: i for i in installed_gateways(self.scenario, self.plant)}
        self.drivers = {
            gateway_id: LoggingDriver(SimulatedDriver(self.world, installed), clock)
            for gateway_id, installed in self.installed.items()
        }
        self.gateway_stores: dict[str, GatewayStore] = {}
        self.readings_not_taken = 0
        self._bus = bus
        self._disk = folder if disks else None
        self._group = group
        self._gateway_tasks: dict[str, asyncio.Task[None]] = {}
        self._listener: list[asyncio.Task[None]] = []
        self._on_site = on_site_people(self.scenario)
        self._killed_at: dict[str, datetime] = {}

    async def prepare(self) -> None:
        """Writes the store's set-up, an empty ledger, and the history."""
        save_setup(self.store, self.scenario, self.plant)
        open_ledger(self.store.ledger_url).close()
        archive = open_archive(self.store.archive_url)
        await import_history(archive, self.scenario, self.plant)
        archive.close()

    async def start(self) -> None:
        """Starts the ear, then the gateways."""
        listening = asyncio.Event()
        self._listener.append(self._group.create_task(self._listen(listening), name="listener"))
        await listening.wait()
        for gateway_id in self.installed:
            self.start_gateway(gateway_id)

    def start_gateway(self, gateway_id: str) -> None:
        path = ":memory:" if self._disk is None else str(self._disk / f"{gateway_id}.sqlite")
        store = self.gateway_stores[gateway_id] = GatewayStore(path)
        ports = GatewayPorts(
            bus=self._bus,
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

    async def stop_gateway(self, gateway_id: str) -> None:
        await cancelled([self._gateway_tasks.pop(gateway_id)])
        self.gateway_stores.pop(gateway_id).close()
        self._killed_at[gateway_id] = self.clock.now()

    async def stop(self) -> None:
        for gateway_id in list(self._gateway_tasks):
            await self.stop_gateway(gateway_id)
        await cancelled(self._listener)

    def rows_of(self, resource_id: str) -> np.ndarray:
        devices = next(r for r in self.plant.district.resources if r.id == resource_id).devices
        return np.arange(devices.start, devices.stop)

    def installed_with(self, resource_id: str) -> Installed:
        return next(i for i in self.installed.values() if any(spec.id == resource_id for spec in i.specs))

    def writes_of(self, resource_id: str, number: int) -> list[tuple[datetime, float]]:
        """What was written to one device of the resource, and when; ``nan`` for a release."""
        installed = self.installed_with(resource_id)
        device = next(spec for spec in installed.specs if spec.id == resource_id).devices.start + number
        return [(at, kw) for at, written, kw in self.drivers[installed.gateway_id].writes if written == device]

    async def _listen(self, listening: asyncio.Event) -> None:
        async with self._bus.connect("listener", subscriptions=["vpp/v1/+/telemetry"]) as session:
            listening.set()
            async for message in session.messages():
                decoded = decode(message.topic, message.payload)
                assert isinstance(decoded, TelemetryMessage)
                for reading in readings_from_wire(decoded):
                    first = self.sent.setdefault((reading.meter_id, reading.at), reading)
                    assert first == reading, "a gateway changed its mind"


def _floor_minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


async def cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Returns when the tasks have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
