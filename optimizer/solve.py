"""Hands a Pyomo model to HiGHS as matrices and runs it within deterministic work limits.

Pyomo's own HiGHS interfaces pass rows one by one through Python and accept unknown options without a word. Here the
model leaves Pyomo through its standard-form compiler, and every option is set on a bare solver whose answer is checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler

from optimizer.formulation.linear import Variables
from optimizer.limits import WorkLimits
from optimizer.model import DispatchModel
from vpp.domain.errors import InvariantError
from vpp.domain.flexibility import Series

SEED = 20260720
INTEGRALITY_TOLERANCE = 1e-7
FEASIBILITY_TOLERANCE = 1e-7


class Verdict(StrEnum):
    """What a solver run ended with."""

    OPTIMAL = "optimal"
    STOPPED = "stopped"
    INFEASIBLE = "infeasible"
    ODD = "odd"


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A model as HiGHS takes it, and the column of each of its variables."""

    lp: highspy.HighsLp
    column: Mapping[int, int]
    integers: NDArray[np.int32]
    cost: Series

    @property
    def has_integers(self) -> bool:
        """Whether any column is integer."""
        return self.integers.size > 0

    def objective(self, values: Series) -> float:
        """Cost of a solution, CNY."""
        return float(self.cost @ values) + float(self.lp.offset_)

    def columns(self, variables: Variables) -> NDArray[np.int32]:
        """Column of each variable, same shape; -1 for one that no row and no cost mentions."""
        flat = [self.column.get(id(variable), -1) for variable in variables.ravel()]
        return np.array(flat, dtype=np.int32).reshape(variables.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What came back.

    Attributes:
        status: The solver's own word.
        values: Per column; empty when there is no feasible point.
        gap: Relative optimality gap; 0 for a continuous model solved to the end.
    """

    verdict: Verdict
    status: str
    values: Series
    gap: float


def compile_model(model: DispatchModel) -> Compiled:
    """The matrices of ``model``."""
    form: Any = LinearStandardFormCompiler().write(model.pyomo, mixed_form=True)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(form.columns), len(form.rows)
    lower = [variable.lb for variable in form.columns]
    upper = [variable.ub for variable in form.columns]
    lp.col_cost_ = np.asarray(form.c.toarray()).ravel()
    lp.offset_ = float(form.c_offset[0])
    lp.col_lower_ = np.array([-highspy.kHighsInf if bound is None else bound for bound in lower], dtype=np.float64)
    lp.col_upper_ = np.array([highspy.kHighsInf if bound is None else bound for bound in upper], dtype=np.float64)
    sense = np.array([row.bound_type for row in form.rows], dtype=np.int8)
    lp.row_lower_ = np.where(sense <= 0, form.rhs, -highspy.kHighsInf)
    lp.row_upper_ = np.where(sense >= 0, form.rhs, highspy.kHighsInf)
    matrix = form.A.tocsc()
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = matrix.indptr.astype(np.int32)
    lp.a_matrix_.index_ = matrix.indices.astype(np.int32)
    lp.a_matrix_.value_ = matrix.data.astype(np.float64)
    binary = np.array([variable.is_binary() for variable in form.columns], dtype=np.bool_)
    if binary.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(flag)] for flag in binary]
    column = {id(variable): k for k, variable in enumerate(form.columns)}
    return Compiled(lp, column, np.flatnonzero(binary).astype(np.int32), np.array(lp.col_cost_))


def new_solver(limits: WorkLimits, *, time_limit_s: float | None) -> highspy.Highs:
    """A silent, single-threaded, seeded solver with ``limits``.

    Raises:
        InvariantError: this version of HiGHS does not know one of our options.
    """
    solver = highspy.Highs()
    options: dict[str, bool | int | float | str] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": SEED,
        "mip_rel_gap": limits.mip_gap,
        "mip_abs_gap": 1e-6,
        "mip_max_nodes": limits.node_limit,
        "simplex_iteration_limit": limits.simplex_iteration_limit,
        "mip_feasibility_tolerance": INTEGRALITY_TOLERANCE,
        "primal_feasibility_tolerance": FEASIBILITY_TOLERANCE,
    }
    if time_limit_s is not None:
        options["time_limit"] = max(time_limit_s, 0.0)
    for name, value in options.items():
        set_option(solver, name, value)
    return solver


def set_option(solver: highspy.Highs, name: str, value: bool | float | str) -> None:  # noqa: FBT001 - as HiGHS has it
    """Sets one option and makes sure that it was taken.

    Raises:
        InvariantError: HiGHS knows no such option, or refuses the value.
    """
    if solver.setOptionValue(name, value) != highspy.HighsStatus.kOk:
        raise InvariantError(f"HiGHS {solver.version()} refuses option {name!r} = {value!r}")


def run(
    compiled: Compiled,
    limits: WorkLimits,
    *,
    time_limit_s: float | None = None,
    zero: NDArray[np.int32],
    start: tuple[NDArray[np.int32], Series] | None = None,
) -> Solution:
    """Solves once.

    Args:
        compiled: The model.
        limits: Gap, nodes and iterations.
        time_limit_s: Wall-clock limit for this run; ``None`` for work limits alone.
        zero: Columns to hold at 0.
        start: Columns and values of a known good answer to begin the search with.
    """
    solver = new_solver(limits, time_limit_s=time_limit_s)
    if solver.passModel(compiled.lp) == highspy.HighsStatus.kError:
        return Solution(Verdict.ODD, "model refused", np.empty(0), float("nan"))
    solver.changeColsBounds(len(zero), zero, np.zeros(len(zero)), np.zeros(len(zero)))
    if start is not None:
        columns, values = start
        solver.setSolution(len(columns), columns, values)
    solver.run()
    return solution_of(solver, is_mip=compiled.has_integers)


_STOPPED = frozenset(
    {
        highspy.HighsModelStatus.kTimeLimit,
        highspy.HighsModelStatus.kIterationLimit,
        highspy.HighsModelStatus.kSolutionLimit,
        highspy.HighsModelStatus.kInterrupt,
    }
)


def solution_of(solver: highspy.Highs, *, is_mip: bool) -> Solution:
    """What the last run of ``solver`` ended with."""
    status = solver.getModelStatus()
    word = solver.modelStatusToString(status).lower()
    info = solver.getInfo()
    feasible = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    values = np.array(solver.getSolution().col_value, dtype=np.float64) if feasible else np.empty(0)
    if values.size and not np.isfinite(values).all():
        return Solution(Verdict.ODD, f"{word}, values not finite", np.empty(0), float("nan"))
    if status == highspy.HighsModelStatus.kOptimal and feasible:
        return Solution(Verdict.OPTIMAL, word, values, float(info.mip_gap) if is_mip else 0.0)
    if status == highspy.HighsModelStatus.kInfeasible:
        return Solution(Verdict.INFEASIBLE, word, np.empty(0), float("nan"))
    if status in _STOPPED:
        return Solution(Verdict.STOPPED, word, values, float(info.mip_gap) if is_mip and feasible else float("nan"))
    return Solution(Verdict.ODD, word, np.empty(0), float("nan"))
