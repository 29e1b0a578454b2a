"""A stratified sample of a fleet, scaled to stand for the whole: for the first guess of the prices."""

from collections.abc import Iterable

import numpy as np

from optimizer.coordinate.layout import Layout
from optimizer.respond.shard import Answer, FleetShard, Part, PriceTables
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

LEAST_OF_SLOT = 2
SEED = 20260720


class SampledFleet:
    """A few resources of each slot; every slot's answer is scaled by what the slot could give."""

    def __init__(self, parts: Iterable[Part], layout: Layout, most_kwh: Series, size: int, *, threads: int = 1) -> None:
        """About ``size`` of all resources; ``most_kwh`` says what each could give in the event, shape (N,)."""
        parts = [part for part in parts if len(part.index)]
        share = min(1.0, size / max(sum(len(part.index) for part in parts), 1))
        rng = np.random.default_rng(SEED)
        whole, drawn = np.zeros(layout.slots), np.zeros(layout.slots)
        sampled = []
        for part in parts:
            rows = _rows(part.slot_of, share, rng)
            weight_kwh = np.maximum(most_kwh[part.index], 1e-9)
            whole += np.bincount(part.slot_of, weight_kwh, minlength=layout.slots)
            drawn += np.bincount(part.slot_of[rows], weight_kwh[rows], minlength=layout.slots)
            sampled.append(part.sample(rows))
        self._scale = np.where(drawn > 0, whole / np.maximum(drawn, 1e-300), 1.0)
        self._shard = FleetShard(
            sampled, slots=layout.slots, event=layout.event, intervals=layout.intervals, threads=threads
        )

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """What the whole fleet would answer, by its sample."""
        return self._shard.respond(prices, asked).scaled(self._scale)


def _rows(slot_of: Index, share: float, rng: np.random.Generator) -> Index:
    order = np.lexsort((rng.random(len(slot_of)), slot_of))
    sizes = np.bincount(slot_of)
    wanted = np.minimum(np.maximum(np.round(sizes * share).astype(np.intp), LEAST_OF_SLOT), sizes)
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(slot_of)) - np.repeat(starts, sizes)
    return np.sort(order[rank < np.repeat(wanted, sizes)])
