"""Solves ``A D A' y = f`` for a diagonal ``D`` in time proportional to ``n H^2``, as this ``A`` allows.

A battery's rows only touch each other from one interval to the next: their block is tridiagonal, and all batteries
together are one tridiagonal system. What is left are the ``H`` rows of the connection with a dense Schur complement,
``diag(g) - sum_i K_i M_i^-1 K_i``: ``M_i`` is the block of battery ``i`` and ``K_i`` the diagonal that couples its rows
with the connection's. The inverse of a tridiagonal matrix follows row by row from its factors, so that no battery's
inverse is ever kept.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dpttrf, dpttrs

from optimizer.storage_schedule.relaxation import Relaxation
from vpp.domain.flexibility import Series

REGULARISATION = 1e-13


@dataclass(frozen=True, slots=True, eq=False)
class NormalEquations:
    """The factors of the batteries' tridiagonal rows, (n H,) and (n H - 1,), and of the connection's rows, (H, H)."""

    pivots: Series
    multipliers: Series
    coupling: Series
    connection: Series

    @classmethod
    def factored(cls, program: Relaxation, weight: Series) -> Self | None:
        """The factors for ``D = diag(weight)``, shape (3 n + 2, H); ``None`` where they are not positive definite."""
        n, stored, drawn = program.count, program.stored_kwh, program.drawn_kwh
        charge, discharge, soc = weight[:n], weight[n : 2 * n], weight[2 * n : 3 * n]
        main = soc + stored * stored * charge + drawn * drawn * discharge
        main[:, 1:] += soc[:, :-1]
        beside = -soc
        beside[:, -1] = 0.0
        pivots, multipliers, wrong = dpttrf(main.ravel(), beside.ravel()[:-1])
        if wrong:
            return None
        coupling = stored * charge + drawn * discharge
        complement = -_coupled(pivots.reshape(main.shape), np.append(multipliers, 0.0).reshape(main.shape), coupling)
        at = np.arange(main.shape[1])
        whole = weight[3 * n :].sum(axis=0) + charge.sum(axis=0) + discharge.sum(axis=0)
        complement[at, at] += whole * (1.0 + REGULARISATION)
        connection, wrong = dpotrf(complement, lower=0, clean=0)
        return None if wrong else cls(pivots, multipliers, coupling, connection)

    def solved(self, right: Series) -> Series:
        """``y`` for the right-hand side ``right``, both of shape (n + 1, H)."""
        alone = self._batteries(right[:-1])
        price, _ = dpotrs(self.connection, right[-1] - (self.coupling * alone).sum(axis=0), lower=0)
        return np.vstack([self._batteries(right[:-1] - self.coupling * price), price])

    def _batteries(self, right: Series) -> Series:
        found, _ = dpttrs(self.pivots, self.multipliers, right.reshape(-1))
        return np.asarray(found.reshape(right.shape))


def _coupled(pivots: Series, multipliers: Series, coupling: Series) -> Series:
    """Upper triangle of ``sum_i K_i M_i^-1 K_i``, shape (H, H); the arguments have shape (n, H).

    With ``M = L P L'``, ``L`` unit bidiagonal with ``l`` below its diagonal, ``M^-1[i, j] = -l_i M^-1[i + 1, j]`` for
    ``i < j`` and ``M^-1[i, i] = 1 / p_i + l_i^2 M^-1[i + 1, i + 1]``.
    """
    intervals = pivots.shape[1]
    inverse, step, weight = (np.ascontiguousarray(part.T) for part in (1.0 / pivots, -multipliers, coupling))
    found = np.zeros((intervals, intervals))
    row = np.zeros((intervals, pivots.shape[0]))
    diagonal = np.zeros(pivots.shape[0])
    for i in range(intervals - 1, -1, -1):
        row[i + 1 :] *= step[i]
        diagonal = inverse[i] + step[i] * step[i] * diagonal
        np.multiply(diagonal, weight[i], out=row[i])
        found[i, i:] = row[i:] @ weight[i]
    return found
