"""The rounds of price coordination: ask prices, take in the answers, mix them, ask again.

Every answer gives a true bound (``Master.bound``) and one column per block. Prices are kept in a box around those of
the best bound so far: with few answers known, the mixture's own prices are wild. The box widens once the rounds have
lasted a while, so that in the end nothing is bought from it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from optimizer.aim import Aim, Delivered
from optimizer.coordinate.master import Duals, Master, Mixture
from optimizer.respond.answer import Answer, PriceTables
from vpp.domain.columns import Flags, Index
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series

BOX_SHARE = 0.05
PATIENCE = 8
WIDENING = 1.3
NOTHING_SHARE = 1e-7
COVER_TURNS = 4


class Responder(Protocol):
    """Resources that answer prices, wherever they live: a fleet, or a sample that stands for it."""

    def respond(self, prices: PriceTables, asked: Flags | None = None) -> Answer:
        """Sums of the best responses over the ``asked`` slots, shape (S,); all by default."""


Cover = Callable[[Delivered, Series], Aim | None]
"""Rows of the target that a plan with these sums falls short of, but for what is known to be missing, shape (T,)."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How far to go.

    Attributes:
        rounds: At most.
        gap: Relative gap between mixture and bound at which to stop.
        enough: Gap that will do once ``after`` rounds have been played.
    """

    rounds: int
    gap: float
    enough: float = 0.0
    after: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One answer in the master problem; ``tables`` is ``None`` for an answer that no prices gave (a known plan).

    Attributes:
        blocks: Blocks that got a column of it, in their order.
        variance_kw2: Of those blocks' own spreads, shape (len(blocks), T); ``None`` where there are none.
    """

    answer: Answer
    tables: PriceTables | None
    blocks: Index
    variance_kw2: Series | None


@dataclass(slots=True, eq=False)
class Rounds:
    """What the rounds have brought so far.

    Attributes:
        cover: Gives the rows of the target that a mixture falls short of, if any.
        center: The prices of the best bound.
        bound: No plan has a smaller objective.
    """

    master: Master
    cover: Cover
    center: Duals
    bound: float = -np.inf
    columns: list[Column] = field(default_factory=list)
    mixture: Mixture | None = None

    def take_in(self, answer: Answer, tables: PriceTables | None, blocks: Flags | None = None) -> None:
        """Adds an answer to the mixture's choice."""
        layout = self.master.layout
        self.master.add(answer, blocks)
        taken = np.arange(layout.blocks) if blocks is None else np.flatnonzero(blocks)
        variance = None
        if answer.variance_kw2.any():
            variance = np.zeros((layout.blocks, layout.event))
            np.add.at(variance, layout.block_of_slot, answer.variance_kw2)
            variance = variance[taken]
        self.columns.append(Column(answer, tables, taken, variance))

    def run(self, fleet: Responder, query: Duals, effort: Effort, out_of_time: Callable[[], bool]) -> Mixture:
        """Asks ``query`` first; ends at the gap, after the rounds, or when time is up."""
        master = self.master
        width = BOX_SHARE * max(float(np.abs(query.flat).max()), 1e-6)
        nothing_kw = NOTHING_SHARE * max(float(master.asked.aim.aim_kw.sum()), 1.0)
        for number in range(effort.rounds):
            query = master.clipped(query)
            tables = master.tables(query)
            answer = fleet.respond(tables)
            bound = master.bound(query, answer)
            if bound > self.bound:
                self.bound, self.center = bound, query
            self.take_in(answer, tables)
            master.box(self.center, width)
            mixture = self._mixture()
            gap = (mixture.objective_cny - self.bound) / max(abs(mixture.objective_cny), 1e-9)
            near = gap <= (effort.enough if 0 < effort.after <= number + 1 else effort.gap)
            if (near and mixture.boxed_kw <= nothing_kw) or out_of_time():
                break
            if number >= PATIENCE:
                width *= WIDENING
            query = mixture.duals
        master.unbox()
        self.mixture = self._mixture()
        return self.mixture

    def _mixture(self) -> Mixture:
        """The best mixture that covers the target, as far as a few turns bring it there."""
        mixture = self.master.solve()
        for _ in range(COVER_TURNS):
            more = self.cover(Delivered(mixture.class_kw, self._own_variance(mixture)), mixture.missing_kw)
            if more is None:
                break
            self.master.ask(more)
            mixture = self.master.solve(more_rows=True)
        return mixture

    def _own_variance(self, mixture: Mixture) -> Series:
        """Of the mixture, at the most, shape (T,)."""
        found, at = np.zeros(self.master.layout.event), 0
        for column in self.columns:
            share = mixture.weights[at : at + len(column.blocks)]
            at += len(column.blocks)
            if column.variance_kw2 is not None and share.any():
                found += share @ column.variance_kw2
        return found

    @property
    def mixed(self) -> Mixture:
        """The mixture that the last rounds ended with."""
        if self.mixture is None:
            raise InvariantError(f"{len(self.columns)} answers were not mixed before their mixture was asked for")
        return self.mixture

    def weights(self) -> list[Series]:
        """Per column the share of each block that follows it, shape (B,) each."""
        found, at = [], 0
        for column in self.columns:
            share = np.zeros(self.master.layout.blocks)
            share[column.blocks] = np.maximum(self.mixed.weights[at : at + len(column.blocks)], 0.0)
            at += len(column.blocks)
            found.append(share)
        total = np.maximum(np.sum(found, axis=0), 1e-12)
        return [np.where(share > NEGLIGIBLE, share, 0.0) / total for share in found]


NEGLIGIBLE = 1e-9
