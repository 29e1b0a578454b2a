"""What must hold of a scenario's processes after each was killed on the way, read from what they left on disk."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.kit.store import GatewayStore, Stream
from simulator.protocols.devices_file import load_devices_file
from simulator.protocols.journal import DeviceJournal
from tests.e2e.separate_processes import SeparateProcesses
from vpp.bootstrap.parts import store_urls
from vpp.config import read_serve_config
from vpp.domain.book import Book, EventRecord, IssuedCommand
from vpp.domain.events import EventState
from vpp.domain.facts import ControllerStarted
from vpp.domain.fleet import ResourceKind
from vpp.domain.telemetry import Quality, Reading
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.archive import SqlMeterArchive, open_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.services.recorder import Recorder

MINUTE = timedelta(minutes=1)
BACK_WITHIN = 25 * MINUTE
"""A process that was killed reads again after this time, of the scaled clock, on a very busy machine."""
STEADY = frozenset({ResourceKind.FACTORY_LINE, ResourceKind.FACTORY_PROCESS, ResourceKind.LIGHTING})
"""Kinds whose split over devices changes with commands only."""


async def assert_nothing_lost_or_doubled(processes: SeparateProcesses, recovery_intervals: int) -> None:
    told = read_serve_config(processes.files.controller)
    urls = store_urls(told.store)
    ledger, archive = open_ledger(urls.ledger), open_archive(urls.archive)
    try:
        recorder = Recorder(ledger, MemoryMetrics())
        await recorder.replay()
        (record,) = recorder.book.events.values()
        assert record.state is EventState.SETTLED
        await assert_ledger_sound(ledger)
        assert_streams_whole(processes, recorder.book)
        await assert_readings_whole(processes, archive, record, recovery_intervals)
        assert_no_device_moved_twice(processes, record)
    finally:
        ledger.close()
        archive.close()


async def assert_ledger_sound(ledger: SqlLedger) -> None:
    assert ledger.verify() is None
    facts = [stored async for stored in ledger.read()]
    assert [stored.position for stored in facts] == list(range(1, len(facts) + 1))
    epochs = [stored.fact.epoch for stored in facts if isinstance(stored.fact, ControllerStarted)]
    assert len(epochs) == 2
    assert epochs[1] > epochs[0]


def assert_streams_whole(processes: SeparateProcesses, book: Book) -> None:
    """Whatever a gateway has numbered is stored here, or still kept there."""
    for path in sorted((processes.files.folder / "gateways").glob("*.sqlite")):
        store = GatewayStore(str(path))
        try:
            for stream, through in ((Stream.TELEMETRY, book.telemetry_seq), (Stream.ACK, book.ack_seq)):
                stored = through.get(path.stem, 0)
                kept = [seq for seq, _ in store.kept_after(stream, stored, limit=10_000)]
                assert kept == list(range(stored + 1, store.next_seq(stream))), (path.stem, stream)
        finally:
            store.close()


async def assert_readings_whole(
    processes: SeparateProcesses, archive: SqlMeterArchive, record: EventRecord, recovery_intervals: int
) -> None:
    """Per meter every minute once, but for those in which gateways or devices were down; registers go on over these."""
    assert await archive.conflict_count() == 0
    fleet = StoreFolder(processes.files.folder / "store").fleet()
    end = record.end + recovery_intervals * timedelta(minutes=15)
    first = record.declaration.start - 15 * MINUTE
    by_meter: dict[str, list[Reading]] = {}
    for reading in await archive.readings(list(fleet.resources), first, end):
        by_meter.setdefault(reading.meter_id, []).append(reading)
    assert by_meter.keys() == fleet.resources.keys()
    devices = {r.id: r.devices.stop - r.devices.start for r in processes.files.scenario.district.resources}
    down = [at for name, at in processes.killed if name in {"adapters", "devices"}]
    for meter_id, readings in by_meter.items():
        good = [reading for reading in readings if reading.quality is Quality.GOOD]
        assert len({reading.at for reading in readings}) == len(readings)
        assert_gaps_explained(meter_id, [reading.at for reading in good], down)
        if fleet.resources[meter_id].kind is not ResourceKind.STORAGE:
            registers = [reading.register_wh for reading in good]
            assert all(later >= earlier for earlier, later in pairwise(registers)), meter_id
            assert_power_agrees(good, devices[meter_id])


def assert_gaps_explained(meter_id: str, instants: Sequence[datetime], down: Sequence[datetime]) -> None:
    for earlier, later in pairwise(instants):
        if later - earlier > MINUTE:
            explained = any(at - 2 * MINUTE <= later and earlier <= at + BACK_WITHIN for at in down)
            assert explained, f"{meter_id}: nothing between {earlier} and {later}, nobody was down"


def assert_power_agrees(readings: Sequence[Reading], devices: int) -> None:
    """Where minutes follow each other, the register's rise is the minute's mean power, to a watt-hour per device."""
    for earlier, later in pairwise(readings):
        if later.at - earlier.at == MINUTE:
            risen_kw = (later.register_wh - earlier.register_wh) * 60.0 / 1000.0
            assert abs(risen_kw - later.power_kw) <= 0.07 * (devices + 1), (
                f"{earlier}\n{later}: the register rose by {risen_kw} kW"
            )


def assert_no_device_moved_twice(processes: SeparateProcesses, record: EventRecord) -> None:
    """A device of a steady kind changes once for every step of a command in force, and once for the release."""
    told = load_devices_file(processes.files.devices)
    district = processes.files.scenario.district
    changes = _changes(told.state, len(district.devices.ids))
    assert changes.any()
    for resource in district.resources:
        rows = slice(resource.devices.start, resource.devices.stop)
        if resource.id not in record.commands:
            assert not changes[rows].any(), f"{resource.id} was moved without a command"
        elif ResourceKind(resource.kind) in STEADY:
            worst, allowed = int(changes[rows].max()), _allowed(record.commands[resource.id])
            assert worst <= allowed, f"{resource.id}: a device changed {worst} times, {allowed} are accounted for"


def _allowed(history: Sequence[IssuedCommand]) -> int:
    steps = sum(1 + sum(a != b for a, b in pairwise(issued.command.setpoints_kw)) for issued in history)
    return steps + 1


def _changes(memory: Path, devices: int) -> NDArray[np.int64]:
    """How often each device was told something new, shape (devices,)."""
    changes = np.zeros(devices, dtype=np.int64)
    held: dict[int, int | None] = {}
    journal = DeviceJournal(memory, {})
    try:
        controls = journal.remembered().controls
    finally:
        journal.close()
    for control in controls:
        told = control.setpoint_w if control.enabled else None
        if held.get(control.row) != told:
            changes[control.row] += 1
            held[control.row] = told
    return changes
