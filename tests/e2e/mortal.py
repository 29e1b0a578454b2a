"""Ports of a controller that dies: nothing that it does after its death reaches anything outside."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from vpp.domain.facts import Fact
from vpp.infra.store.ledger import SqlLedger
from vpp.ports import StoredFact


class Stop(Enum):
    """Which side of an append a controller dies on."""

    BEFORE = auto()
    AFTER = auto()


@dataclass
class Death:
    """Whether a controller is still alive.

    Attributes:
        on_death: Called once, at the very moment.
    """

    on_death: Callable[[], None] = lambda: None
    happened: asyncio.Event = field(default_factory=asyncio.Event)

    def come(self) -> None:
        if not self.happened.is_set():
            self.happened.set()
            self.on_death()

    async def hold_the_dead(self) -> None:
        """Returns to the living only."""
        if self.happened.is_set():
            await asyncio.Event().wait()


class MortalLedger:
    """Implements ``Ledger``; kills its controller at an append that ``plot`` chooses."""

    def __init__(self, inner: SqlLedger, death: Death, plot: Callable[[Sequence[Fact]], Stop | None]) -> None:
        self._inner = inner
        self._death = death
        self._plot = plot

    async def append(self, facts: Sequence[Fact]) -> int:
        await self._death.hold_the_dead()
        stop = self._plot(facts)
        if stop is Stop.BEFORE:
            self._death.come()
            await self._death.hold_the_dead()
        position = await self._inner.append(facts)
        if stop is Stop.AFTER:
            self._death.come()
            await self._death.hold_the_dead()
        return position

    def read(self, *, after: int = 0) -> AsyncIterator[StoredFact]:
        return self._inner.read(after=after)

    async def log_hash(self) -> str:
        return await self._inner.log_hash()
