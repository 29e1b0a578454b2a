"""Finds the cheapest answer with the solver: relax, round, and branch only where that is not yet good enough.

The relaxation is tight, so its solution is nearly integral: rounding the few fractional calls usually ends within the
asked gap of the relaxation's bound, at a fraction of the work of a full search.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.dive import dive
from optimizer.extract import cleaned, responses_of, storages_doing_both
from optimizer.formulation.storage import Exclusive
from optimizer.limits import WorkLimits
from optimizer.model import DispatchModel, dispatch_model
from optimizer.problem import ProblemArrays
from optimizer.solve import Compiled, Solution, Verdict, compile_model, run
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

SAFETY = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The end of a search.

    Attributes:
        response_kw: Shape (N, H); ``None`` when nothing was found.
        status: The solver's own word.
        verdict: How it ended; ``INFEASIBLE`` means that the hard limits alone contradict each other.
        gap: Relative gap to the best known bound.
    """

    response_kw: Series | None
    status: str
    verdict: Verdict
    gap: float


@dataclass(frozen=True, slots=True, eq=False)
class _Ask:
    arrays: ProblemArrays
    ceiling_kw: Series
    start_kw: Series
    limits: WorkLimits
    deadline: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    model: DispatchModel
    compiled: Compiled
    limits: WorkLimits
    deadline: float | None
    start_kw: Series
    binaries: NDArray[np.int32]
    shortfall: NDArray[np.int32]

    def left_s(self) -> float | None:
        return None if self.deadline is None else self.deadline - time.perf_counter()


def search(
    arrays: ProblemArrays, ceiling_kw: Series, start_kw: Series, limits: WorkLimits, *, deadline: float | None
) -> Found:
    """The cheapest answer that reaches the target; where none does, the one that misses it least.

    Args:
        arrays: A checked problem.
        ceiling_kw: Largest expected response that may be committed, shape (T,).
        start_kw: A known answer to begin with, shape (N, H).
        limits: Gap and work.
        deadline: ``time.perf_counter()`` value to be back by; ``None`` for work limits alone.
    """
    ask = _Ask(arrays, ceiling_kw, start_kw, limits, deadline)
    exclusive: Exclusive = frozenset()
    while True:
        task = _task(ask, exclusive)
        solution = _reach(task)
        if not solution.values.size:
            return Found(None, solution.status, solution.verdict, solution.gap)
        response_kw = cleaned(arrays, responses_of(task.model, task.compiled, solution.values))
        both = storages_doing_both(arrays, response_kw)
        if both <= exclusive:
            return Found(response_kw, solution.status, solution.verdict, solution.gap)
        exclusive |= both


def _task(ask: _Ask, exclusive: Exclusive) -> _Task:
    arrays = ask.arrays
    price = _shortfall_price(arrays)
    model = dispatch_model(arrays, ceiling_kw=ask.ceiling_kw, shortfall_price=price, exclusive=exclusive)
    compiled = compile_model(model)
    order = sorted(model.responses.binaries)
    on = [compiled.columns(model.responses.binaries[i]) for i in order]
    binaries = np.array(on, dtype=np.int32).reshape(len(order), arrays.event_intervals)
    known_kw = ask.start_kw[order, : arrays.event_intervals]
    return _Task(model, compiled, ask.limits, ask.deadline, known_kw, binaries, compiled.columns(model.shortfall))


def _reach(task: _Task) -> Solution:
    """Tries the target as a hard row first: only its failure proves that a shortfall cannot be avoided."""
    hard = _improve(task, shortfall_allowed=False)
    if hard.values.size or hard.verdict is not Verdict.INFEASIBLE:
        return hard
    return _improve(task, shortfall_allowed=True)


def _improve(task: _Task, *, shortfall_allowed: bool) -> Solution:
    zero = task.shortfall[:0] if shortfall_allowed else task.shortfall
    dived = dive(task.compiled, task.limits, zero=zero, calls=task.binaries, time_limit_s=task.left_s())
    if dived.relaxed.verdict is not Verdict.OPTIMAL or not task.compiled.has_integers:
        return dived.relaxed
    rounded = dived.rounded
    if rounded.values.size and rounded.gap <= task.limits.mip_gap:
        return rounded
    start = _start(task, rounded)
    full = run(task.compiled, task.limits, time_limit_s=task.left_s(), zero=zero, start=start)
    return _better(task, full, rounded)


def _start(task: _Task, rounded: Solution) -> tuple[NDArray[np.int32], Series] | None:
    if rounded.values.size:
        integers = task.compiled.integers
        return integers, np.round(rounded.values[integers])
    known = task.binaries >= 0
    if not known.any():
        return None
    return task.binaries[known], (task.start_kw > 0)[known].astype(np.float64)


def _better(task: _Task, full: Solution, rounded: Solution) -> Solution:
    if not rounded.values.size:
        return full
    if not full.values.size:
        stopped = Verdict.STOPPED if full.verdict is Verdict.STOPPED else Verdict.ODD
        return Solution(stopped, full.status, rounded.values, rounded.gap)
    if task.compiled.objective(full.values) <= task.compiled.objective(rounded.values):
        return full
    return Solution(full.verdict, full.status, rounded.values, min(rounded.gap, full.gap))


def _shortfall_price(arrays: ProblemArrays) -> float:
    """A price above what any kWh of response can cost, so that reaching more comes before its cost."""
    problem, block = arrays.problem, arrays.block
    dearest = max(
        float(cost.max(initial=0.0))
        for cost in (
            arrays.curtailable.cost_1,
            arrays.curtailable.cost_2,
            block.cost,
            arrays.charging.cost,
            arrays.cooling.cost,
            arrays.storage.cost,
        )
    )
    least_kwh = np.maximum(block.minimum_kw.max(axis=1, initial=0.0), 1.0) * INTERVAL_H
    dearest += float((block.start_cost / least_kwh).max(initial=0.0))
    least_delivery = float(arrays.delivery.min(initial=1.0))
    return max(problem.shortfall_cny_per_kwh, SAFETY * (dearest + 2.0 * problem.rebound_cny_per_kwh) / least_delivery)
