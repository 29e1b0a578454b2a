"""On/off calls with minimum and maximum run and a number of calls.

``u`` says whether a call is on, ``v`` whether one begins. ``v`` follows from ``u`` in every integer solution, so only
``u`` is declared binary. The run rows are the turn-on inequalities of unit commitment (Rajan and Takriti 2005), which
describe the convex hull of minimum runs and keep the relaxation tight.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from optimizer.formulation.linear import Responses, Row, Variables, add_rows, add_variables
from optimizer.kinds import BlockArrays
from vpp.domain.timegrid import INTERVAL_H


def add_block(model: pyo.ConcreteModel, kind: BlockArrays, responses: Responses) -> None:
    """``r = minimum u + y``, ``0 <= y <= (available - minimum) u``, and the rows of its runs."""
    block = model.block = pyo.Block()
    on = add_variables(block, "on", kind.must_run.astype(np.float64), kind.may_be_on.astype(np.float64), binary=True)
    start = add_variables(block, "start", 0.0, kind.may_start.astype(np.float64))
    spread_kw = np.maximum(kind.available_kw - kind.minimum_kw, 0.0)
    adjustable = np.flatnonzero((spread_kw > 0).any(axis=1))
    above = add_variables(block, "above_minimum", 0.0, spread_kw[adjustable])
    for k, resource in enumerate(kind.index.tolist()):
        responses.add(resource, kind.minimum_kw[k], on[k])
        responses.binaries[resource] = on[k]
    for row, k in enumerate(adjustable.tolist()):
        responses.add(int(kind.index[k]), 1.0, above[row])
    responses.charge((kind.cost[:, None] * kind.minimum_kw) * INTERVAL_H, on)
    responses.charge(kind.cost[adjustable, None] * INTERVAL_H, above)
    responses.charge(kind.start_cost[:, None], start)
    add_rows(
        block,
        "above_only_when_on",
        (
            (None, [(1.0, above[row, t]), (-float(spread_kw[k, t]), on[k, t])], 0.0)
            for row, k in enumerate(adjustable.tolist())
            for t in range(on.shape[1])
        ),
    )
    add_rows(block, "runs", (row for k in range(len(kind.index)) for row in run_rows(_runs(kind, k), on[k], start[k])))


@dataclass(frozen=True, slots=True)
class Runs:
    """Intervals that a call lasts and rests, how long one has been running, and how many may begin (``None``: any)."""

    min_run: int
    max_run: int
    min_rest: int
    running: int
    max_calls: int | None


def _runs(kind: BlockArrays, k: int) -> Runs:
    max_calls = int(kind.max_calls[k])
    return Runs(
        int(kind.min_run[k]),
        int(kind.max_run[k]),
        int(kind.min_rest[k]),
        int(kind.running[k]),
        max_calls if max_calls < kind.most_calls[k] else None,
    )


def run_rows(runs: Runs, on: Variables, start: Variables) -> Iterator[Row]:
    """What ties ``start`` to ``on``, both of shape (T,).

    Rests follow Rajan and Takriti too: after an interval with the call on, none begins for ``min_rest`` intervals.
    Where a running call still binds (its minimum run, the rest after it) the variables' bounds say so.
    """
    event, running, last = len(on), runs.running, len(on) - 1
    for t in range(event):
        before = [(1.0, on[t - 1])] if t else []
        held = 1.0 if t == 0 and running > 0 else 0.0
        yield -held, [(1.0, start[t]), (-1.0, on[t]), *before], None
        if t < last:
            yield None, [*((1.0, start[s]) for s in range(t + 1, min(t + runs.min_rest, last) + 1)), (1.0, on[t])], 1.0
        yield None, [*((1.0, start[s]) for s in range(max(0, t - runs.min_run + 1), t + 1)), (-1.0, on[t])], 0.0
        if runs.max_run < event + running:
            carried = 1.0 if running and running + t < runs.max_run else 0.0
            begun = [(-1.0, start[s]) for s in range(max(0, t - runs.max_run + 1), t + 1)]
            yield None, [(1.0, on[t]), *begun], carried
    if runs.max_calls is not None:
        yield None, [(1.0, var) for var in start], float(runs.max_calls)
