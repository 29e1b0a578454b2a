"""Settles on/off calls: each block follows one of the answers that its mixture is made of, so that sums stay right.

A mixture of answers is no plan for a block: it is on or off. Of the answers with weight, each block takes the one that
keeps the sums of all blocks so far nearest to the mixture's: the error is handed on from block to block, the largest
first, and ends no larger than a few small ones, however many there are.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from optimizer.coordinate.layout import Layout
from optimizer.coordinate.rounds import Column
from optimizer.kinds import BlockArrays
from optimizer.respond.jit import compiled
from optimizer.respond.shard import FleetShard, Part, fixed_calls
from vpp.domain.columns import Flags
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

ON_KW = 1e-9


def settled_calls(  # noqa: PLR0913, PLR0917 - all that the choice depends on
    shard: FleetShard,
    part: Part,
    layout: Layout,
    columns: Sequence[Column],
    weights: Sequence[Series],
    known_kw: Series,
) -> Series:
    """The chosen answer of each block, shape (n, T)."""
    event = layout.event
    answers, shares = [], []
    for column, weight in zip(columns, weights, strict=True):
        by_slot = weight[layout.block_of_slot]
        asked = by_slot > 0.0
        if not asked[part.slot_of].any():
            continue
        if column.tables is None:
            answers.append(known_kw[part.index, :event])
        else:
            answers.append(shard.rows(part, column.tables, asked)[0][:, :event])
        shares.append(by_slot[part.slot_of])
    candidates, share = np.array(answers), np.array(shares)
    order = np.argsort(-candidates.max(axis=(0, 2)), kind="stable")
    chosen = np.zeros((len(part.index), event))
    hand_on(
        order,
        np.ascontiguousarray(candidates),
        share,
        part.group_of,
        np.zeros(event),
        np.zeros((layout.groups, event)),
        chosen,
    )
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


def fixed_part(
    part: Part, kind: BlockArrays, chosen_kw: Series, starts: Callable[[BlockArrays, Series], Series]
) -> Part:
    """``part`` with the calls of ``chosen_kw`` (n, T) settled; within a call the response may still move."""
    on: Flags = chosen_kw > ON_KW
    least_kw, most_kw = np.where(on, kind.minimum_kw, 0.0), np.where(on, kind.available_kw, 0.0)
    # A response of nearly nothing would end a call where its minimum allows 0 kW: those intervals stay above it.
    least_kw = np.where(on & (least_kw <= ON_KW), np.minimum(chosen_kw, most_kw), least_kw)
    return fixed_calls(part, least_kw, most_kw, kind.cost, kind.start_cost * starts(kind, chosen_kw))


STEP_H = INTERVAL_H
