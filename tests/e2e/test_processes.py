"""Controller, gateways, devices and people as separate processes, each killed once within one event.

Mosquitto between them and PostgreSQL below; scaled time. The same in real time is
``python -m tests.e2e.processes_in_real_time``, about an hour.
"""

from pathlib import Path

import pytest

from simulator.harness.setup_files import SetupOptions
from tests.contract.mosquitto_process import running_mosquitto
from tests.contract.postgres_process import running_postgres
from tests.e2e.separate_processes import addresses_for, set_up
from tests.e2e.separate_soundness import assert_nothing_lost_or_doubled
from vpp.config_files import config_root

SPEED = 60.0
RECOVERY_INTERVALS = 2
KILLS = (("people", -12), ("devices", 4), ("adapters", 10), ("controller", 17))
QUICK = config_root() / "scenarios" / "quick.yaml"


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_processes__each_killed_once_within_one_event(tmp_path: Path) -> None:
    with running_mosquitto(tmp_path) as broker_port, running_postgres() as postgres:
        processes = await set_up(
            SetupOptions(
                scenario=QUICK,
                out=tmp_path / "run",
                addresses=addresses_for(broker_port, postgres),
                speed=SPEED,
                controller={"control": {"recovery_intervals": RECOVERY_INTERVALS}},
            )
        )
        try:
            await processes.live_through_kills(KILLS, recovery_intervals=RECOVERY_INTERVALS)
        finally:
            processes.end()
            await processes.client.aclose()
        await assert_nothing_lost_or_doubled(processes, RECOVERY_INTERVALS)
