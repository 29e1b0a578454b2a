import asyncio
from datetime import UTC, datetime

import pytest

from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.link import Link
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.ports import BusMessage, LastWill

START = datetime(2026, 7, 22, 4, tzinfo=UTC)
WILL = LastWill("vpp/v1/gw-1/status", b"offline")


@pytest.mark.parametrize("turns", range(6))
def test_run__ends_when_cancelled_while_the_link_breaks(turns: int) -> None:
    async def main() -> None:
        broker = MemoryBroker()
        link = Link(GatewayConfig("gw-1", (), 0), broker, VirtualClock(), MemoryMetrics())

        async def nothing() -> None:
            return

        async def ignore(message: BusMessage) -> None:
            del message

        async with asyncio.TaskGroup() as group:
            running = group.create_task(link.run(will=WILL, on_up=nothing, on_message=ignore, farewell=b"offline"))
            await asyncio.sleep(1.0)
            broker.drop("gw-1")
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait([running], timeout=600.0)
            assert running.cancelled()

    run_virtual(main(), START)
