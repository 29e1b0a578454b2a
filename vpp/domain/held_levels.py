"""The level that a call holds through its whole window, with a given probability.

Delivery is as the planner sees it: each resource delivers a random share of what it is asked for, one draw per call,
and the resources of a class share a common factor. On top, deliveries ripple from one quarter hour to the next. Where
resources take turns, intervals hang on different ones, so that holding every interval is harder than holding any one:
the level is a quantile of the lowest interval's delivery, by a fixed set of draws from the joint normal distribution.

Shapes: ``N`` resources, ``K`` classes, ``W`` windows of ``d`` intervals.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from vpp.domain.columns import DispatchColumns
from vpp.domain.flexibility import Series

DRAWS = 4_000
"""Half of them mirrored: the probability of a level of 90 % is off by half a percent or so."""
SEED = 20_260_720
WINDOWS_AT_ONCE = 64
SLIGHT_KW2 = 1e-9
RIPPLE_WEIGHT = 20.0
"""Quarter hours of experience that a prior of the ripple is worth."""


def levels_kw(
    columns: DispatchColumns, response_kw: Series, ripple_sd: Series, probabilities: Sequence[float]
) -> Series:
    """Levels that are held through the window with each of ``probabilities``, >= 0; shape (len(probabilities), W).

    Args:
        columns: What is known of deliveries.
        response_kw: What is asked, shape (d, W, N).
        ripple_sd: Standard deviation of a quarter hour's delivery around the call's, relative, shape (N,).
        probabilities: Each in (0, 1).
    """
    expected_kw = response_kw @ columns.delivery_mean
    draws = _draws(len(response_kw))
    found = np.empty((len(probabilities), expected_kw.shape[1]))
    for first in range(0, expected_kw.shape[1], WINDOWS_AT_ONCE):
        part = slice(first, first + WINDOWS_AT_ONCE)
        spread = np.linalg.cholesky(_covariance(columns, response_kw[:, part], ripple_sd))
        lowest_kw = (expected_kw[:, part].T[:, :, None] + spread @ draws).min(axis=1)
        found[:, part] = np.quantile(lowest_kw, [1.0 - p for p in probabilities], axis=1)
    return np.maximum(found, 0.0)


def _covariance(columns: DispatchColumns, response_kw: Series, ripple_sd: Series) -> Series:
    """Of what is delivered in the intervals of each window, in kW^2, shape (W, d, d)."""
    by_window = np.swapaxes(response_kw, 0, 1)
    classes = np.zeros((columns.count, len(columns.class_sd)))
    classes[np.arange(columns.count), columns.class_of] = columns.delivery_mean * columns.class_sd[columns.class_of]
    parts = (by_window @ classes, by_window * columns.delivery_sd)
    covariance = sum((part @ np.swapaxes(part, 1, 2) for part in parts), np.zeros(()))
    ripple = (by_window**2) @ (columns.delivery_mean * ripple_sd) ** 2
    return np.asarray(covariance + (ripple + SLIGHT_KW2)[:, :, None] * np.eye(len(response_kw)))


@cache
def _draws(intervals: int) -> Series:
    """Standard normal, shape (intervals, DRAWS)."""
    half = np.random.default_rng(SEED).standard_normal((intervals, DRAWS // 2))
    return np.concatenate([half, -half], axis=1)


def learn_ripple(
    calls: Iterable[tuple[Sequence[str], Series, Series]], priors: Mapping[str, float]
) -> Mapping[str, float]:
    """Ripple of each kind, pooled over its resources, from what earlier calls delivered per quarter hour.

    Args:
        calls: For each call the kinds of its resources (N), what was asked and what was delivered, both in kW and of
            shape (d, N). A resource asked for in fewer than two intervals, or that gave nothing, teaches nothing.
        priors: By kind, every one that occurs.
    """
    squares = {kind: RIPPLE_WEIGHT * prior**2 for kind, prior in priors.items()}
    degrees = dict.fromkeys(priors, RIPPLE_WEIGHT)
    for kinds, asked_kw, delivered_kw in calls:
        asked = asked_kw > 0
        count = asked.sum(axis=0)
        fraction = np.divide(delivered_kw, asked_kw, out=np.zeros_like(asked_kw), where=asked)
        mean = fraction.sum(axis=0) / np.maximum(count, 1)
        around = np.where(asked, fraction - mean, 0.0)
        for i in np.flatnonzero((count > 1) & (mean > 0)).tolist():
            squares[kinds[i]] += float((around[:, i] ** 2).sum()) / float(mean[i]) ** 2
            degrees[kinds[i]] += float(count[i]) - 1.0
    return {kind: float(np.sqrt(squares[kind] / degrees[kind])) for kind in priors}
