"""Whether a plan for uncertain delivery is met as often as promised: drawn from the model, not by its own formula."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.harness.dispatch_fleet import synthetic_fleet
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import DispatchPlan
from vpp.domain.feasibility import check_columns
from vpp.domain.flexibility import Series

CLASS_SD = {"curtailable": 0.04, "block": 0.05, "charging": 0.15, "cooling": 0.08, "storage": 0.03}
"""What a class has in common on a day, as a share of delivery: charging is far less predictable than the others."""
MEAN, SD = (0.75, 0.95), (0.05, 0.2)
"""Of each resource's delivery as a share of what it is asked for, drawn evenly from between these."""
TARGET_SHARE = 0.7
"""Of the synthetic fleet's usual target, since less is delivered than asked for."""
ROUNDING_KW = 1e-3
DRAWS_AT_ONCE = 500


def uncertain_fleet(count: int, *, blocks: bool, seed: int) -> DispatchColumns:
    """A synthetic fleet whose resources deliver less than they are asked for, each by its own figures."""
    columns = synthetic_fleet(count, blocks=blocks, seed=seed)
    rng = np.random.default_rng(seed)
    class_of = np.zeros(count, dtype=np.intp)
    for at, kind in enumerate(CLASS_SD):
        class_of[getattr(columns, kind).index] = at
    return replace(
        columns,
        target_kw=TARGET_SHARE * columns.target_kw,
        delivery_mean=rng.uniform(*MEAN, count),
        delivery_sd=rng.uniform(*SD, count),
        class_of=class_of,
        class_sd=np.array(list(CLASS_SD.values())),
    )


def delivery_figures(columns: DispatchColumns, plan: DispatchPlan, *, draws: int, seed: int) -> dict[str, Any]:
    """How often ``plan`` reaches the target in ``draws`` days, per interval and in all at once; shares from 0 to 1."""
    response_kw = np.array([plan.response_kw[name] for name in columns.ids])
    met = np.concatenate(list(_met(columns, response_kw, draws, seed)))
    share = met.mean(axis=0)
    problems = check_columns(
        columns, response_kw, shortfall_kw=plan.shortfall_kw, rebound_excess_kw=plan.rebound_excess_kw
    )
    return {
        "coverage": columns.coverage,
        "draws": len(met),
        "met_share": [float(value) for value in share],
        "met_share_min": float(share.min()),
        "met_share_max": float(share.max()),
        "all_met_share": float(met.all(axis=1).mean()),
        "joint_probability": plan.joint_probability,
        "problems": [str(problem) for problem in problems],
    }


def _met(columns: DispatchColumns, response_kw: Series, draws: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Whether each draw reaches the target, per interval, some draws at a time, shape (draws, T)."""
    rng = np.random.default_rng(seed)
    asked_kw = response_kw[:, : columns.event_intervals]
    for first in range(0, draws, DRAWS_AT_ONCE):
        count = min(DRAWS_AT_ONCE, draws - first)
        common = rng.standard_normal((count, len(columns.class_sd))) * columns.class_sd
        own = columns.delivery_sd * rng.standard_normal((count, columns.count))
        factor = columns.delivery_mean * (1.0 + common[:, columns.class_of]) + own
        yield factor @ asked_kw >= columns.target_kw - ROUNDING_KW
