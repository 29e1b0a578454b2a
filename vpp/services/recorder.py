"""The one way to make something true: check it, write it to the ledger, then let the book know."""

import asyncio

from vpp.domain.book import Book
from vpp.domain.facts import Fact
from vpp.ports import Ledger, Metrics


class Recorder:
    """Owns the book; nothing else changes it.

    Attributes:
        position: Of the last fact in the ledger that the book knows; 0 for an empty ledger.
    """

    def __init__(self, ledger: Ledger, metrics: Metrics) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._writing = asyncio.Lock()
        self._changed = asyncio.Event()
        self.book = Book()
        self.position = 0

    async def replay(self) -> int:
        """Rebuilds the book from the ledger; returns the last position."""
        self.book = Book()
        self.position = 0
        async for stored in self._ledger.read():
            self.book.apply(stored.fact)
            self.position = stored.position
        return self.position

    async def beyond(self, position: int) -> int:
        """The last position once it is higher than ``position``; waits until then."""
        while self.position <= position:
            await self._changed.wait()
        return self.position

    async def record(self, *facts: Fact) -> None:
        """Makes ``facts`` true: durable first, then visible. One caller at a time: what was checked must still hold.

        Raises:
            IllegalTransitionError: the first of them may not happen now; nothing was written.
            InputError: as ``Book.check``; nothing was written.
            StoreError: nothing was written.
        """
        if not facts:
            return
        async with self._writing:
            self.book.check(facts[0])
            self.position = await self._ledger.append(facts)
            for fact in facts:
                self.book.apply(fact)
                self._metrics.count("facts_recorded", kind=type(fact).__name__)
            self._changed.set()
            self._changed = asyncio.Event()
