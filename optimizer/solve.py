"""Runs matrices in HiGHS within work limits, every option probed.

Every option is set on a bare solver whose answer is looked at: an unknown one must not pass in silence.
"""

from dataclasses import dataclass, field
from enum import StrEnum

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from optimizer.limits import WorkLimits
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
    """A dispatch model as HiGHS takes it, whoever built it.

    Attributes:
        integers: Columns of on/off variables.
        calls: The same by block and event interval, -1 where there is none, shape (n, T).
        shortfall: Columns of the missing response, shape (T,).
        response: Response of resource ``i`` in interval ``t`` is row ``i * H + t`` times the columns' values.
        constant_kw: Plus this, shape (N, H).
        cost: Objective per column, CNY.
        rows: Where the rows of the target, the rebound cap and the nodes stand, by name.
    """

    lp: highspy.HighsLp
    integers: NDArray[np.int32]
    calls: NDArray[np.int32]
    shortfall: NDArray[np.int32]
    response: sparse.csr_array
    constant_kw: Series
    cost: Series
    rows: "CouplingRows"

    @property
    def has_integers(self) -> bool:
        """Whether any column is integer."""
        return self.integers.size > 0

    def objective(self, values: Series) -> float:
        """Cost of a solution, CNY."""
        return float(self.cost @ values) + float(self.lp.offset_)

    def responses_of(self, values: Series) -> Series:
        """Responses of all resources, shape (N, H), from a solution's column ``values``."""
        flat: Series = self.response @ values
        return self.constant_kw + flat.reshape(self.constant_kw.shape)


@dataclass(frozen=True, slots=True, eq=False)
class CouplingRows:
    """Row numbers: ``target`` of shape (T,), ``rebound`` (R,), ``nodes`` with ``node`` and ``interval``, (D,) each."""

    target: NDArray[np.int32]
    rebound: NDArray[np.int32]
    nodes: NDArray[np.int32]
    node: NDArray[np.intp]
    interval: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """What came back.

    Attributes:
        status: The solver's own word.
        values: Per column; empty when there is no feasible point.
        gap: Relative optimality gap; 0 for a continuous model solved to the end.
        duals: Per row; empty after a search over integers.
    """

    verdict: Verdict
    status: str
    values: Series
    gap: float
    duals: Series = field(default_factory=lambda: np.empty(0))


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


def run(  # noqa: PLR0913 - all that a run depends on
    compiled: Compiled,
    limits: WorkLimits,
    *,
    time_limit_s: float | None = None,
    fixed: tuple[NDArray[np.int32], Series],
    start: tuple[NDArray[np.int32], Series] | None = None,
    relaxed: bool = False,
) -> Solution:
    """Solves once.

    Args:
        compiled: The model.
        limits: Gap, nodes and iterations.
        time_limit_s: Wall-clock limit for this run; ``None`` for work limits alone.
        fixed: Columns to hold, and at which values.
        start: Columns and values of a known good answer to begin the search with.
        relaxed: Leave integrality out.
    """
    solver = new_solver(limits, time_limit_s=time_limit_s)
    set_option(solver, "solve_relaxation", value=relaxed)
    if solver.passModel(compiled.lp) == highspy.HighsStatus.kError:
        return Solution(Verdict.ODD, "model refused", np.empty(0), float("nan"))
    columns, values = fixed
    solver.changeColsBounds(len(columns), columns, values, values)
    if start is not None:
        solver.setSolution(len(start[0]), *start)
    solver.run()
    return solution_of(solver, is_mip=compiled.has_integers and not relaxed)


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
        duals = np.empty(0) if is_mip else np.array(solver.getSolution().row_dual, dtype=np.float64)
        return Solution(Verdict.OPTIMAL, word, values, float(info.mip_gap) if is_mip else 0.0, duals)
    if status == highspy.HighsModelStatus.kInfeasible:
        return Solution(Verdict.INFEASIBLE, word, np.empty(0), float("nan"))
    if status in _STOPPED:
        return Solution(Verdict.STOPPED, word, values, float(info.mip_gap) if is_mip and feasible else float("nan"))
    return Solution(Verdict.ODD, word, np.empty(0), float("nan"))
