"""One shard: answers for the resources that it holds, and in the end forms their responses itself."""

import numpy as np

from optimizer.cost import response_costs
from optimizer.extract import finish
from optimizer.kinds import all_pieces
from optimizer.respond.answer import PriceTables, Sums, add_responses, add_rows, width_of
from optimizer.respond.parts import Part, parts_of_kinds
from optimizer.respond.shard import FleetShard
from optimizer.shards.holding import Holding
from optimizer.shards.settle import Mixing, Weighted, fixed_part, settled_calls
from vpp.domain.columns import Flags, Index
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series

PIECE_ROWS = 16_384


class Shard:
    """What ``optimizer.shards.fleet`` asks of each shard; it changes by ``settle`` and ``finish`` alone."""

    def __init__(self, holding: Holding, *, threads: int = 1) -> None:
        self._holding, self._threads = holding, threads
        self._parts = parts_of_kinds(holding, holding.places)
        self._answers = self._answering(threads=threads)
        self._sample: tuple[Series, FleetShard] | None = None
        self._finished: Series | None = None

    def sums(self, prices: PriceTables, asked: Flags | None = None) -> Sums:
        """Of the best responses over the ``asked`` slots, shape (S,); all by default."""
        return self._answers.sums(prices, asked)

    def known(self) -> Sums:
        """Of the plan to begin with."""
        return self._sums_of(self._holding.known_kw, response_costs(self._holding, self._holding.known_kw))

    def drawn(self, chance: Series) -> Sums:
        """What a sample stands for, per slot: energy of all resources, and of those drawn, kWh, shape (S, 2).

        ``chance`` is each slot's share of resources to draw, shape (S,). Whether one is drawn depends on its position
        in the whole fleet alone, so that a sample is the same however the fleet is cut.
        """
        holding, event = self._holding, self._holding.event_intervals
        drawn, total = self._is_drawn(chance), Sums.nothing(self._holding.slots, 2)
        for piece in all_pieces(holding, PIECE_ROWS):
            most_kwh = np.maximum(piece.response_bounds()[1][:, :event], 0.0).sum(axis=1)
            weight_kwh = np.maximum(most_kwh, LEAST_KWH)
            rows = np.stack([weight_kwh, np.where(drawn[piece.index], weight_kwh, 0.0)], axis=1)
            add_rows(holding.places.slot_of[piece.index], rows, total.high, total.low)
        return total

    def sampled(self, prices: PriceTables, chance: Series) -> Sums:
        """As ``sums``, of the resources drawn alone."""
        if self._sample is None or not np.array_equal(self._sample[0], chance):
            drawn = self._is_drawn(chance)
            parts = [part.sample(np.flatnonzero(drawn[part.index])) for part in self._parts.values()]
            self._sample = chance, self._answering(parts, threads=self._threads)
        return self._sample[1].sums(prices)

    def settle(self, mixing: Mixing) -> None:
        """Settles all calls by a mixture of answers: from here on every answer keeps them."""
        holding, block = self._holding, self._parts["block"]
        event = holding.event_intervals

        def rows(weighted: Weighted) -> Series:
            if weighted.tables is None:
                return holding.known_kw[block.index, :event]
            return self._answers.rows(block, weighted.tables, weighted.weight > 0.0)[:, :event]

        chosen_kw = settled_calls(block, mixing, rows, event=event, groups=holding.groups)
        self._parts = {**self._parts, "block": fixed_part(block, holding.block, chosen_kw)}
        self._answers, self._sample = self._answering(threads=self._threads), None

    def finish(self, mixing: Mixing) -> Sums:
        """Forms the responses of a mixture and keeps them; gives their sums, without costs."""
        holding = self._holding
        self._finished = None
        response_kw = np.zeros((holding.count, holding.intervals))
        slot_of = holding.places.slot_of
        for weighted in mixing:
            if not (weighted.weight > 0.0).any():
                continue
            if weighted.tables is None:
                for piece in all_pieces(holding, PIECE_ROWS):
                    rows = piece.index
                    response_kw[rows] += weighted.weight[slot_of[rows], None] * holding.known_kw[rows]
            else:
                self._answers.mix(weighted.tables, weighted.weight, response_kw)
        finish(holding, response_kw)
        self._finished = response_kw
        return self._sums_of(response_kw, np.zeros(holding.count))

    def responses(self) -> tuple[Index, Series]:
        """Positions in the whole fleet and finished responses, shapes (n,) and (n, H)."""
        if self._finished is None:
            raise InvariantError(
                f"a shard of {self._holding.count} resources was asked for responses it has not formed"
            )
        return self._holding.position, self._finished

    def _sums_of(self, response_kw: Series, costs_cny: Series) -> Sums:
        holding, places = self._holding, self._holding.places
        total = Sums.nothing(holding.slots, width_of(holding.event_intervals, holding.intervals))
        asked, nothing = np.ones(holding.slots, dtype=np.bool_), np.zeros(holding.count)
        at = (places.slot_of, asked, places.mean, places.spread, holding.event_intervals)
        add_responses(*at, response_kw, costs_cny, nothing, total.high, total.low)
        return total

    def _answering(self, parts: list[Part] | None = None, *, threads: int) -> FleetShard:
        return FleetShard(
            list(self._parts.values()) if parts is None else parts,
            slots=self._holding.slots,
            event=self._holding.event_intervals,
            intervals=self._holding.intervals,
            threads=threads,
        )

    def _is_drawn(self, chance: Series) -> Flags:
        slot_of = self._holding.places.slot_of
        share = np.where(slot_of >= 0, chance[slot_of], 0.0) if len(chance) else np.zeros(len(slot_of))
        return np.asarray(lots(self._holding.position) < share)


def lots(position: Index) -> Series:
    """A number in [0, 1) per position, as good as random (the finalizer of SplitMix64), shape (n,)."""
    x = (position.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53


LEAST_KWH = 1e-9
