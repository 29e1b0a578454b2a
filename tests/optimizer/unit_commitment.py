"""Unit commitment out of the exact model's own pieces: a unit is a call with a ramp, its minimum down time a rest.

The variables, rows and run rows are the optimiser's, and so is the way from Pyomo to HiGHS. What only generators have
is stated here: ramps, reserve, two prices of a start, two segments of a quadratic cost.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from optimizer.compile import matrices_of
from optimizer.formulation.block import Runs, run_rows
from optimizer.formulation.linear import Row, Term, Variables, add_rows, add_variables
from optimizer.limits import WorkLimits
from optimizer.solve import Solution, new_solver, set_option, solution_of

DATA = Path(__file__).parent / "data" / "unit_commitment.json"
SEGMENTS = 2


@dataclass(frozen=True, slots=True)
class Unit:
    """A generator; MW, hours, and money of the source."""

    name: str
    p_min_mw: float
    p_max_mw: float
    ramp_mw_per_h: float
    min_up_and_down_h: int
    initial_status_h: int
    initial_mw: float
    cold_after_h: int
    hot_start: float
    cold_start: float
    fixed_per_h: float
    linear_per_mwh: float
    quadratic_per_mw2h: float

    @property
    def room_mw(self) -> float:
        return self.p_max_mw - self.p_min_mw

    def cost(self, p_mw: float) -> float:
        return self.fixed_per_h + self.linear_per_mwh * p_mw + self.quadratic_per_mw2h * p_mw**2

    def slopes(self) -> list[float]:
        """Cost per MWh of each of the equal segments above the least power."""
        points = [self.cost(self.p_min_mw + self.room_mw * k / SEGMENTS) for k in range(SEGMENTS + 1)]
        return [(high - low) * SEGMENTS / self.room_mw for low, high in pairwise(points)]


@dataclass(frozen=True, slots=True)
class Case:
    """A published case with its optimum and the tightest published bound by relaxation."""

    units: list[Unit]
    load_mw: list[float]
    reserve_mw: list[float]
    reserve_shortfall_per_mwh: float
    optimum: float
    relaxation: float


def load_case() -> Case:
    said = json.loads(DATA.read_text(encoding="utf-8"))
    units = [Unit(**dict(zip(said["unit_fields"], row, strict=True))) for row in said["units"]]
    keys = ("load_mw", "reserve_mw", "reserve_shortfall_per_mwh", "optimum", "relaxation")
    return Case(units, *(said[key] for key in keys))


@dataclass(frozen=True, slots=True, eq=False)
class _Schedule:
    """The variables, shape (units, hours); ``above`` has the segments first."""

    on: Variables
    start: Variables
    hot: Variables
    above: Variables
    spare: Variables


def solve_units(case: Case, *, gap: float) -> tuple[Solution, float]:
    """The solution within a relative ``gap``, and its cost."""
    model: Any = pyo.ConcreteModel()
    shape = (len(case.units), len(case.load_mw))
    schedule = _variables(model, case, shape)
    costs = _costs(case, schedule)
    for k, unit in enumerate(case.units):
        runs = Runs(unit.min_up_and_down_h, 10 * shape[1], unit.min_up_and_down_h, max(unit.initial_status_h, 0), None)
        add_rows(model, f"runs_{k}", run_rows(runs, schedule.on[k], schedule.start[k]))
        add_rows(model, f"output_{k}", _output_rows(unit, schedule, k))
        add_rows(model, f"ramps_{k}", _ramp_rows(unit, schedule, k))
        add_rows(model, f"hot_{k}", _hot_rows(unit, schedule, k))
    missing = add_variables(model, "missing_reserve", 0.0, np.array(case.reserve_mw))
    costs += [(case.reserve_shortfall_per_mwh, variable) for variable in missing]
    add_rows(model, "system", _system_rows(case, schedule, missing))
    model.cost = pyo.Objective(
        expr=LinearExpression(
            constant=0.0, linear_coefs=[cost for cost, _ in costs], linear_vars=[variable for _, variable in costs]
        )
    )
    lp, _ = matrices_of(model)
    solver = new_solver(WorkLimits(mip_gap=gap, node_limit=100_000), time_limit_s=None)
    set_option(solver, "mip_abs_gap", 0.0)
    solver.passModel(lp)
    solver.run()
    solution = solution_of(solver, is_mip=True)
    return solution, float(np.array(lp.col_cost_) @ solution.values)


def _variables(model: Any, case: Case, shape: tuple[int, int]) -> _Schedule:
    least, may_start = np.zeros(shape), np.ones(shape)
    for k, unit in enumerate(case.units):
        status, limit = unit.initial_status_h, unit.min_up_and_down_h
        least[k, : max(limit - status, 0) if status > 0 else 0] = 1.0
        may_start[k, : max(limit - abs(status), 0) if status < 0 else limit] = 0.0
    room = np.array([unit.room_mw for unit in case.units])[:, None] * np.ones(shape)
    return _Schedule(
        add_variables(model, "on", least, np.ones(shape), binary=True),
        add_variables(model, "start", 0.0, may_start),
        add_variables(model, "hot", 0.0, np.ones(shape)),
        add_variables(model, "above", 0.0, np.stack([room / SEGMENTS] * SEGMENTS)),
        add_variables(model, "spare", 0.0, room),
    )


def _costs(case: Case, schedule: _Schedule) -> list[Term]:
    found: list[Term] = []
    for k, unit in enumerate(case.units):
        found += [(unit.cost(unit.p_min_mw), variable) for variable in schedule.on[k]]
        found += [(unit.cold_start, variable) for variable in schedule.start[k]]
        found += [(unit.hot_start - unit.cold_start, variable) for variable in schedule.hot[k]]
        for segment, slope in zip(schedule.above, unit.slopes(), strict=True):
            found += [(slope, variable) for variable in segment[k]]
    return found


def _stop(unit: Unit, schedule: _Schedule, k: int, t: int) -> tuple[list[Term], float]:
    """``start - on + on before``, as terms and a constant."""
    terms: list[Term] = [(1.0, schedule.start[k, t]), (-1.0, schedule.on[k, t])]
    if t:
        return [*terms, (1.0, schedule.on[k, t - 1])], 0.0
    return terms, 1.0 if unit.initial_status_h > 0 else 0.0


def _scaled(factor: float, terms: list[Term]) -> list[Term]:
    return [(factor * coefficient, variable) for coefficient, variable in terms]


def _above(schedule: _Schedule, k: int, t: int) -> list[Term]:
    return [(1.0, variable) for variable in schedule.above[:, k, t]]


def _output_rows(unit: Unit, schedule: _Schedule, k: int) -> Iterator[Row]:
    """Power and spare above the least fit while on, and not at all in the first and the last hour of a run."""
    room, hours = unit.room_mw, schedule.on.shape[1]
    for t in range(hours):
        on, start = schedule.on[k, t], schedule.start[k, t]
        for segment in schedule.above:
            yield None, [(1.0, segment[k, t]), (-room / SEGMENTS, on)], 0.0
        held = [*_above(schedule, k, t), (1.0, schedule.spare[k, t]), (-room, on), (room, start)]
        stop, _ = _stop(unit, schedule, k, t + 1) if t + 1 < hours else ([], 0.0)
        yield None, [*held, *_scaled(room, stop)], 0.0


def _ramp_rows(unit: Unit, schedule: _Schedule, k: int) -> Iterator[Row]:
    ramp = unit.ramp_mw_per_h
    first = unit.initial_mw - unit.p_min_mw if unit.initial_status_h > 0 else 0.0
    for t in range(schedule.on.shape[1]):
        before = _above(schedule, k, t - 1) if t else []
        was_mw = 0.0 if t else first
        now = _above(schedule, k, t)
        up = [*now, (1.0, schedule.spare[k, t]), *_scaled(-1.0, before)]
        yield None, [*up, (-ramp, schedule.on[k, t]), (ramp, schedule.start[k, t])], was_mw
        stop, was_on = _stop(unit, schedule, k, t)
        on_before: list[Term] = [(-ramp, schedule.on[k, t - 1])] if t else []
        allowed = 0.0 if t else ramp * was_on
        yield None, [*before, *_scaled(-1.0, now), *on_before, *_scaled(ramp, stop)], allowed - was_mw - ramp * was_on


def _hot_rows(unit: Unit, schedule: _Schedule, k: int) -> Iterator[Row]:
    """A start is hot when the unit stopped less than ``cold_after_h`` hours before."""
    for t in range(schedule.on.shape[1]):
        terms: list[Term] = [(1.0, schedule.hot[k, t])]
        yield None, [*terms, (-1.0, schedule.start[k, t])], 0.0
        constant = 0.0
        for at in range(t - unit.cold_after_h + 1, t - unit.min_up_and_down_h + 1):
            if at >= 0:
                stop, was_on = _stop(unit, schedule, k, at)
                terms += _scaled(-1.0, stop)
                constant += was_on
            elif at == unit.initial_status_h:
                constant += 1.0
        yield None, terms, constant


def _system_rows(case: Case, schedule: _Schedule, missing: Variables) -> Iterator[Row]:
    for t, load in enumerate(case.load_mw):
        power = [(unit.p_min_mw, schedule.on[k, t]) for k, unit in enumerate(case.units)]
        power += [(1.0, variable) for variable in schedule.above[:, :, t].ravel()]
        yield load, power, load
        yield case.reserve_mw[t], [*((1.0, variable) for variable in schedule.spare[:, t]), (1.0, missing[t])], None
