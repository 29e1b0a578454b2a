"""The exact best path of a carried state: energy charged, state of charge, temperature rise.

All three obey ``x_t = keep * x_(t-1) + d_t`` with ``low_t <= x_t <= high_t``, earn a concave piecewise linear reward in
``d_t``, and pay ``hold`` per unit of ``x_t``. The value of a state is then concave and piecewise linear in it. It is
carried backwards as a list of slopes in falling order: a step inserts the step's own slopes into the list (the
sup-convolution of two concave functions) and the limits cut the list at both ends. What is kept for the way forward is,
per interval and reward segment, the state up to which that segment is worth using: a base-stock policy. Exact up to
rounding, and about ``H`` insertions into a list of at most ``4 H``.
"""

import numpy as np
from numpy.typing import NDArray

from optimizer.respond.jit import compiled
from vpp.domain.flexibility import Series

SEGMENTS = 3
"""Most segments of one interval's reward."""


@compiled
def best_path(  # noqa: PLR0913, PLR0917, PLR0915, PLR0912, C901 - one inner loop, its arrays handed in one by one
    begin: float,
    keep: float,
    hold: float,
    low: Series,
    high: Series,
    pieces: NDArray[np.int64],
    edge: Series,
    slope: Series,
    upto: Series,
    span: Series,
    slopes: Series,
    widths: Series,
    step: Series,
) -> float:
    """Writes the best ``d`` per interval into ``step`` and returns what the path earns.

    Args:
        begin: The state before the first interval.
        keep: Share of the state that is kept over an interval, in [0, 1].
        hold: Price of a unit of state held at the end of an interval.
        low: Lower limit of the state, shape (H,).
        high: Upper limit of the state, shape (H,).
        pieces: Number of reward segments per interval, shape (H,).
        edge: Ends of the segments, rising, shape (H, SEGMENTS + 1).
        slope: Reward per unit of ``d`` within each segment, falling, shape (H, SEGMENTS).
        upto: Room for the thresholds, shape (H, SEGMENTS).
        span: Room for the range of states with a future, shape (H, 2).
        slopes: Room for two lists, shape (2, SEGMENTS * H + H + 2).
        widths: The same for the widths.
        step: Result, shape (H,).
    """
    count = low.shape[0]
    now, size = 0, 0
    left = low[count - 1]
    if high[count - 1] > left:
        slopes[0, 0], widths[0, 0], size = -hold, high[count - 1] - left, 1
    for t in range(count - 1, -1, -1):
        if t < count - 1:
            # The list holds the value of the state before interval t + 1: charge for holding it, cut it to its limits.
            right = left
            for i in range(size):
                right += widths[now, i]
            first = 0
            while first < size and left + widths[now, first] <= low[t]:
                left += widths[now, first]
                first += 1
            if first < size and left < low[t]:
                widths[now, first] -= low[t] - left
                left = low[t]
            while size > first and right - widths[now, size - 1] >= high[t]:
                right -= widths[now, size - 1]
                size -= 1
            if size > first and right > high[t]:
                widths[now, size - 1] -= right - high[t]
            if first > 0 or hold != 0.0:
                for i in range(first, size):
                    slopes[now, i - first] = slopes[now, i] - hold
                    widths[now, i - first] = widths[now, i]
                size -= first
            # Limits that leave a single state, or rounding that leaves none: stand on the nearest one.
            if size == 0:
                left = min(max(left, low[t]), high[t])
        other, made, at, i = 1 - now, 0, left, 0
        for j in range(pieces[t] - 1, -1, -1):
            worth = -slope[t, j]
            while i < size and slopes[now, i] > worth:
                slopes[other, made], widths[other, made] = slopes[now, i], widths[now, i]
                at += widths[now, i]
                made += 1
                i += 1
            upto[t, j] = at
            if edge[t, j + 1] > edge[t, j]:
                slopes[other, made], widths[other, made] = worth, edge[t, j + 1] - edge[t, j]
                made += 1
        while i < size:
            slopes[other, made], widths[other, made] = slopes[now, i], widths[now, i]
            at += widths[now, i]
            made += 1
            i += 1
        span[t, 0], span[t, 1] = left, at
        left = (left - edge[t, pieces[t]]) / keep
        if keep != 1.0:
            for i in range(made):
                slopes[other, i] *= keep
                widths[other, i] /= keep
        now, size = other, made
    state, earned = begin, 0.0
    for t in range(count):
        carried = keep * state
        taken = max(edge[t, 0], min(span[t, 0] - carried, edge[t, pieces[t]]))
        for j in range(pieces[t]):
            wanted = upto[t, j] - carried
            taken = max(taken, min(wanted, edge[t, j + 1]))
            if wanted < edge[t, j + 1]:
                break
        taken = max(min(taken, span[t, 1] - carried), edge[t, 0])
        for j in range(pieces[t]):
            earned += slope[t, j] * (min(max(taken, edge[t, j]), edge[t, j + 1]) - edge[t, j])
        step[t] = taken
        state = carried + taken
        earned -= hold * state
    return earned
