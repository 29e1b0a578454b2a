"""Plans again until what the plan delivers covers the target.

The rows of an uncertain target are tangents (``optimizer.aim``): each plan that falls short adds its own. What whole
calls leave uncovered although every row is met raises the rows a little more each time.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from optimizer.aim import Aim, certain, delivered, tangents
from optimizer.cost import cost_of
from optimizer.found import Found
from optimizer.problem import ProblemArrays
from vpp.domain.feasibility import check_columns
from vpp.domain.flexibility import Series

TURNS = 16
PATIENCE = 4
COVERED_KW = 1e-3
Solve = Callable[[Aim, Series], Found]
"""From an aim and a known plan (N, H) to a better one."""


def agreed(arrays: ProblemArrays, aim: Aim, start_kw: Series, solve: Solve) -> Found:
    """The best of a few turns: the one that misses least of the target, and of those the cheapest."""
    columns = arrays.columns
    found = best = solve(aim, start_kw)
    worth = (np.inf, np.inf)
    margin_kw = np.zeros(columns.event_intervals)
    for turn in range(1 if certain(columns) else TURNS):
        if found.response_kw is None:
            break
        plan = delivered(columns, found.response_kw)
        missed_kw = np.maximum(columns.target_kw - plan.covered_kw(columns), 0.0)
        rank = (round(float(missed_kw.sum()), 2), cost_of(arrays, found.response_kw).objective_cny)
        stuck = turn > PATIENCE and rank[0] >= worth[0] > COVERED_KW * len(missed_kw)
        if rank < worth:
            best, worth = found, rank
        if certain(columns) or missed_kw.max(initial=0.0) <= COVERED_KW or stuck:
            break
        at = np.flatnonzero(missed_kw > COVERED_KW)
        new = tangents(columns, plan, at)
        # Every row of an interval asks for the largest margin that any plan needed: another mix must not undercut it.
        # A little more than that, so that the last watts do not take as many turns as the first kilowatts.
        margin_kw[at] = np.maximum(margin_kw[at], new.aim_kw - columns.target_kw[at] + 2.0 * COVERED_KW)
        margin_kw[at] += missed_kw[at] * (OVERSHOOT if turn >= PATIENCE else 0.0)
        aim = aim.joined(new)
        aim = replace(aim, aim_kw=np.maximum(aim.aim_kw, (columns.target_kw + margin_kw)[aim.interval]))
        found = solve(aim, found.response_kw)
    return best


def rank_of(arrays: ProblemArrays, found: Found) -> tuple[float, float]:
    """What a plan misses of the target, kW over all intervals, and its objective: the smaller the better."""
    columns = arrays.columns
    if found.response_kw is None or check_columns(columns, found.response_kw):
        return np.inf, np.inf
    missed_kw = np.maximum(columns.target_kw - delivered(columns, found.response_kw).covered_kw(columns), 0.0)
    missed = float(missed_kw.sum()) if missed_kw.max(initial=0.0) > COVERED_KW else 0.0
    return missed, cost_of(arrays, found.response_kw).objective_cny


OVERSHOOT = 0.5
"""Share of what is still missed after ``PATIENCE`` turns that the next rows ask for on top."""
