"""Builds the exact model straight from arrays: the same model as ``optimizer.model``, column for column, in numpy.

Pyomo's model is the one to read; this one is the one to run. Tests hold the two equal.
"""

from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from optimizer.aim import Aim
from optimizer.cost import energy_worth
from optimizer.problem import ProblemArrays
from optimizer.solve import Compiled, CouplingRows
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H

Numbers = NDArray[np.intp]


@dataclass(slots=True)
class _Matrix:
    """Columns, rows and entries, collected piece by piece."""

    cost: list[Series] = field(default_factory=list)
    lower: list[Series] = field(default_factory=list)
    upper: list[Series] = field(default_factory=list)
    integer: list[NDArray[np.bool_]] = field(default_factory=list)
    row_lower: list[Series] = field(default_factory=list)
    row_upper: list[Series] = field(default_factory=list)
    entries: list[tuple[Numbers, Numbers, Series]] = field(default_factory=list)
    responses: list[tuple[Numbers, Numbers, Series]] = field(default_factory=list)
    columns: int = 0
    rows: int = 0

    def variables(
        self, lower: Series | float, upper: Series, cost: Series | float = 0.0, *, integer: bool = False
    ) -> Numbers:
        """Numbers of new columns of ``upper``'s shape."""
        shape, size = upper.shape, upper.size
        for kept, given in ((self.lower, lower), (self.upper, upper), (self.cost, cost)):
            kept.append(np.broadcast_to(given, shape).ravel())
        self.integer.append(np.full(size, integer))
        numbers = np.arange(self.columns, self.columns + size).reshape(shape)
        self.columns += size
        return numbers

    def constraints(self, lower: Series | float, upper: Series | float, shape: tuple[int, ...]) -> Numbers:
        """Numbers of new rows."""
        size = int(np.prod(shape))
        self.row_lower.append(np.broadcast_to(lower, shape).ravel().astype(np.float64))
        self.row_upper.append(np.broadcast_to(upper, shape).ravel().astype(np.float64))
        numbers = np.arange(self.rows, self.rows + size).reshape(shape)
        self.rows += size
        return numbers

    def put(self, rows: Numbers, columns: Numbers, values: Series | float) -> None:
        """Entries at ``rows`` and ``columns``, broadcast against each other."""
        self.entries.append(_flat(rows, columns, values))

    def respond(self, cells: Numbers, columns: Numbers, values: Series | float) -> None:
        """Adds ``values * columns`` to the responses in ``cells`` (resource times H plus interval)."""
        self.responses.append(_flat(cells, columns, values))


def _flat(rows: Numbers, columns: Numbers, values: Series | float) -> tuple[Numbers, Numbers, Series]:
    row, column, value = np.broadcast_arrays(rows, columns, values)
    return row.ravel(), column.ravel(), value.ravel().astype(np.float64)


def _joined(pieces: list[tuple[Numbers, Numbers, Series]], shape: tuple[int, int]) -> sparse.csc_array:
    if not pieces:
        return sparse.csc_array(shape)
    rows, columns, values = (np.concatenate(part) for part in zip(*pieces, strict=True))
    matrix = sparse.csc_array((values, (rows, columns)), shape=shape)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    return matrix


def direct_model(
    arrays: ProblemArrays, aim: Aim, *, shortfall_price: float, exclusive: frozenset[int] = frozenset()
) -> Compiled:
    """The cheapest-response model of ``arrays``.

    Args:
        arrays: A checked problem.
        aim: Credited response to reach.
        shortfall_price: CNY per missing kWh.
        exclusive: Storages that need binaries against charging and discharging at once.
    """
    count = arrays.intervals
    matrix = _Matrix()
    constant_kw = np.zeros((arrays.count, count))
    _curtailable(matrix, arrays)
    calls = _block(matrix, arrays)
    _charging(matrix, arrays)
    _cooling(matrix, arrays)
    _storage(matrix, arrays, constant_kw, exclusive)
    response = _joined(matrix.responses, (arrays.count * count, matrix.columns)).tocsr()
    network = _network(matrix, arrays, constant_kw, response)
    target, shortfall = _target(matrix, arrays, aim, constant_kw, shortfall_price, response)
    rebound = _rebound(matrix, arrays, constant_kw, response)
    worth = energy_worth(arrays)
    earned = response.T @ np.tile(worth, arrays.count)
    cost = np.concatenate(matrix.cost) if matrix.cost else np.zeros(0)
    cost[: len(earned)] -= earned
    response.resize((arrays.count * count, matrix.columns))
    integer = np.concatenate(matrix.integer) if matrix.integer else np.zeros(0, dtype=np.bool_)
    lp = _lp(matrix, cost, -float(worth @ constant_kw.sum(axis=0)), integer)
    return Compiled(
        lp,
        np.flatnonzero(integer).astype(np.int32),
        calls.astype(np.int32),
        shortfall.astype(np.int32),
        response,
        constant_kw,
        cost,
        CouplingRows(target.astype(np.int32), rebound.astype(np.int32), *network),
    )


def _lp(matrix: _Matrix, cost: Series, offset: float, integer: NDArray[np.bool_]) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = matrix.columns, matrix.rows
    lp.col_cost_, lp.offset_ = cost, offset
    lp.col_lower_, lp.col_upper_ = np.concatenate(matrix.lower), np.concatenate(matrix.upper)
    lp.row_lower_, lp.row_upper_ = np.concatenate(matrix.row_lower), np.concatenate(matrix.row_upper)
    entries = _joined(matrix.entries, (matrix.rows, matrix.columns))
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = entries.indptr.astype(np.int32)
    lp.a_matrix_.index_ = entries.indices.astype(np.int32)
    lp.a_matrix_.value_ = entries.data
    if integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in integer]
    return lp


def _cells(arrays: ProblemArrays, index: Numbers, width: int) -> Numbers:
    return np.asarray(index[:, None] * arrays.intervals + np.arange(width)[None, :])


def _curtailable(matrix: _Matrix, arrays: ProblemArrays) -> None:
    kind, event = arrays.curtailable, arrays.event_intervals
    first = matrix.variables(0.0, kind.segment_1_kw, kind.cost_1[:, None] * INTERVAL_H)
    second = matrix.variables(0.0, kind.segment_2_kw, kind.cost_2[:, None] * INTERVAL_H)
    for segment in (first, second):
        matrix.respond(_cells(arrays, kind.index, event), segment, 1.0)
    most_kwh = (kind.segment_1_kw + kind.segment_2_kw).sum(axis=1) * INTERVAL_H
    bound = np.flatnonzero(kind.energy_max_kwh < most_kwh)
    rows = matrix.constraints(-np.inf, kind.energy_max_kwh[bound], (len(bound),))
    for segment in (first, second):
        matrix.put(rows[:, None], segment[bound], INTERVAL_H)


def _block(matrix: _Matrix, arrays: ProblemArrays) -> Numbers:
    """The columns of the on/off variables, shape (n, T)."""
    kind, event = arrays.block, arrays.event_intervals
    usable = kind.may_be_on
    on = matrix.variables(
        kind.must_run.astype(np.float64),
        usable.astype(np.float64),
        kind.cost[:, None] * kind.minimum_kw * INTERVAL_H,
        integer=True,
    )
    start = matrix.variables(0.0, kind.may_start.astype(np.float64), kind.start_cost[:, None])
    spread = np.maximum(kind.available_kw - kind.minimum_kw, 0.0)
    above = matrix.variables(0.0, spread, kind.cost[:, None] * INTERVAL_H)
    cells = _cells(arrays, kind.index, event)
    matrix.respond(cells, on, kind.minimum_kw)
    matrix.respond(cells, above, 1.0)
    adjustable = spread > 0
    rows = matrix.constraints(-np.inf, 0.0, (int(adjustable.sum()),))
    matrix.put(rows, above[adjustable], 1.0)
    matrix.put(rows, on[adjustable], -spread[adjustable])
    _runs(matrix, arrays, on, start)
    return on


def _runs(matrix: _Matrix, arrays: ProblemArrays, on: Numbers, start: Numbers) -> None:
    """The rows of ``optimizer.formulation.block``, all blocks at once."""
    kind = arrays.block
    n, event = on.shape
    at = np.arange(event)
    was_on = (kind.running > 0).astype(np.float64)
    held = np.where(at[None, :] == 0, was_on[:, None], 0.0)
    begins = matrix.constraints(-held, np.inf, (n, event))
    matrix.put(begins, start, 1.0)
    matrix.put(begins, on, -1.0)
    matrix.put(begins[:, 1:], on[:, :-1], 1.0)
    _rests(matrix, arrays, on, start)
    kept = matrix.constraints(-np.inf, 0.0, (n, event))
    matrix.put(kept, on, -1.0)
    for back in range(int(kind.min_run.max(initial=0))):
        longer = np.flatnonzero(kind.min_run > back)
        if back < event:
            matrix.put(kept[longer][:, back:], start[longer][:, : event - back], 1.0)
    carried = (kind.running > 0)[:, None] & (kind.running[:, None] + at[None, :] < kind.max_run[:, None])
    bounded = np.flatnonzero(kind.max_run < event + kind.running)
    ends = matrix.constraints(-np.inf, carried[bounded].astype(np.float64), (len(bounded), event))
    matrix.put(ends, on[bounded], 1.0)
    for back in range(min(int(kind.max_run.max(initial=0)), event)):
        longer = np.flatnonzero(kind.max_run[bounded] > back)
        matrix.put(ends[longer][:, back:], start[bounded[longer]][:, : event - back], -1.0)
    few = np.flatnonzero(kind.max_calls < kind.most_calls)
    counted = matrix.constraints(-np.inf, kind.max_calls[few].astype(np.float64), (len(few),))
    matrix.put(counted[:, None], start[few], 1.0)


def _rests(matrix: _Matrix, arrays: ProblemArrays, on: Numbers, start: Numbers) -> None:
    """``start_t + on_s <= 1`` for the ``min_rest`` intervals ``s`` before ``t``."""
    kind = arrays.block
    event = on.shape[1]
    for back in range(1, min(int(kind.min_rest.max(initial=0)), event - 1) + 1):
        rested = np.flatnonzero(kind.min_rest >= back)
        rows = matrix.constraints(-np.inf, 1.0, (len(rested), event - back))
        matrix.put(rows, start[rested][:, back:], 1.0)
        matrix.put(rows, on[rested][:, :-back], 1.0)


def _charging(matrix: _Matrix, arrays: ProblemArrays) -> None:
    kind, sign = arrays.charging, arrays.charging.sign
    low, high = kind.forecast_kw - kind.power_max_kw, kind.forecast_kw - kind.power_min_kw
    if sign < 0:
        low, high = -high, -low
    more = matrix.variables(np.maximum(low, 0.0), np.maximum(high, 0.0), kind.cost[:, None] * INTERVAL_H)
    less = matrix.variables(np.maximum(-high, 0.0), np.maximum(-low, 0.0))
    energy = matrix.variables(kind.floor_kwh, kind.ceiling_kwh)
    cells = _cells(arrays, kind.index, arrays.intervals)
    matrix.respond(cells, more, 1.0)
    matrix.respond(cells, less, -1.0)
    uncontrolled = kind.forecast_kw * INTERVAL_H
    rows = matrix.constraints(uncontrolled, uncontrolled, uncontrolled.shape)
    matrix.put(rows, energy, 1.0)
    matrix.put(rows[:, 1:], energy[:, :-1], -1.0)
    matrix.put(rows, more, sign * INTERVAL_H)
    matrix.put(rows, less, -sign * INTERVAL_H)


def _cooling(matrix: _Matrix, arrays: ProblemArrays) -> None:
    kind, event = arrays.cooling, arrays.event_intervals
    curtailed = matrix.variables(0.0, kind.available_kw, kind.cost[:, None] * INTERVAL_H)
    payback = matrix.variables(0.0, kind.payback_kw)
    theta = matrix.variables(0.0, kind.theta_max_k, kind.discomfort[:, None] * INTERVAL_H)
    matrix.respond(_cells(arrays, kind.index, event), curtailed, 1.0)
    matrix.respond(_cells(arrays, kind.index, arrays.intervals), payback, -1.0)
    begun = np.zeros(theta.shape)
    begun[:, 0] = kind.retention * kind.theta_0_k
    rows = matrix.constraints(begun, begun, theta.shape)
    matrix.put(rows, theta, 1.0)
    matrix.put(rows[:, 1:], theta[:, :-1], -kind.retention[:, None])
    matrix.put(rows, payback, kind.gain[:, None])
    matrix.put(rows[:, :event], curtailed, -kind.gain[:, None])


def _storage(matrix: _Matrix, arrays: ProblemArrays, constant_kw: Series, exclusive: frozenset[int]) -> None:
    kind, sign = arrays.storage, arrays.storage.sign
    shape = kind.forecast_kw.shape
    charge = matrix.variables(np.maximum(kind.power_min_kw, 0.0), np.maximum(kind.power_max_kw, 0.0))
    discharge = matrix.variables(np.maximum(-kind.power_max_kw, 0.0), np.maximum(-kind.power_min_kw, 0.0))
    paid = matrix.variables(0.0, np.full(shape, np.inf), kind.cost[:, None] * INTERVAL_H)
    soc = matrix.variables(kind.soc_low_kwh, np.broadcast_to(kind.capacity_kwh[:, None], shape))
    cells = _cells(arrays, kind.index, arrays.intervals)
    matrix.respond(cells, charge, -sign)
    matrix.respond(cells, discharge, sign)
    constant_kw[kind.index] += sign * kind.forecast_kw
    begun = np.zeros(shape)
    if shape[1]:
        begun[:, 0] = kind.soc_kwh
    rows = matrix.constraints(begun, begun, shape)
    matrix.put(rows, soc, 1.0)
    matrix.put(rows[:, 1:], soc[:, :-1], -1.0)
    matrix.put(rows, charge, -INTERVAL_H * kind.efficiency[:, None])
    matrix.put(rows, discharge, INTERVAL_H / kind.efficiency[:, None])
    rows = matrix.constraints(sign * kind.forecast_kw, np.inf, shape)
    matrix.put(rows, paid, 1.0)
    matrix.put(rows, charge, sign)
    matrix.put(rows, discharge, -sign)
    chosen = np.flatnonzero(np.isin(kind.index, list(exclusive)))
    full_kw = np.maximum(np.abs(kind.power_max_kw[chosen]), np.abs(kind.power_min_kw[chosen]))
    charging = matrix.variables(0.0, np.ones((len(chosen), shape[1])), integer=True)
    rows = matrix.constraints(-np.inf, 0.0, charging.shape)
    matrix.put(rows, charge[chosen], 1.0)
    matrix.put(rows, charging, -full_kw)
    rows = matrix.constraints(-np.inf, full_kw, charging.shape)
    matrix.put(rows, discharge[chosen], 1.0)
    matrix.put(rows, charging, full_kw)


def _network(
    matrix: _Matrix, arrays: ProblemArrays, constant_kw: Series, response: sparse.csr_array
) -> tuple[NDArray[np.int32], Numbers, Numbers]:
    below, above = arrays.open_rows
    node, interval = np.nonzero(below | above)
    constant = (arrays.below @ constant_kw)[node, interval]
    low = np.where(below[node, interval], arrays.node_least_kw[node, interval] - constant, -np.inf)
    high = np.where(above[node, interval], arrays.node_most_kw[node, interval] - constant, np.inf)
    rows = matrix.constraints(low, high, (len(node),))
    incidence = arrays.below[node]
    at = np.repeat(np.arange(len(node)), np.diff(incidence.indptr))
    cells = incidence.indices.astype(np.intp) * arrays.intervals + interval[at]
    _put_sums(matrix, rows[at], cells, np.ones(len(at)), response)
    return rows.astype(np.int32), node, interval


def _put_sums(matrix: _Matrix, rows: Numbers, cells: Numbers, weights: Series, response: sparse.csr_array) -> None:
    """Puts ``weights`` times the responses in ``cells`` into ``rows``; several cells may go to one row."""
    if not rows.size:
        return
    shape = (int(rows.max()) + 1, response.shape[0])
    sums = (sparse.csr_array((weights, (rows, cells)), shape=shape) @ response).tocoo()
    matrix.put(sums.row.astype(np.intp), sums.col.astype(np.intp), sums.data)


def _target(  # noqa: PLR0913, PLR0917 - the parts of one model
    matrix: _Matrix,
    arrays: ProblemArrays,
    aim: Aim,
    constant_kw: Series,
    shortfall_price: float,
    response: sparse.csr_array,
) -> tuple[Numbers, Numbers]:
    event = arrays.event_intervals
    shortfall = matrix.variables(0.0, np.full(event, np.inf), shortfall_price * INTERVAL_H)
    credit = aim.credit_of(arrays.columns)
    constant = (credit * constant_kw[:, aim.interval]).sum(axis=0)
    rows = matrix.constraints(aim.aim_kw - constant, np.inf, aim.aim_kw.shape)
    matrix.put(rows, shortfall[aim.interval], 1.0)
    cells = np.arange(arrays.count)[:, None] * arrays.intervals + aim.interval[None, :]
    at = np.broadcast_to(rows[None, :], cells.shape)
    _put_sums(matrix, at.ravel(), cells.ravel(), credit.ravel(), response)
    return rows, shortfall


def _rebound(matrix: _Matrix, arrays: ProblemArrays, constant_kw: Series, response: sparse.csr_array) -> Numbers:
    event, count = arrays.event_intervals, arrays.intervals
    columns = arrays.columns
    excess = matrix.variables(0.0, np.full(count - event, np.inf), columns.rebound_cny_per_kwh * INTERVAL_H)
    rows = matrix.constraints(-columns.rebound_cap_kw - constant_kw[:, event:].sum(axis=0), np.inf, (count - event,))
    matrix.put(rows, excess, 1.0)
    cells = np.arange(arrays.count)[:, None] * count + np.arange(event, count)[None, :]
    at = np.broadcast_to(rows[None, :], cells.shape)
    _put_sums(matrix, at.ravel(), cells.ravel(), np.ones(cells.size), response)
    return rows
