"""Settles on/off calls: each block follows one of the answers that its mixture is made of, so that sums stay right.

A mixture of answers is no plan for a block: it is on or off. Of the answers with weight, each block takes the one that
keeps the sums of all blocks so far nearest to the mixture's: the error is handed on from block to block, the largest
first, and ends no larger than a few small ones, however many there are. Every shard begins with no error of its own:
shards settle side by side, and what their few small errors come to is mended when everything else is mixed anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.cost import starts
from optimizer.kinds import BlockArrays
from optimizer.respond.answer import PriceTables
from optimizer.respond.jit import compiled
from optimizer.respond.parts import Part, fixed_calls
from vpp.domain.columns import Flags
from vpp.domain.flexibility import Series

ON_KW = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """One answer in a mixture.

    Attributes:
        tables: The prices that gave it; ``None`` for the plan that was known from the start.
        weight: Share of each slot that follows it, shape (S,).
    """

    tables: PriceTables | None
    weight: Series


Mixing = tuple[Weighted, ...]
Rows = Callable[[Weighted], Series]
"""Responses of the blocks to one answer's prices, shape (n, T); zeros for slots without weight."""


def settled_calls(part: Part, mixing: Mixing, rows: Rows, *, event: int, groups: int) -> Series:
    """The chosen answer of each block, shape (n, T)."""
    count = len(part.index)
    weights = [weighted.weight[part.at.slot_of] for weighted in mixing]
    most = int(np.sum([weight > 0.0 for weight in weights], axis=0, dtype=np.intp).max(initial=0)) if weights else 0
    # Few answers have weight for any one block: only those are kept, however many rounds there were.
    candidates, share = np.zeros((most, count, event)), np.zeros((most, count))
    filled = np.zeros(count, dtype=np.intp)
    for weighted, weight in zip(mixing, weights, strict=True):
        used = np.flatnonzero(weight > 0.0)
        if used.size:
            candidates[filled[used], used] = rows(weighted)[used]
            share[filled[used], used] = weight[used]
            filled[used] += 1
    order = np.argsort(-candidates.max(axis=(0, 2), initial=0.0), kind="stable")
    chosen = np.zeros((count, event))
    hand_on(order, candidates, share, part.at.group_of, np.zeros(event), np.zeros((groups, event)), chosen)
    return chosen


@compiled
def hand_on(  # noqa: PLR0913, PLR0917 - an inner loop over plain arrays
    order: NDArray[np.intp],
    candidates: Series,
    share: Series,
    group_of: NDArray[np.intp],
    error: Series,
    group_error: Series,
    chosen: Series,
) -> None:
    """Chooses row by row; candidates (Q, n, T), shares (Q, n), errors so far (T,) and (G, T)."""
    event = error.shape[0]
    wanted = np.empty(event)
    for i in order:
        group = group_of[i]
        for t in range(event):
            wanted[t] = 0.0
            for q in range(candidates.shape[0]):
                wanted[t] += share[q, i] * candidates[q, i, t]
        best, best_miss = -1, np.inf
        for q in range(candidates.shape[0]):
            if share[q, i] <= 0.0:
                continue
            miss = 0.0
            for t in range(event):
                step = candidates[q, i, t] - wanted[t]
                miss += (error[t] + step) ** 2 + (group_error[group, t] + step) ** 2
            if miss < best_miss:
                best, best_miss = q, miss
        if best < 0:
            continue
        for t in range(event):
            step = candidates[best, i, t] - wanted[t]
            error[t] += step
            group_error[group, t] += step
            chosen[i, t] = candidates[best, i, t]


def fixed_part(part: Part, kind: BlockArrays, chosen_kw: Series) -> Part:
    """``part`` with the calls of ``chosen_kw`` (n, T) settled; within a call the response may still move."""
    on: Flags = chosen_kw > ON_KW
    least_kw, most_kw = np.where(on, kind.minimum_kw, 0.0), np.where(on, kind.available_kw, 0.0)
    # A response of nearly nothing would end a call where its minimum allows 0 kW: those intervals stay above it.
    least_kw = np.where(on & (least_kw <= ON_KW), np.minimum(chosen_kw, most_kw), least_kw)
    return fixed_calls(part, least_kw, most_kw, kind.cost, kind.start_cost * starts(kind, chosen_kw))
