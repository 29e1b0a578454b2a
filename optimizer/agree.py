"""Plans again until what the plan delivers covers the target.

The rows of an uncertain target are tangents (``optimizer.aim``): each plan that falls short adds its own. What whole
calls leave uncovered although every row is met raises the rows a little more each time.
"""

from collections.abc import Callable

import numpy as np

from optimizer.aim import Aim, certain, delivered, tangents
from optimizer.cost import cost_of
from optimizer.found import Found
from optimizer.problem import ProblemArrays
from vpp.domain.flexibility import Series

TURNS = 8
COVERED_KW = 1e-3
Solve = Callable[[Aim, Series], Found]
"""From an aim and a known plan (N, H) to a better one."""


def agreed(arrays: ProblemArrays, aim: Aim, start_kw: Series, solve: Solve) -> Found:
    """The best of a few turns: the one that misses least of the target, and of those the cheapest."""
    columns = arrays.columns
    found = best = solve(aim, start_kw)
    worth = (np.inf, np.inf)
    raised_kw = np.zeros(columns.event_intervals)
    for turn in range(1 if certain(columns) else TURNS):
        if found.response_kw is None:
            break
        plan = delivered(columns, found.response_kw)
        missed_kw = np.maximum(columns.target_kw - plan.covered_kw(columns), 0.0)
        rank = (round(float(missed_kw.sum()), 2), cost_of(arrays, found.response_kw).objective_cny)
        stuck = turn > 0 and rank[0] >= worth[0] and rank[0] > COVERED_KW * len(missed_kw)
        if rank < worth:
            best, worth = found, rank
        if certain(columns) or missed_kw.max(initial=0.0) <= COVERED_KW or stuck:
            break
        at = np.flatnonzero(missed_kw > COVERED_KW)
        raised_kw[at] += missed_kw[at] * (OVERSHOOT if turn else 0.0)
        aim = aim.joined(tangents(columns, plan, at, raised_kw[at]))
        found = solve(aim, found.response_kw)
    return best


OVERSHOOT = 0.1
"""Share of what is missed after a turn that the next rows ask for on top: the last of it would take many turns."""
