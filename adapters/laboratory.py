"""The laboratory of the conformance suite: virtual time and a broker in memory. Names concrete infrastructure."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from adapters.kit.conformance.case import Broker
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.ports import Clock


class VirtualLaboratory:
    """Implements ``Laboratory``; each trial has a time and a broker of its own."""

    def run(self, trial: Callable[[Broker, Clock], Coroutine[Any, Any, None]], start: datetime) -> None:
        """Runs ``trial`` in virtual time from ``start``; its exception passes through."""

        async def main() -> None:
            await trial(MemoryBroker(), VirtualClock())

        run_virtual(main(), start)
