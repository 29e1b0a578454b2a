"""Polishes a coordinated plan with the exact model, where that is small enough to be worth it.

The calls of the plan are settled and all else is solved anew by HiGHS; where that fails, or a small problem is still
far from its bound, the calls are searched as well, beginning with those of the plan.
"""

import time
from dataclasses import replace

import numpy as np

from optimizer.agree import agreed, rank_of
from optimizer.aim import Aim, aim_at
from optimizer.direct import direct_model
from optimizer.extract import cleaned, storages_doing_both
from optimizer.found import Found, higher_bound
from optimizer.limits import WorkLimits
from optimizer.penalty import shortfall_price
from optimizer.problem import ProblemArrays
from optimizer.search import search
from optimizer.solve import Compiled, Solution, run
from vpp.domain.feasibility import check_columns
from vpp.domain.flexibility import Series

POLISHED_BELOW = 300
REPAIRED_UP_TO = 2000
REACHED_KW = 1e-3


def polished(arrays: ProblemArrays, aim: Aim, found: Found, limits: WorkLimits, *, deadline: float | None) -> Found:
    """``found``, or a better plan with the same bound."""
    if found.response_kw is None or arrays.count > REPAIRED_UP_TO:
        return found
    sound = not check_columns(arrays.columns, found.response_kw)
    if sound and arrays.count >= POLISHED_BELOW:
        return found
    first = aim_at(arrays.columns, found.response_kw) if sound else aim

    def solve(aim: Aim, start_kw: Series) -> Found:
        return _around(arrays, aim, replace(found, response_kw=start_kw), limits, deadline)

    better = agreed(arrays, first, found.response_kw, solve)
    return better if rank_of(arrays, better) <= rank_of(arrays, found) else found


def _around(arrays: ProblemArrays, aim: Aim, found: Found, limits: WorkLimits, deadline: float | None) -> Found:
    """A better plan than ``found`` with its calls, or with other calls where those do not do."""
    left_s = None if deadline is None else deadline - time.perf_counter()
    if found.response_kw is None or (left_s is not None and left_s <= 0.0):
        return found
    compiled = direct_model(arrays, aim, shortfall_price=shortfall_price(arrays))
    settled = _calls(arrays, compiled, found.response_kw)
    solved = run(compiled, limits, time_limit_s=left_s, fixed=settled, relaxed=True)
    reached = solved.values.size and solved.values[compiled.shortfall].max(initial=0.0) <= REACHED_KW
    if reached and _near(compiled, solved, found.bound_cny, limits.mip_gap):
        response_kw = cleaned(arrays, compiled.responses_of(solved.values))
        if not storages_doing_both(arrays, response_kw):
            return replace(found, response_kw=response_kw)
    searched = search(arrays, aim, found.response_kw, limits, deadline=deadline)
    if searched.response_kw is None:
        return found
    bound = higher_bound(searched.bound_cny, found.bound_cny)
    return replace(searched, source=found.source, status=f"{found.status}, polished", bound_cny=bound)


def _calls(arrays: ProblemArrays, compiled: Compiled, response_kw: Series) -> tuple[np.ndarray, Series]:
    on = response_kw[arrays.block.index, : arrays.event_intervals] > 0.0
    known = compiled.calls >= 0
    return compiled.calls[known], on[known].astype(np.float64)


def _near(compiled: Compiled, solved: Solution, bound_cny: float, gap: float) -> bool:
    objective = compiled.objective(solved.values)
    return objective - bound_cny <= gap * max(abs(objective), 1e-9)
