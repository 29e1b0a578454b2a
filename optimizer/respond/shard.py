"""Resources that answer prices in this process: only sums leave it, until the end.

``respond`` is all that price coordination asks of them, round after round; ``mix`` turns the weights that the
coordinator ends with into responses per resource. The same answer on any number of threads.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optimizer.respond.answer import Answer, PriceTables, Sums, add_responses, width_of
from optimizer.respond.jit import compiled
from optimizer.respond.parts import Part, parts_of
from vpp.domain.columns import Flags
from vpp.domain.flexibility import Series

__all__ = ["Answer", "FleetShard", "Part", "PriceTables", "parts_of"]

LEAST_ROWS, MOST_ROWS = 256, 8192


class FleetShard:
    """Resources of all kinds in this process, answered by threads."""

    def __init__(self, parts: Sequence[Part], *, slots: int, event: int, intervals: int, threads: int = 1) -> None:
        """``slots`` counts the slots of the whole fleet, whoever holds them."""
        self._parts = tuple(part for part in parts if len(part.index))
        self._slots, self._event, self._intervals = slots, event, intervals
        rows = max((len(part.index) for part in self._parts), default=0)
        self._rows = min(max(rows // 24, LEAST_ROWS), MOST_ROWS)
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """Sums of the best responses to ``prices`` over the ``asked`` slots, shape (S,); all by default."""
        return self.sums(prices, asked).answer(self._event, self._intervals)

    def sums(self, prices: PriceTables, asked: Flags | None = None) -> Sums:
        """The same on its way to be added to the sums of others."""
        asked = np.ones(self._slots, dtype=np.bool_) if asked is None else asked
        width = width_of(self._event, self._intervals)

        def work(task: tuple[Part, int, int]) -> Sums:
            part, first, last = task
            found = self._rows_of(part, first, last, prices, asked)
            sums, rows = Sums.nothing(self._slots, width), slice(first, last)
            places = (part.at.slot_of[rows], asked, part.at.mean[rows], part.at.spread[rows])
            add_responses(*places, self._event, *found, sums.high, sums.low)
            return sums

        total = Sums.nothing(self._slots, width)
        for sums in self._each(work, asked):
            total.take_in(sums)
        return total

    def mix(self, prices: PriceTables, weight: Series, into: Series) -> None:
        """Adds ``weight`` (per slot, shape (S,)) times the best responses to ``into``, shape (N, H)."""
        asked = weight > 0.0

        def work(task: tuple[Part, int, int]) -> None:
            part, first, last = task
            response, _, _ = self._rows_of(part, first, last, prices, asked)
            rows = slice(first, last)
            add_weighted(part.at.slot_of[rows], part.index[rows], weight, response, into)

        for _ in self._each(work, asked):
            pass

    def rows(self, part: Part, prices: PriceTables, asked: Flags) -> Series:
        """Responses (n, H) of a part; rows of slots that are not asked hold zeros."""
        response = np.zeros((len(part.index), self._intervals))

        def work(task: tuple[Part, int, int]) -> None:
            _, first, last = task
            response[first:last], _, _ = self._rows_of(part, first, last, prices, asked)

        tasks = [(part, a, min(a + self._rows, len(part.index))) for a in range(0, len(part.index), self._rows)]
        for _ in self._run(work, tasks):
            pass
        return response

    def _rows_of(
        self, part: Part, first: int, last: int, prices: PriceTables, asked: Flags
    ) -> tuple[Series, Series, Series]:
        found = np.zeros((last - first, self._intervals)), np.zeros(last - first), np.zeros(last - first)
        part.kernel(
            first,
            last,
            part.at.mean,
            part.at.class_of,
            part.at.group_of,
            part.at.slot_of,
            asked,
            prices.class_price,
            prices.group_price,
            *part.own,
            *found,
        )
        return found

    def _each(self, work: Callable[[tuple[Part, int, int]], Any], asked: Flags) -> Iterator[Any]:
        tasks = [
            (part, first, min(first + self._rows, len(part.index)))
            for part in self._parts
            for first in range(0, len(part.index), self._rows)
            if asked[part.at.slot_of[first : first + self._rows]].any()
        ]
        return self._run(work, tasks)

    def _run(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        if self._pool is None or len(tasks) < 2:  # noqa: PLR2004 - nothing to share
            return map(work, tasks)
        return self._pool.map(work, tasks)


@compiled
def add_weighted(
    slot_of: NDArray[np.intp], index: NDArray[np.intp], weight: Series, response: Series, into: Series
) -> None:
    """Adds rows, weighted by their slots, to where they belong in ``into``."""
    for i in range(response.shape[0]):
        share = weight[slot_of[i]]
        if share > 0.0:
            for t in range(response.shape[1]):
                into[index[i], t] += share * response[i, t]
