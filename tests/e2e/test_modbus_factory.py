"""A factory configured with a register map of its own, in YAML alone, takes part in an event.

Its device is a third party's Modbus TCP server, its gateway the real process ``vpp adapters run``, the controller
another process, the broker Debian's mosquitto; the rest of the district is simulated in this one. Scaled time.
"""

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import yaml

from adapters.kit.resource_spec import ResourceSpec
from simulator.harness.assembly import EVENT_ID
from simulator.harness.registration import Installed
from tests.contract.mosquitto_process import running_mosquitto
from tests.e2e.field import QUICK, SEED, Field, kinds_behind, quick
from tests.e2e.third_party_factory import BLOCK, OWN_MAP, ThirdPartyFactory
from vpp.domain.commands import AckState
from vpp.domain.events import EventState
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.store.archive import open_archive
from vpp.infra.store.ledger import open_ledger
from vpp.services.measuring import Measuring
from vpp.services.recorder import Recorder
from vpp.services.tracking import Tracking

GATEWAY = "gw-factory-02"
SPEED = 180.0
RECOVERY_INTERVALS = 2
LOOK_EVERY_S = 0.1
VPP = Path(sys.executable).parent / "vpp"


def adapters_file(folder: Path, installed: Installed, *, broker: int, modbus: int, clock: dict[str, object]) -> Path:
    """The installer's two files: the register map, and the gateway with its resources."""
    (folder / "third-party.yaml").write_text(yaml.safe_dump(OWN_MAP))
    told = {
        "broker": {"port": broker},
        "disk": "disk",
        "clock": clock,
        "confirm": {"mode": "auto", "after_s": 120},
        "gateways": [
            {
                "gateway_id": installed.gateway_id,
                "read_offset_s": 20,
                "resources": [resource_section(spec, modbus) for spec in installed.specs],
            }
        ],
    }
    file = folder / "adapters.yaml"
    file.write_text(yaml.safe_dump(told))
    return file


def resource_section(spec: ResourceSpec, port: int) -> dict[str, object]:
    assert spec.profile_kw is not None
    return {
        "id": spec.id,
        "site_id": spec.site_id,
        "kind": spec.kind.value,
        "rated_kw": spec.rated_kw,
        "map": "third-party",
        "devices": [
            {"port": port, "base_address": BLOCK * device} for device in range(spec.devices.start, spec.devices.stop)
        ],
        "terms": {name: getattr(spec.terms, name) for name in spec.terms.__slots__},
        "profile_kw": spec.profile_kw.tolist(),
        "confirm_within_s": spec.confirm_within_s,
    }


@asynccontextmanager
async def running(folder: Path, *programs: list[str]) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    """Processes that end with this block, SIGTERM first."""
    with (folder / "processes.log").open("w") as log:
        started = [subprocess.Popen(program, stdout=log, stderr=log) for program in programs]  # noqa: ASYNC220 - at once
        try:
            yield started
        finally:
            for process in started:
                process.send_signal(signal.SIGTERM)
            for process in started:
                process.wait(timeout=20)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_modbus_factory__a_map_of_its_own_in_yaml_joins_an_event(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as port:
        clock = ScaledClock(quick().window.start, SPEED)
        clock.hold()
        async with asyncio.TaskGroup() as group:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port))
            made = Field(tmp_path, group, clock, bus, disks=False)
            await made.prepare()
            installed = made.installed.pop(GATEWAY)
            factory = ThirdPartyFactory(made.world, installed, clock)
            with factory.running() as modbus:
                clock.resume()
                told = {"at": clock.now().isoformat(), "wall_at": SystemClock().now().isoformat(), "speed": SPEED}
                adapters = adapters_file(tmp_path, installed, broker=port, modbus=modbus, clock=told)
                controller = tmp_path / "controller.json"
                store = {"store": str(made.store.path), "recovery_intervals": RECOVERY_INTERVALS}
                scenario = {"scenario": str(QUICK), "seed": SEED, "broker_port": port}
                controller.write_text(json.dumps(told | store | scenario))
                living = group.create_task(factory.live(), name="factory")
                async with running(
                    tmp_path,
                    [str(VPP), "adapters", "run", "--config", str(adapters)],
                    [sys.executable, "-m", "simulator.harness.controller_process", "--config", str(controller)],
                ) as processes:
                    await made.start()
                    while "StatementsIssued" not in kinds_behind(made.store, 0):
                        assert [process.poll() for process in processes] == [None, None], log_of(tmp_path)
                        assert clock.now() < made.scenario.window.end, f"not settled: {log_of(tmp_path)}"
                        await asyncio.sleep(LOOK_EVERY_S)
                living.cancel()
                await made.stop()
        await assert_delivered(made, installed, factory)


def log_of(folder: Path) -> str:
    return (folder / "processes.log").read_text()[-4000:]


async def assert_delivered(made: Field, installed: Installed, factory: ThirdPartyFactory) -> None:
    ledger, archive = open_ledger(made.store.ledger_url), open_archive(made.store.archive_url)
    try:
        recorder = Recorder(ledger, MemoryMetrics())
        await recorder.replay()
        record = recorder.book.event(EVENT_ID)
        assert record.state is EventState.SETTLED
        commanded = {spec.id: spec for spec in installed.specs if spec.id in record.commands}
        applied = [name for name in commanded if any(issued.applied for issued in record.commands[name])]
        assert applied, "no command of the factory's gateway was applied"
        written = factory.setpoints_kw.keys()
        for name in applied:
            devices = commanded[name].devices
            assert written & set(range(devices.start, devices.stop)), f"nothing was written to {name} over Modbus"
        # A line that must run on at its reduced power for a while may be released after the statements.
        released = [name for name in applied if record.commands[name][-1].state is AckState.EXPIRED]
        assert released
        for name in released:
            devices = commanded[name].devices
            last = [factory.setpoints_kw[one][-1] for one in range(devices.start, devices.stop) if one in written]
            assert np.isnan(last).all(), f"{name} was not released over Modbus"
        measured = await Measuring(recorder, archive).measure(
            EVENT_ID, recovery_intervals=RECOVERY_INTERVALS, committed_kw=Tracking.committed_kw(record)
        )
        response = measured.response
        rows = [response.meter_ids.index(name) for name in applied if name in response.meter_ids]
        graded = response.called[rows] & response.counted[rows]
        verified_kw = np.where(graded, response.baseline_w[rows] - response.metered_w[rows], 0).sum(axis=0) / 1000.0
        assert graded.any(), "no interval of the factory was verified"
        committed_kw = np.where(graded, response.committed_w[rows], 0).sum(axis=0) / 1000.0
        called = committed_kw > 0
        assert verified_kw[called].sum() > 0.5 * committed_kw[called].sum()
    finally:
        archive.close()
        ledger.close()
