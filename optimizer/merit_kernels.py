"""Inner loops of the merit-order plan: one resource after the other, each as far as every limit still leaves room.

All of them write into the room that is left, so that what comes later sees what came before. ``path`` has the nodes
above each resource, its own first, -1 behind the root. Need is in counted kW (``count`` per kW of response), all else
in kW. ``M`` nodes, ``D`` levels, ``T`` event and ``H`` all intervals.
"""

import numpy as np

from optimizer.respond.jit import compiled
from vpp.domain.columns import Index
from vpp.domain.flexibility import Series

TINY_KW = 1e-9


@compiled
def room_above(path: Index, i: int, room_kw: Series, t: int) -> float:
    """The least room of all nodes above row ``i`` in interval ``t``."""
    least = np.inf
    for j in range(path.shape[1]):
        if path[i, j] < 0:
            break
        least = min(least, room_kw[path[i, j], t])
    return max(least, 0.0)


@compiled
def take_room(path: Index, i: int, room_kw: Series, t: int, response_kw: float) -> None:
    """Takes a response out of the room of all nodes above row ``i``; a negative one gives room back."""
    for j in range(path.shape[1]):
        if path[i, j] < 0:
            break
        room_kw[path[i, j], t] -= response_kw


@compiled
def use_movers(  # noqa: PLR0913, PLR0917, C901 - one inner loop, its arrays handed in one by one
    order: Index,
    delta_kw: Series,
    path: Index,
    count: Series,
    most_kw: Series,
    least_kw: Series,
    recovery_kw: Series,
    need_kw: Series,
    share: Series,
) -> None:
    """Raises each mover's share, in this order, as far as it is needed and there is room; writes into ``share``.

    Args:
        order: Rows of ``delta_kw`` to use.
        delta_kw: Full use, shape (n, H).
        path: Shape (n, D).
        count: Shape (n,).
        most_kw: Room for more response, shape (M, H).
        least_kw: Room for less, shape (M, H).
        recovery_kw: Room under the rebound cap, shape (R,).
        need_kw: Shape (T,).
        share: Of full use, so far, shape (n,).
    """
    event, intervals = len(need_kw), delta_kw.shape[1]
    for i in order:
        needed = 0.0
        for t in range(event):
            if delta_kw[i, t] > TINY_KW and need_kw[t] > TINY_KW:
                needed = max(needed, need_kw[t] / (count[i] * delta_kw[i, t]))
        more = min(1.0 - share[i], needed)
        for t in range(intervals):
            if more <= TINY_KW:
                break
            moved = delta_kw[i, t]
            if moved > TINY_KW:
                more = min(more, room_above(path, i, most_kw, t) / moved)
            elif moved < -TINY_KW:
                more = min(more, room_above(path, i, least_kw, t) / -moved)
                if t >= event:
                    more = min(more, max(recovery_kw[t - event], 0.0) / -moved)
        if more > TINY_KW:
            share[i] += more
            for t in range(intervals):
                moved = more * delta_kw[i, t]
                take_room(path, i, most_kw, t, moved)
                take_room(path, i, least_kw, t, -moved)
                if t < event:
                    need_kw[t] -= count[i] * moved
                else:
                    recovery_kw[t - event] += moved


@compiled
def _may_be_on(  # noqa: PLR0913, PLR0917
    i: int, t: int, length: int, available_kw: Series, minimum_kw: Series, path: Index, most_kw: Series
) -> bool:
    """Whether block ``i`` may be on for ``length`` intervals from ``t``."""
    if t + length > available_kw.shape[1]:
        return False
    for u in range(t, t + length):
        room_kw = min(available_kw[i, u], room_above(path, i, most_kw, u))
        if minimum_kw[i, u] > room_kw + TINY_KW:
            return False
    return True


@compiled
def fill(  # noqa: PLR0912, PLR0913, PLR0917, C901 - one inner loop, its arrays handed in one by one
    order: Index,
    available_kw: Series,
    minimum_kw: Series,
    runs: Index,
    earliest: Index,
    block_path: Index,
    block_count: Series,
    segment_kw: Series,
    segment_path: Index,
    segment_count: Series,
    most_kw: Series,
    need_kw: Series,
    block_kw: Series,
    taken_kw: Series,
) -> None:
    """Fills each event interval with calls and segments in this order; writes into ``block_kw`` and ``taken_kw``.

    A call takes the room of its whole minimum run when it begins.

    Args:
        order: Blocks as 0..n-1, segments behind them.
        available_kw: Of blocks, shape (n, T).
        minimum_kw: Of blocks, shape (n, T); of those that must run on, it is taken out of room and need already.
        runs: Per block its shortest and longest run, calls left, shortest rest, and intervals that it is running
            already, shape (n, 5).
        earliest: First interval in which a call should begin, shape (n,).
        block_path: Shape (n, D).
        block_count: Shape (n,).
        segment_kw: Shape (s, T).
        segment_path: Shape (s, D).
        segment_count: Shape (s,).
        most_kw: Room for more response, shape (M, H).
        need_kw: Shape (T,).
        block_kw: Shape (n, T), of running calls their minimum.
        taken_kw: Shape (s, T).
    """
    blocks, event = available_kw.shape
    run, rested, calls = runs[:, 4].copy(), np.zeros(blocks, dtype=np.int64), runs[:, 2].copy()
    for i in range(blocks):
        rested[i] = 0 if run[i] > 0 else event + runs[i, 3]
    on = np.zeros(blocks, dtype=np.bool_)
    for t in range(event):
        for i in range(blocks):
            on[i] = 0 < run[i] < runs[i, 0]
        for k in order:
            if need_kw[t] <= TINY_KW:
                break
            if k >= blocks:
                j = k - blocks
                kw = min(segment_kw[j, t], need_kw[t] / segment_count[j], room_above(segment_path, j, most_kw, t))
                if kw > TINY_KW:
                    taken_kw[j, t] += kw
                    need_kw[t] -= segment_count[j] * kw
                    take_room(segment_path, j, most_kw, t, kw)
                continue
            if not on[k]:
                length = 1
                if run[k] == 0:
                    if calls[k] <= 0 or rested[k] < runs[k, 3] or earliest[k] > t:
                        continue
                    length = runs[k, 0]
                elif run[k] >= runs[k, 1]:
                    continue
                if not _may_be_on(k, t, length, available_kw, minimum_kw, block_path, most_kw):
                    continue
                calls[k] -= run[k] == 0
                on[k] = True
                for u in range(t, t + length):
                    block_kw[k, u] = minimum_kw[k, u]
                    need_kw[u] -= block_count[k] * minimum_kw[k, u]
                    take_room(block_path, k, most_kw, u, minimum_kw[k, u])
            more = min(available_kw[k, t] - block_kw[k, t], need_kw[t] / block_count[k])
            more = max(min(more, room_above(block_path, k, most_kw, t)), 0.0)
            block_kw[k, t] += more
            need_kw[t] -= block_count[k] * more
            take_room(block_path, k, most_kw, t, more)
        for i in range(blocks):
            run[i] = run[i] + 1 if on[i] else 0
            rested[i] = 0 if on[i] else rested[i] + 1


@compiled
def top_up(  # noqa: PLR0913, PLR0917 - one inner loop, its arrays handed in one by one
    order: Index,
    spare_kw: Series,
    left_kwh: Series,
    path: Index,
    count: Series,
    most_kw: Series,
    need_kw: Series,
    taken_kw: Series,
    interval_h: float,
) -> None:
    """Uses what divisible curtailment has left of its energy where something is missing still.

    Args:
        order: Rows of the rows to use.
        spare_kw: Power left, shape (n, T).
        left_kwh: Energy left, shape (n,).
        path: Shape (n, D).
        count: Shape (n,).
        most_kw: Room for more response, shape (M, H).
        need_kw: Shape (T,).
        taken_kw: Shape (n, T), added to.
        interval_h: Hours per interval.
    """
    for t in range(len(need_kw)):
        for i in order:
            if need_kw[t] <= TINY_KW:
                break
            kw = min(spare_kw[i, t], left_kwh[i] / interval_h, need_kw[t] / count[i])
            kw = min(kw, room_above(path, i, most_kw, t))
            if kw <= TINY_KW:
                continue
            taken_kw[i, t] += kw
            left_kwh[i] -= kw * interval_h
            need_kw[t] -= count[i] * kw
            take_room(path, i, most_kw, t, kw)
