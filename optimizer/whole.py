"""The whole problem as one model in HiGHS, without any method of ours: what the benchmark compares with.

The same model as the exact method's, built from arrays or through Pyomo, for a solver and a time limit of one's choice.
"""

import time
from dataclasses import dataclass
from typing import Literal

import highspy
import numpy as np

from optimizer.aim import expected_aim
from optimizer.compile import reference_model
from optimizer.direct import direct_model
from optimizer.limits import WorkLimits
from optimizer.penalty import shortfall_price
from optimizer.problem import problem_arrays
from optimizer.search import Builder
from optimizer.solve import Verdict, new_solver, set_option, solution_of
from vpp.domain.columns import DispatchColumns
from vpp.domain.timegrid import INTERVAL_H

Solver = Literal["simplex", "ipm"]
LIMITS = WorkLimits(mip_gap=1e-4, node_limit=1_000_000_000, simplex_iteration_limit=1_000_000_000)


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """How one run ended.

    Attributes:
        objective_cny: As ``DispatchPlan.objective_cny``; ``nan`` without an answer.
        bound_cny: No plan has a smaller objective with as little shortfall; ``nan`` where nothing is known.
        shortfall_kwh: Summed over the event.
        build_s, solve_s: Until the matrices were with the solver; the solver's run.
    """

    verdict: Verdict
    status: str
    objective_cny: float
    bound_cny: float
    shortfall_kwh: float
    build_s: float
    solve_s: float


def solve_whole(
    columns: DispatchColumns,
    *,
    builder: Builder = "direct",
    solver: Solver = "ipm",
    time_limit_s: float | None = None,
) -> WholeAnswer:
    """One run on ``columns``; ``ipm`` is HiGHS's interior-point method without crossover.

    With on/off calls it is a search over integers, where HiGHS chooses. Each resource counts with its mean delivery.
    """
    begun = time.perf_counter()
    arrays = problem_arrays(columns, fold=False)
    build = direct_model if builder == "direct" else reference_model
    price = shortfall_price(arrays)
    compiled = build(arrays, expected_aim(columns), shortfall_price=price, exclusive=frozenset())
    highs = new_solver(LIMITS, time_limit_s=time_limit_s)
    set_option(highs, "solver", "choose" if compiled.has_integers else solver)
    set_option(highs, "run_crossover", "off" if solver == "ipm" and not compiled.has_integers else "on")
    highs.passModel(compiled.lp)
    built = time.perf_counter()
    highs.run()
    solve_s = time.perf_counter() - built
    solution = solution_of(highs, is_mip=compiled.has_integers)
    objective = bound = shortfall = float("nan")
    if solution.values.size:
        shortfall = float(np.maximum(solution.values[compiled.shortfall], 0.0).sum()) * INTERVAL_H
        whole = compiled.objective(solution.values)
        objective, bound = whole - price * shortfall, whole - solution.gap * abs(whole) - price * shortfall
    elif compiled.has_integers and np.isfinite(highs.getInfo().mip_dual_bound):
        bound = float(highs.getInfo().mip_dual_bound)
    return WholeAnswer(solution.verdict, solution.status, objective, bound, shortfall, built - begun, solve_s)


def solver_version() -> str:
    """Of HiGHS."""
    return str(highspy.Highs().version())
