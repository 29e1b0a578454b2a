"""A controller that takes calls from a watched folder and is killed before one step after the other.

``python -m tests.e2e.upstream_victim FOLDER``: one child per kill, each on the ledger and the folder that the one
before it left behind; the last one lives. What lasts is a step: an append to the ledger, a rename in the folder.
"""

import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vpp.domain.event_samples import EARLY
from tests.vpp.services.service_rig import controller_rig
from vpp.domain.facts import Fact
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.infra.upstream.watched_folder import WatchedFolder
from vpp.infra.virtual_time import run_virtual
from vpp.infra.workers import InlineWorkers
from vpp.ports import StoredFact

KILLED_BEFORE = (1, 2, 2, 2, 2, 2, 3)
"""Which step each child does not live to take; together they die before every step of one call's way."""


@dataclass
class Fate:
    """Counts steps, once armed, and kills before the one that is not to be."""

    before: int
    steps: int = 0
    armed: bool = False

    def step(self) -> None:
        self.steps += self.armed
        if self.armed and self.steps == self.before:
            os.kill(os.getpid(), signal.SIGKILL)

    def on_audit(self, event: str, _: object) -> None:
        if event == "os.rename":
            self.step()


@dataclass
class CountedLedger:
    """Implements ``Ledger`` over another, counting its appends."""

    inner: SqlLedger
    fate: Fate

    async def append(self, facts: Sequence[Fact]) -> int:
        self.fate.step()
        return await self.inner.append(facts)

    def read(self, *, after: int = 0) -> AsyncIterator[StoredFact]:
        return self.inner.read(after=after)

    async def log_hash(self) -> str:
        return await self.inner.log_hash()


async def one_cycle(folder: Path, epoch: int, fate: Fate) -> None:
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    upstream = WatchedFolder(folder / "shared", "province", InlineWorkers(), MemoryMetrics())
    outside = {"ledger": CountedLedger(ledger, fate), "upstream": upstream}
    controller, _, _ = await controller_rig(history=False, epoch=epoch, outside=outside)
    assert controller.liaison is not None
    fate.armed = True
    await controller.liaison.cycle()
    ledger.close()


def main(folder: Path) -> None:
    for epoch, before in enumerate((*KILLED_BEFORE, 0), start=1):
        child = os.fork()
        if child == 0:
            fate = Fate(before)
            sys.addaudithook(fate.on_audit)
            run_virtual(one_cycle(folder, epoch, fate), EARLY)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(-os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
