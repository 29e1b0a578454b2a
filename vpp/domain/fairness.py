"""How evenly calls are spread."""

from collections.abc import Sequence

import numpy as np


def gini(values: Sequence[float]) -> float | None:
    """Gini coefficient of non-negative values: 0 when all are equal, towards 1 when one has all.

    ``None`` for no values or a sum of 0, where it means nothing. Mean absolute difference over twice the mean.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    total = float(ordered.sum())
    if not ordered.size or total <= 0:
        return None
    rank = np.arange(1, ordered.size + 1)
    return float((2 * rank - ordered.size - 1) @ ordered / (ordered.size * total))
