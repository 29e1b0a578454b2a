"""Finds the cheapest answer with the solver: relax, round, and branch only where that is not yet good enough.

The relaxation is tight, so its solution is nearly integral: rounding the few fractional calls usually ends within the
asked gap of the relaxation's bound, at a fraction of the work of a full search.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optimizer.aim import Aim
from optimizer.direct import direct_model
from optimizer.dive import dive
from optimizer.extract import cleaned, storages_doing_both
from optimizer.found import Found
from optimizer.limits import WorkLimits
from optimizer.penalty import shortfall_price
from optimizer.problem import ProblemArrays
from optimizer.solve import Compiled, Solution, Verdict, run
from vpp.domain.flexibility import Series

SHORTFALL_GAP = 1e-6
Builder = Literal["direct", "pyomo"]


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    compiled: Compiled
    limits: WorkLimits
    deadline: float | None
    start_kw: Series

    def left_s(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.perf_counter()


def search(  # noqa: PLR0913 - all that a search depends on
    arrays: ProblemArrays,
    aim: Aim,
    start_kw: Series,
    limits: WorkLimits,
    *,
    deadline: float | None,
    builder: Builder = "direct",
) -> Found:
    """The cheapest answer that reaches the aim; where none does, the one that misses it least.

    Args:
        arrays: A checked problem.
        aim: Credited response to reach.
        start_kw: A known answer to begin with, shape (N, H).
        limits: Gap and work.
        deadline: ``time.perf_counter()`` value to be back by; ``None`` for work limits alone.
        builder: Who builds the matrices: numpy, or Pyomo's readable model.
    """
    exclusive: frozenset[int] = frozenset()
    price = shortfall_price(arrays)
    while True:
        compiled = _model(builder)(arrays, aim, shortfall_price=price, exclusive=exclusive)
        known_kw = start_kw[arrays.block.index, : arrays.event_intervals]
        task = _Task(compiled, limits, deadline, known_kw)
        solution = _reach(task)
        if not solution.values.size:
            return Found(None, "exact", solution.status, solution.verdict)
        response_kw = cleaned(arrays, compiled.responses_of(solution.values))
        both = storages_doing_both(arrays, response_kw) - exclusive
        if not both:
            return _found(task, arrays, aim, solution, response_kw)
        exclusive |= both


def _model(builder: Builder) -> Callable[..., Compiled]:
    if builder == "direct":
        return direct_model
    # Pyomo takes a second to load, and nothing but the reference model needs it.
    from optimizer.compile import reference_model  # noqa: PLC0415

    return reference_model


def _found(task: _Task, arrays: ProblemArrays, aim: Aim, solution: Solution, response_kw: Series) -> Found:
    objective = task.compiled.objective(solution.values)
    bound = objective - solution.gap * abs(objective)
    margin_kw = np.maximum(aim.aim_kw - arrays.columns.target_kw[aim.interval], 0.0)
    if margin_kw.any():
        # Margins for own spreads are this plan's; without them the optimum is lower by no more than their price, but
        # for a model with calls nobody knows that price.
        linear = not task.compiled.has_integers and solution.duals.size > 0
        bound = bound - float(solution.duals[task.compiled.rows.target] @ margin_kw) if linear else float("nan")
    duals = solution.duals if solution.duals.size else _prices(task, solution)
    rows = task.compiled.rows
    prices = None
    if duals.size and rows.target.size:
        target = np.zeros(len(task.compiled.shortfall))
        np.add.at(target, aim.interval, duals[rows.target])
        prices = (target, duals[rows.rebound], duals[rows.nodes])
    return Found(
        response_kw,
        "exact",
        solution.status,
        solution.verdict,
        bound,
        prices,
        rows.node,
        rows.interval,
    )


def _prices(task: _Task, solution: Solution) -> Series:
    """Duals of the model with its on/off decisions settled."""
    left_s = task.left_s()
    if left_s is not None and left_s <= 0.0:
        return np.empty(0)
    integers = task.compiled.integers
    settled = (integers, np.round(solution.values[integers]))
    return run(task.compiled, task.limits, time_limit_s=left_s, fixed=settled, relaxed=True).duals


def _reach(task: _Task) -> Solution:
    """Tries the target as a hard row first: only its failure proves that a shortfall cannot be avoided."""
    hard = _improve(task, shortfall_allowed=False)
    if hard.values.size or hard.verdict is not Verdict.INFEASIBLE:
        return hard
    # The price of what is missing outweighs all costs: a gap relative to their sum says nothing about either.
    tight = replace(task, limits=replace(task.limits, mip_gap=min(task.limits.mip_gap, SHORTFALL_GAP)))
    return _improve(tight, shortfall_allowed=True)


def _improve(task: _Task, *, shortfall_allowed: bool) -> Solution:
    zero = task.compiled.shortfall[:0] if shortfall_allowed else task.compiled.shortfall
    dived = dive(task.compiled, task.limits, zero=zero, calls=task.compiled.calls, time_limit_s=task.left_s())
    if dived.relaxed.verdict is not Verdict.OPTIMAL or not task.compiled.has_integers:
        return dived.relaxed
    rounded = dived.rounded
    if rounded.values.size and rounded.gap <= task.limits.mip_gap:
        return rounded
    start = _start(task, rounded)
    full = run(task.compiled, task.limits, time_limit_s=task.left_s(), fixed=(zero, np.zeros(len(zero))), start=start)
    return _better(task, full, rounded)


def _start(task: _Task, rounded: Solution) -> tuple[NDArray[np.int32], Series] | None:
    if rounded.values.size:
        integers = task.compiled.integers
        return integers, np.round(rounded.values[integers])
    known = task.compiled.calls >= 0
    if not known.any():
        return None
    return task.compiled.calls[known], (task.start_kw > 0)[known].astype(np.float64)


def _better(task: _Task, full: Solution, rounded: Solution) -> Solution:
    if not rounded.values.size:
        return full
    if not full.values.size:
        stopped = Verdict.STOPPED if full.verdict is Verdict.STOPPED else Verdict.ODD
        return Solution(stopped, full.status, rounded.values, rounded.gap)
    if task.compiled.objective(full.values) <= task.compiled.objective(rounded.values):
        return full
    return Solution(full.verdict, full.status, rounded.values, min(rounded.gap, full.gap))
