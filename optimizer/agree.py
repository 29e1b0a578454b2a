"""Plans again until the aim agrees with what the plan delivers.

The linear terms of an uncertain target hold at the plan they were taken from (``optimizer.aim``). Each turn takes them
from the plan before; what whole calls leave uncovered raises the aim a little more each time.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer.aim import Aim, aim_after, certain, delivered
from optimizer.cost import cost_of
from optimizer.found import Found
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series

TURNS = 5
COVERED_KW = 1e-3
Solve = Callable[[Aim, Series], Found]
"""From an aim and a known plan (N, H) to a better one."""


def agreed(arrays: ProblemArrays, aim: Aim, start_kw: Series, solve: Solve) -> Found:
    """The best of a few turns: the one that misses least of the target, and of those the cheapest."""
    columns = arrays.columns
    best, worth = solve(aim, start_kw), (np.inf, np.inf)
    found, raised_kw = best, np.zeros(columns.event_intervals)
    for _ in range(1 if certain(columns) else TURNS):
        if found.response_kw is None:
            break
        plan = delivered(columns, found.response_kw)
        missed_kw = np.maximum(columns.target_kw - plan.covered_kw(columns), 0.0)
        rank = (round(float(missed_kw.sum()), 2), cost_of(arrays, found.response_kw).objective_cny)
        settled = rank[0] == worth[0] and abs(rank[1] - worth[1]) <= 1e-6 * max(abs(rank[1]), 1.0)
        if rank < worth:
            best, worth = found, rank
        if certain(columns) or settled:
            break
        credited_kw = (aim.credit_of(arrays) * found.response_kw[:, : columns.event_intervals]).sum(axis=0)
        met = credited_kw >= aim.aim_kw - COVERED_KW
        raised_kw = raised_kw + np.where(met, missed_kw, 0.0)
        aim = aim_after(columns, plan)
        aim = replace(aim, aim_kw=aim.aim_kw + raised_kw)
        found = solve(aim, found.response_kw)
    return best
