"""The schedule in HiGHS, with on/off columns for batteries and intervals that would charge and discharge at once."""

import highspy
import numpy as np
from numpy.typing import NDArray

from optimizer.limits import WorkLimits
from optimizer.solve import Solution, new_solver, solution_of
from optimizer.storage_schedule.relaxation import Relaxation
from vpp.domain.flexibility import Series

Pairs = NDArray[np.bool_]
"""Batteries and intervals that need an on/off column, shape (n, H)."""
LIMITS = WorkLimits(mip_gap=1e-6, node_limit=100_000, simplex_iteration_limit=10_000_000)


def solved_exactly(program: Relaxation, pairs: Pairs) -> Solution:
    """The optimum of ``program`` where ``pairs`` must not charge and discharge at once; its values begin with ``x``."""
    solver = new_solver(LIMITS, time_limit_s=None)
    solver.passModel(_model(program, pairs))
    solver.run()
    return solution_of(solver, is_mip=bool(pairs.any()))


def _model(program: Relaxation, pairs: Pairs) -> highspy.HighsLp:
    """Column by column, in the order of ``program``; then ``charge <= upper (1 - on)``, ``discharge <= upper on``."""
    n, intervals = pairs.shape
    cells, chosen = n * intervals, np.flatnonzero(pairs.ravel())
    columns, rows, values = _matrix(program)
    first_row, on = cells + intervals, len(program.cost) * intervals
    extra = np.arange(len(chosen))
    full = program.upper[:n].ravel()[chosen]
    columns = np.concatenate([columns, chosen, on + extra, cells + chosen, on + extra])
    rows = np.concatenate(
        [rows, first_row + extra, first_row + extra, first_row + len(chosen) + extra, first_row + len(chosen) + extra]
    )
    values = np.concatenate([values, np.ones(len(chosen)), full, np.ones(len(chosen)), -full])
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = on + len(chosen), first_row + 2 * len(chosen)
    lp.col_cost_ = np.append(program.cost.ravel(), np.zeros(len(chosen)))
    lp.col_lower_ = np.zeros(lp.num_col_)
    lp.col_upper_ = np.append(program.upper.ravel(), np.ones(len(chosen)))
    right = program.right.ravel()
    lp.row_lower_ = np.append(right, np.full(2 * len(chosen), -highspy.kHighsInf))
    lp.row_upper_ = np.concatenate([right, full, np.zeros(len(chosen))])
    order = np.lexsort((rows, columns))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.searchsorted(columns[order], np.arange(lp.num_col_ + 1)).astype(np.int32)
    lp.a_matrix_.index_ = rows[order].astype(np.int32)
    lp.a_matrix_.value_ = values[order]
    if len(chosen):
        continuous, integer = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
        lp.integrality_ = [continuous] * on + [integer] * len(chosen)
    return lp


def _matrix(program: Relaxation) -> tuple[NDArray[np.intp], NDArray[np.intp], Series]:
    """Columns, rows and values of ``A``."""
    n, intervals = program.count, program.right.shape[1]
    cell = np.arange(n * intervals)
    connection, at = n * intervals + cell % intervals, np.arange(intervals)
    stored, drawn = np.repeat(program.stored_kwh, intervals), np.repeat(program.drawn_kwh, intervals)
    carried = cell[cell % intervals < intervals - 1]
    ones = np.ones(n * intervals)
    bought = 3 * n * intervals + at
    parts = (
        (cell, cell, -stored),
        (cell, connection, -ones),
        (n * intervals + cell, cell, drawn),
        (n * intervals + cell, connection, ones),
        (2 * n * intervals + cell, cell, ones),
        (2 * n * intervals + carried, carried + 1, -np.ones(len(carried))),
        (bought, n * intervals + at, np.ones(intervals)),
        (bought + intervals, n * intervals + at, -np.ones(intervals)),
    )
    columns, rows, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return columns, rows, values
