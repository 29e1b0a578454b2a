"""Takes a Pyomo model apart into the matrices that HiGHS wants.

Pyomo's own HiGHS interfaces pass rows one by one through Python and accept unknown options without a word. Here the
model leaves Pyomo through its standard-form compiler.
"""

from typing import Any

import highspy
import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from optimizer.aim import Aim
from optimizer.formulation.linear import Responses, Variables
from optimizer.model import dispatch_model
from optimizer.problem import ProblemArrays
from optimizer.solve import Compiled, CouplingRows


def reference_model(
    arrays: ProblemArrays, aim: Aim, *, shortfall_price: float, exclusive: frozenset[int] = frozenset()
) -> Compiled:
    """The readable Pyomo model of ``arrays``, compiled; arguments as ``optimizer.direct.direct_model``."""
    model = dispatch_model(arrays, aim, shortfall_price=shortfall_price, exclusive=exclusive)
    lp, column = matrices_of(model.pyomo)
    integers = [at for at, kind in enumerate(lp.integrality_) if kind == highspy.HighsVarType.kInteger]
    order = arrays.block.index.tolist()
    calls = [_columns(column, model.responses.binaries[i]) for i in order]
    none = np.zeros(0, dtype=np.int32)
    return Compiled(
        lp,
        np.array(integers, dtype=np.int32),
        np.array(calls, dtype=np.int32).reshape(len(order), arrays.event_intervals),
        _columns(column, model.shortfall),
        _responses(model.responses, column, lp.num_col_),
        model.responses.constant_kw,
        np.array(lp.col_cost_),
        # Its rows go by Pyomo's names; prices are taken from the direct model.
        CouplingRows(none, none, none, none.astype(np.intp), none.astype(np.intp)),
    )


def matrices_of(model: pyo.ConcreteModel) -> tuple[highspy.HighsLp, dict[int, int]]:
    """A linear Pyomo model as HiGHS takes it, and the column of each variable by ``id``."""
    form: Any = LinearStandardFormCompiler().write(model, mixed_form=True)
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(form.columns), len(form.rows)
    lower = [variable.lb for variable in form.columns]
    upper = [variable.ub for variable in form.columns]
    lp.col_cost_, lp.offset_ = np.asarray(form.c.toarray()).ravel(), float(form.c_offset[0])
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
    return lp, {id(variable): k for k, variable in enumerate(form.columns)}


def _columns(column: dict[int, int], variables: Variables) -> NDArray[np.int32]:
    """Column of each variable, same shape; -1 for one that no row and no cost mentions."""
    flat = [column.get(id(variable), -1) for variable in variables.ravel()]
    return np.array(flat, dtype=np.int32).reshape(variables.shape)


def _responses(responses: Responses, column: dict[int, int], columns: int) -> sparse.csr_array:
    rows, cols, values = [], [], []
    cell = 0
    for series in responses.terms:
        for terms in series:
            for coefficient, variable in terms:
                at = column.get(id(variable), -1)
                if at >= 0:
                    rows.append(cell)
                    cols.append(at)
                    values.append(coefficient)
            cell += 1
    return sparse.csr_array((values, (rows, cols)), shape=(cell, columns), dtype=np.float64)
