"""A sample of a fleet, scaled to stand for the whole: for the first guess of the prices.

Each shard draws its own resources and keeps them; whether one is drawn does not depend on how the fleet is cut.
"""

import numpy as np

from optimizer.coordinate.layout import Layout
from optimizer.respond.answer import Answer, PriceTables
from optimizer.shards.fleet import Fleet
from vpp.domain.columns import Flags

LEAST_OF_SLOT = 4


class SampledFleet:
    """A few resources of each slot; every slot's answer is scaled by what the slot could give."""

    def __init__(self, fleet: Fleet, layout: Layout, size: int) -> None:
        """About ``size`` of all resources."""
        self._fleet = fleet
        members = np.maximum(layout.members_of_slot, 1)
        share = size / max(int(layout.members_of_slot.sum()), 1)
        self._chance = np.minimum(np.maximum(share, LEAST_OF_SLOT / members), 1.0)
        whole_kwh, drawn_kwh = fleet.drawn(self._chance)
        self._scale = np.where(drawn_kwh > 0, whole_kwh / np.maximum(drawn_kwh, 1e-300), 1.0)

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """What the whole fleet would answer, by its sample; slots that are not ``asked`` are zeros."""
        scale = self._scale if asked is None else np.where(asked, self._scale, 0.0)
        return self._fleet.sampled(prices, self._chance).scaled(scale)
