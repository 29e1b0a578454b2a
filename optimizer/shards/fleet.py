"""A fleet as price coordination sees it: it answers prices, settles its calls, forms its responses.

Only sums come back, until the responses themselves are fetched. Where the shards live is behind ``Shards``: in this
process (``LocalShards``) or on many machines (``optimizer.shards.ray_fleet``). The plan is the same either way.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from optimizer.respond.answer import Answer, PriceTables, Sums
from optimizer.shards.holding import Holding
from optimizer.shards.settle import Mixing
from optimizer.shards.shard import Shard
from vpp.domain.columns import Flags
from vpp.domain.flexibility import Series

R = TypeVar("R")
Question = Callable[[Shard], R]


class Shards(Protocol):
    """All shards of a fleet, in a fixed order."""

    def each(self, question: Question[R], *, changes: bool = False) -> list[R]:
        """Every shard's answer; ``changes`` says that later answers depend on this question having been asked."""


class LocalShards:
    """Shards in this process, asked one after the other; each may use threads of its own."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = tuple(shards)

    def each(self, question: Question[R], *, changes: bool = False) -> list[R]:  # noqa: ARG002 - they remember
        """Every shard's answer."""
        return [question(shard) for shard in self._shards]


class Fleet:
    """A fleet of shards; see ``Shard`` for what each method asks."""

    def __init__(self, shards: Shards, *, event: int, intervals: int) -> None:
        self._shards, self._event, self._intervals = shards, event, intervals

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """Sums of the best responses over the ``asked`` slots, shape (S,); all by default."""
        return self._answer(self._shards.each(partial(Shard.sums, prices=prices, asked=asked)))

    def known(self) -> Answer:
        """Sums of the plan to begin with."""
        return self._answer(self._shards.each(Shard.known))

    def drawn(self, chance: Series) -> tuple[Series, Series]:
        """Energy of all resources and of those drawn, kWh, shape (S,) each."""
        values = Sums.of(self._shards.each(partial(Shard.drawn, chance=chance))).values
        return values[:, 0], values[:, 1]

    def sampled(self, prices: PriceTables, chance: Series) -> Answer:
        """Sums of the best responses of the resources drawn."""
        return self._answer(self._shards.each(partial(Shard.sampled, prices=prices, chance=chance)))

    def settle(self, mixing: Mixing) -> None:
        """Settles all calls by a mixture of answers."""
        self._shards.each(partial(Shard.settle, mixing=mixing), changes=True)

    def finish(self, mixing: Mixing) -> Answer:
        """Forms the responses of a mixture; gives their sums, without costs."""
        return self._answer(self._shards.each(partial(Shard.finish, mixing=mixing), changes=True))

    def responses(self, count: int) -> Series:
        """The responses formed last, of all ``count`` resources, shape (N, H)."""
        found = self._shards.each(Shard.responses)
        if len(found) == 1 and len(found[0][0]) == count:
            return found[0][1]
        response_kw = np.zeros((count, self._intervals))
        for position, rows_kw in found:
            response_kw[position] = rows_kw
        return response_kw

    def _answer(self, parts: Sequence[Sums]) -> Answer:
        return Sums.of(parts).answer(self._event, self._intervals)


FleetOf = Callable[[Holding], Fleet]
"""Puts the resources of a problem into shards."""


def local_fleet(holding: Holding, *, shards: int = 1, threads: int = 1) -> Fleet:
    """A fleet in this process."""
    held = [holding] if shards == 1 else holding.cut(shards)
    local = LocalShards([Shard(portion, threads=threads) for portion in held])
    return Fleet(local, event=holding.event_intervals, intervals=holding.intervals)
