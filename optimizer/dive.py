"""Rounds the relaxation to whole calls by diving: fix what is whole, round the most nearly whole call, solve again.

All steps run on one warm simplex basis, so that each costs a fraction of the first solve. The bound of the untouched
relaxation tells how far the result can be from the optimum.
"""

import time
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.limits import WorkLimits
from optimizer.solve import Compiled, Solution, Verdict, new_solver, set_option, solution_of
from vpp.domain.flexibility import Series

WHOLE = 1e-6
MAX_STEPS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Dive:
    """The relaxation, and the rounded answer where the dive found one (else without values)."""

    relaxed: Solution
    rounded: Solution


def dive(
    compiled: Compiled,
    limits: WorkLimits,
    *,
    zero: NDArray[np.int32],
    calls: NDArray[np.int32],
    time_limit_s: float | None,
) -> Dive:
    """Solves the relaxation of ``compiled`` and rounds it.

    Args:
        compiled: The model.
        limits: Work limits of each simplex run.
        zero: Columns to hold at 0.
        calls: Columns of on/off variables, one row per block; -1 where there is none.
        time_limit_s: Wall-clock limit for all runs together; ``None`` for work limits alone.
    """
    ends = None if time_limit_s is None else time.perf_counter() + time_limit_s
    solver = new_solver(limits, time_limit_s=time_limit_s)
    set_option(solver, "solve_relaxation", value=True)
    solver.passModel(compiled.lp)
    solver.changeColsBounds(len(zero), zero, np.zeros(len(zero)), np.zeros(len(zero)))
    solver.run()
    relaxed = solution_of(solver, is_mip=False)
    if relaxed.verdict is not Verdict.OPTIMAL or not compiled.has_integers:
        return Dive(relaxed, relaxed)
    found = relaxed
    for _ in range(MAX_STEPS):
        fractional = _fix_whole(solver, compiled, found.values)
        if not fractional.size:
            gap = _gap(compiled.objective(found.values), compiled.objective(relaxed.values))
            return Dive(relaxed, Solution(Verdict.OPTIMAL, "optimal within gap", found.values, gap, found.duals))
        if ends is not None and time.perf_counter() >= ends:
            break
        step = _round_one(solver, calls, found.values, fractional)
        if step is None:
            break
        found = step
    return Dive(relaxed, Solution(Verdict.STOPPED, "rounding failed", np.empty(0), float("nan")))


def _fix_whole(solver: highspy.Highs, compiled: Compiled, values: Series) -> NDArray[np.int32]:
    integers = compiled.integers
    whole = np.abs(values[integers] - np.round(values[integers])) <= WHOLE
    _fix(solver, integers[whole], np.round(values[integers[whole]]))
    return integers[~whole]


def _fix(solver: highspy.Highs, columns: NDArray[np.int32], values: Series) -> None:
    solver.changeColsBounds(len(columns), columns, values, values)


def _round_one(
    solver: highspy.Highs, calls: NDArray[np.int32], values: Series, fractional: NDArray[np.int32]
) -> Solution | None:
    """The answer after the most nearly whole fractional call is made whole; ``None`` where both ways fail."""
    chosen = int(fractional[np.argmax(np.abs(values[fractional] - 0.5))])
    row = np.flatnonzero((calls == chosen).any(axis=1))
    columns = np.intersect1d(calls[row[0]], fractional) if row.size else np.array([chosen])
    columns = columns.astype(np.int32)
    nearest = np.round(values[columns])
    for rounded in (nearest, np.ones(len(columns)), np.zeros(len(columns))):
        _fix(solver, columns, rounded)
        solver.run()
        found = solution_of(solver, is_mip=False)
        if found.verdict is Verdict.OPTIMAL:
            return found
    return None


def _gap(objective: float, bound: float) -> float:
    return max(objective - bound, 0.0) / max(abs(objective), 1e-9)
