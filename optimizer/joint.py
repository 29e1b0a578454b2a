"""How probable it is that a plan reaches its target in every interval at once."""

import numpy as np

from optimizer.aim import certain
from vpp.domain.columns import DispatchColumns
from vpp.domain.flexibility import Series

DRAWS = 4096
SEED = 20260720
SLACK_KW = 1e-3


def joint_probability(columns: DispatchColumns, response_kw: Series) -> float:
    """Share of ``DRAWS`` fixed draws of the delivery model (``optimizer.aim``) that reach every target.

    Spreads are the same in all intervals of an event, so that intervals stand or fall together: a product of marginal
    probabilities would be far too low.
    """
    event = columns.event_intervals
    asked_kw = response_kw[:, :event]
    mean_kw = columns.delivery_mean @ asked_kw
    goal_kw = columns.target_kw - SLACK_KW
    if certain(columns):
        return float((mean_kw >= goal_kw).all())
    covariance = (columns.delivery_sd[:, None] * asked_kw).T @ (columns.delivery_sd[:, None] * asked_kw)
    for k, spread in enumerate(columns.class_sd.tolist()):
        if spread > 0.0:
            members = columns.class_of == k
            class_kw = spread * (columns.delivery_mean[members] @ asked_kw[members])
            covariance = covariance + np.outer(class_kw, class_kw)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = np.random.default_rng(SEED).standard_normal((DRAWS, event))
    return float((mean_kw + draws @ root.T >= goal_kw).all(axis=1).mean())
