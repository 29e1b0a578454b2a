"""The controller's process is killed ten times within one event: real SIGKILL, real broker, scaled time."""

import asyncio
import json
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import IO

import pytest

from simulator.harness.assembly import EVENT_ID
from tests.contract.mosquitto_process import running_mosquitto
from tests.e2e.field import QUICK, SEED, Field, StoredRow, kinds_behind, quick, stored_rows
from tests.e2e.soundness import assert_no_ack_lost, assert_no_device_moved_twice, assert_no_reading_lost
from vpp.domain.events import EventState
from vpp.domain.facts import ControllerStarted, ReadingsStored
from vpp.domain.timegrid import INTERVAL
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.services.measuring import Measuring
from vpp.services.recorder import Recorder
from vpp.services.tracking import Tracking

SPEED = 180.0
KILLS = 10
WHILE_STARTING = frozenset({1, 8})
RECOVERY_INTERVALS = 2
BACK_WITHIN_S = 15.0
LOOK_EVERY_S = 0.05


@dataclass
class Process:
    """The controller's process, started again and again on one store.

    Attributes:
        left_behind: The facts on disk after each kill.
        back_after_s: Wall seconds from a start to the first readings that it stored, where it was let live so long.
    """

    store: StoreFolder
    config: Path
    log: IO[str]
    left_behind: list[list[StoredRow]] = field(default_factory=list)
    back_after_s: list[float] = field(default_factory=list)
    running: subprocess.Popen[str] | None = None
    started_s: float = 0.0

    def start(self) -> None:
        program = [sys.executable, "-m", "simulator.harness.controller_process", "--config", str(self.config)]
        self.started_s = asyncio.get_running_loop().time()
        self.running = subprocess.Popen(program, stdout=self.log, stderr=self.log, text=True)

    async def delivers_again(self) -> None:
        """Returns once the process has opened its epoch and stored readings; fails when that takes too long."""
        before = len(self.left_behind[-1]) if self.left_behind else 0
        while "ReadingsStored" not in (kinds := kinds_behind(self.store, before)):
            waited_s = asyncio.get_running_loop().time() - self.started_s
            assert self.running is not None
            assert self.running.poll() is None, "the controller ended by itself, see its log"
            assert waited_s < BACK_WITHIN_S, f"{waited_s:.1f} s after its start it has recorded {kinds}"
            await asyncio.sleep(LOOK_EVERY_S)
        self.back_after_s.append(asyncio.get_running_loop().time() - self.started_s)

    def kill(self) -> None:
        assert self.running is not None
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()
        self.running = None
        self.left_behind.append(stored_rows(self.store))


@asynccontextmanager
async def running_field(folder: Path, port: int) -> AsyncIterator[tuple[Field, Process]]:
    """Devices and gateways in this process, in scaled time; the controller's process is not yet started."""
    clock = ScaledClock(quick().window.start, SPEED)
    clock.hold()
    async with asyncio.TaskGroup() as group:
        made = Field(folder, group, clock, AiomqttBus(BrokerAddress(host="127.0.0.1", port=port)), disks=False)
        await made.prepare()
        clock.resume()
        config = {
            "scenario": str(QUICK),
            "seed": SEED,
            "store": str(made.store.path),
            "broker_port": port,
            "at": clock.now().isoformat(),
            "wall_at": SystemClock().now().isoformat(),
            "speed": SPEED,
            "recovery_intervals": RECOVERY_INTERVALS,
        }
        (folder / "controller.json").write_text(json.dumps(config))
        with (folder / "controller.log").open("w") as log:
            process = Process(made.store, folder / "controller.json", log)
            await made.start()
            try:
                yield made, process
            finally:
                if process.running is not None:
                    process.kill()
                await made.stop()


async def kill_again_and_again(made: Field, process: Process) -> None:
    """Ten kills spread from the declaration to the settlement; some of them hit a process that is still starting."""
    chance = random.Random(20260722)  # noqa: S311 - a fixed draw
    event = made.scenario.event
    share = (event.end + RECOVERY_INTERVALS * INTERVAL - event.declare_at) / KILLS
    process.start()
    for number in range(KILLS):
        if number in WHILE_STARTING:
            await asyncio.sleep(chance.uniform(0.3, 2.5))
        else:
            await process.delivers_again()
            await made.clock.sleep_until(event.declare_at + share * (number + chance.random()))
        process.kill()
        process.start()
    await process.delivers_again()


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_kill_process__ten_times_within_one_event(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as port:
        async with running_field(tmp_path, port) as (made, process):
            await kill_again_and_again(made, process)
            while "StatementsIssued" not in kinds_behind(process.store, 0):
                assert made.clock.now() < made.scenario.window.end, "not settled by the window's end"
                await asyncio.sleep(LOOK_EVERY_S)
            through = made.clock.now()
            # Some scaled minutes: whatever was sent until now is stored by then.
            await asyncio.sleep(2.0)
            process.kill()
            await assert_nothing_lost(made, process, through)


async def assert_nothing_lost(made: Field, process: Process, through: datetime) -> None:
    ledger, archive = open_ledger(made.store.ledger_url), open_archive(made.store.archive_url)
    try:
        assert ledger.verify() is None
        rows = stored_rows(made.store)
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        for before in process.left_behind:
            assert rows[: len(before)] == before
        facts = [stored.fact async for stored in ledger.read()]
        epochs = [fact.epoch for fact in facts if isinstance(fact, ControllerStarted)]
        assert len(epochs) >= KILLS + 1 - len(WHILE_STARTING)
        assert all(later > earlier for earlier, later in pairwise(epochs))
        recorder = Recorder(ledger, MemoryMetrics())
        await recorder.replay()
        record = recorder.book.event(EVENT_ID)
        assert record.state is EventState.SETTLED
        counted = sum(fact.count for fact in facts if isinstance(fact, ReadingsStored))
        await assert_no_reading_lost(made, archive, counted, through)
        assert_no_ack_lost(made, recorder.book)
        assert_no_device_moved_twice(made, record)
        measured = await Measuring(recorder, archive).measure(
            EVENT_ID, recovery_intervals=RECOVERY_INTERVALS, committed_kw=Tracking.committed_kw(record)
        )
        assert (measured.waterfall.verified_kw >= record.target_kw).all()
    finally:
        archive.close()
        ledger.close()
