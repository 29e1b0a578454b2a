"""What a shard holds: the figures of its own resources and where they belong in the whole fleet."""

from dataclasses import dataclass, replace

import numpy as np

from optimizer.kinds import (
    BlockArrays,
    ChargingArrays,
    CoolingArrays,
    CurtailableArrays,
    Kind,
    Kinds,
    StorageArrays,
    taking,
)
from optimizer.respond.parts import Places
from vpp.domain.columns import Index
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True, eq=False)
class Holding:
    """The resources of one shard, ``n`` of ``N``; the ``index`` of each kind counts among these ``n``.

    Attributes:
        position: Of each resource in the whole fleet, rising, shape (n,).
        places: Slots, groups, classes and delivery figures.
        known_kw: The plan to begin with, shape (n, H).
        slots, groups: Of the whole fleet, S and G.
    """

    curtailable: CurtailableArrays
    block: BlockArrays
    charging: ChargingArrays
    cooling: CoolingArrays
    storage: StorageArrays
    position: Index
    places: Places
    known_kw: Series
    event_intervals: int
    intervals: int
    slots: int
    groups: int

    @classmethod
    def of(cls, kinds: Kinds, places: Places, known_kw: Series, *, slots: int, groups: int) -> "Holding":
        """All resources of a problem, nothing copied."""
        return cls(
            kinds.curtailable,
            kinds.block,
            kinds.charging,
            kinds.cooling,
            kinds.storage,
            np.arange(kinds.count),
            places,
            known_kw,
            kinds.event_intervals,
            kinds.intervals,
            slots,
            groups,
        )

    @property
    def count(self) -> int:
        """Number of resources, n."""
        return len(self.position)

    def portion(self, rows: Index) -> "Holding":
        """A copy of the resources in ``rows``, rising positions among these ``n``."""
        number = np.full(self.count, -1, dtype=np.intp)
        number[rows] = np.arange(len(rows))

        def mine(kind: Kind) -> Kind:
            taken = taking(kind, number[kind.index] >= 0)
            return replace(taken, index=number[taken.index])

        return replace(
            self,
            curtailable=mine(self.curtailable),
            block=mine(self.block),
            charging=mine(self.charging),
            cooling=mine(self.cooling),
            storage=mine(self.storage),
            position=self.position[rows],
            places=self.places.taking(rows),
            known_kw=self.known_kw[rows],
        )

    def cut(self, shards: int) -> list["Holding"]:
        """As ``shards`` portions of nearly equal size, each with resources of every kind."""
        return [self.portion(np.arange(first, self.count, shards)) for first in range(shards)]
