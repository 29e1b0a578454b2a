"""The controller alone in a process of its own, on a store folder and a real broker, in somebody else's scaled time.

``python -m simulator.harness.controller_process --config FILE``: made to be killed and started again; gateways and
devices live elsewhere. Whoever owns the scenario's clock says ``now = at + speed * (wall - wall_at)``. The operator and
the participants speak to this controller, as in every other run of a scenario.
"""

import argparse
import asyncio
import logging
from datetime import timedelta
from pathlib import Path

from pydantic import AwareDatetime, Field

from simulator.files import FileModel, read_model
from simulator.harness.assembly import CONFIRM_EVERY, people
from simulator.harness.registration import reference_peak_of
from simulator.scenario import Scenario, load_scenario
from vpp.bootstrap import Controller, Outside, Setup
from vpp.bootstrap.planner import CooperativePlanner
from vpp.domain.control import ControlSettings
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.logs import set_up_logs
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.price_file import prices_of
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.workers import ThreadWorkers
from vpp.ports import ClockReading

SOLVE_DEADLINE_S = 10.0


class ControllerProcessFile(FileModel):
    """What the process is told; JSON or YAML.

    Attributes:
        store: Folder whose set-up has been written (``assembly.save_setup``).
        at, wall_at, speed: The scaled clock.
    """

    scenario: Path
    seed: int = Field(ge=0)
    store: Path
    broker_host: str = "127.0.0.1"
    broker_port: int = Field(gt=0, lt=65536)
    at: AwareDatetime
    wall_at: AwareDatetime
    speed: float = Field(gt=0)
    recovery_intervals: int = Field(default=ControlSettings().recovery_intervals, ge=1)


def main() -> None:
    """Runs until killed or interrupted."""
    parser = argparse.ArgumentParser(description="The controller alone, on a store folder and a broker.")
    parser.add_argument("--config", type=Path, required=True)
    told = read_model(parser.parse_args().config, ControllerProcessFile)
    set_up_logs(level=logging.INFO)
    asyncio.run(run_controller(told))


async def run_controller(told: ControllerProcessFile) -> None:
    """Runs the controller, and those who speak to it, until cancelled.

    Raises:
        ConfigError: the store folder lacks its set-up.
        StoreError: ledger, archive or epoch cannot be opened.
    """
    scenario = load_scenario(told.scenario)
    folder = StoreFolder(told.store)
    ledger, archive = open_ledger(folder.ledger_url), open_archive(folder.archive_url)
    try:
        # A thread, not a process: nothing is left over when this process is killed.
        with ThreadWorkers(1) as workers:
            outside = Outside(
                bus=AiomqttBus(BrokerAddress(host=told.broker_host, port=told.broker_port)),
                ledger=ledger,
                archive=archive,
                clock=_shared_clock(told),
                workers=workers,
                metrics=PrometheusMetrics(),
                network=folder.network(),
                planner=CooperativePlanner(SOLVE_DEADLINE_S),
                calendar=chinese_working_days,
                prices=prices_of(scenario.energy_price_path),
            )
            await _run(scenario, told, Controller(outside, _setup(scenario, folder, told)))
    finally:
        archive.close()
        ledger.close()


async def _run(scenario: Scenario, told: ControllerProcessFile, controller: Controller) -> None:
    await controller.start()
    async with asyncio.TaskGroup() as group:
        group.create_task(controller.run(), name="controller")
        spoken = people(scenario, controller, told.seed, declare_at=scenario.event.declare_at)
        group.create_task(spoken, name="people")


def _setup(scenario: Scenario, folder: StoreFolder, told: ControllerProcessFile) -> Setup:
    return Setup(
        fleet=folder.fleet(),
        programs=folder.programs(),
        reference_peak=reference_peak_of(scenario.district),
        confirm_every=CONFIRM_EVERY,
        epoch=next_epoch(folder.epoch_path),
        settings=ControlSettings(recovery_intervals=told.recovery_intervals),
        clock_sync=lambda: ClockReading(told.at, told.wall_at, told.speed),
    )


def _shared_clock(told: ControllerProcessFile) -> ScaledClock:
    passed_s = (SystemClock().now() - told.wall_at).total_seconds()
    return ScaledClock(told.at + timedelta(seconds=told.speed * passed_s), told.speed)


if __name__ == "__main__":
    main()
