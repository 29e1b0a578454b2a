"""The separate processes at real time: ``python -m tests.e2e.processes_in_real_time FOLDER``, about an hour.

The quick district on its summer afternoon, one second per second, an event of two intervals a quarter of an hour after
the declaration; Mosquitto and PostgreSQL as in ``test_processes``. Prints what was seen.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

from simulator.harness.setup_files import SetupOptions
from tests.contract.mosquitto_process import running_mosquitto
from tests.contract.postgres_process import running_postgres
from tests.e2e.separate_processes import addresses_for, set_up
from tests.e2e.separate_soundness import assert_nothing_lost_or_doubled
from vpp.config_files import config_root

RECOVERY_INTERVALS = 1
KILLS = (("people", -6), ("devices", 4), ("adapters", 10), ("controller", 17))
START = datetime(2026, 7, 22, 5, 30, tzinfo=UTC)


async def main(folder: Path) -> None:
    """Runs it all, and fails as the test does."""
    with running_mosquitto(folder) as broker_port, running_postgres() as postgres:
        processes = await set_up(
            SetupOptions(
                scenario=config_root() / "scenarios" / "quick.yaml",
                out=folder / "run",
                addresses=addresses_for(broker_port, postgres),
                start=START,
                speed=1.0,
                controller={"control": {"recovery_intervals": RECOVERY_INTERVALS}},
            )
        )
        try:
            event_id = await processes.live_through_kills(KILLS, recovery_intervals=RECOVERY_INTERVALS)
        finally:
            processes.end()
            await processes.client.aclose()
        await assert_nothing_lost_or_doubled(processes, RECOVERY_INTERVALS)
    print(f"{event_id} settled; killed: {', '.join(f'{name} at {at:%H:%M:%S}' for name, at in processes.killed)}")  # noqa: T201


if __name__ == "__main__":
    told = Path(sys.argv[1])
    told.mkdir(parents=True)
    asyncio.run(main(told))
