"""A primal-dual interior-point method (Mehrotra 1992) for the relaxation, on normal equations that know its structure.

It starts with feasible prices and keeps them feasible, so that its dual objective is a true lower bound at every step.
"""

from dataclasses import dataclass

import numpy as np

from optimizer.storage_schedule.normal_equations import NormalEquations
from optimizer.storage_schedule.relaxation import Relaxation
from vpp.domain.flexibility import Series

GAP = 1e-9
RESIDUAL = 1e-10
MOST_ITERATIONS = 80
TO_THE_WALL = 0.9995


@dataclass(slots=True, eq=False)
class _Point:
    """``x`` and its room below ``upper``; prices ``y`` of the rows; ``z``, ``v`` of the two bounds; all but y > 0."""

    x: Series
    room: Series
    y: Series
    z: Series
    v: Series

    @property
    def complementarity(self) -> float:
        return float((self.x * self.z).sum() + (self.room * self.v).sum()) / (2 * self.x.size)


@dataclass(frozen=True, slots=True, eq=False)
class Relaxed:
    """The optimum of a relaxation: columns, their cost, a lower bound on any cost, and steps taken."""

    x: Series
    cost_cny: float
    bound_cny: float
    iterations: int


def solved(program: Relaxation) -> Relaxed | None:
    """The optimum within a relative gap of ``GAP``; ``None`` where the method does not apply or does not converge.

    It needs room between the bounds of every column, and does not converge where nothing is feasible.
    """
    if not (program.upper > 0.0).all():
        return None
    point = _start(program)
    scale = 1.0 + float(np.abs(program.right).max())
    for iteration in range(MOST_ITERATIONS):
        missing = program.right - program.times(point.x)
        cost = float((program.cost * point.x).sum())
        bound = float((program.right * point.y).sum() - (program.upper * point.v).sum())
        if not np.isfinite(cost + bound):
            return None
        if abs(cost - bound) <= GAP * (1.0 + abs(cost)) and np.abs(missing).max() <= RESIDUAL * scale:
            return Relaxed(point.x, cost, bound, iteration)
        if not _advance(program, point, missing):
            return None
    return None


def _start(program: Relaxation) -> _Point:
    """The middle of the bounds, and prices halfway between buying and selling with bounds' prices to match."""
    y = np.zeros_like(program.right)
    y[-1] = 0.5 * (program.cost[-2] - program.cost[-1])
    reduced = program.cost - program.transposed_times(y)
    z = np.maximum(reduced, 0.0) + max(float(np.abs(program.cost).max()), 1e-6)
    x = 0.5 * program.upper
    return _Point(x, program.upper - x, y, z, z - reduced)


def _advance(program: Relaxation, point: _Point, missing: Series) -> bool:
    """One predictor and corrector step; ``False`` where the equations cannot be factored."""
    weight = 1.0 / (point.z / point.x + point.v / point.room)
    equations = NormalEquations.factored(program, weight)
    if equations is None:
        return False
    unpriced = program.cost - program.transposed_times(point.y) - point.z + point.v
    lower, upper = -point.x * point.z, -point.room * point.v

    def newton(lower: Series, upper: Series) -> tuple[Series, Series, Series, Series]:
        pull = unpriced - lower / point.x + upper / point.room
        dy = equations.solved(missing + program.times(weight * pull))
        dx = weight * (program.transposed_times(dy) - pull)
        return dx, dy, (lower - point.z * dx) / point.x, (upper + point.v * dx) / point.room

    dx, _, dz, dv = newton(lower, upper)
    primal, dual = _steps(point, dx, dz, dv)
    now = point.complementarity
    ahead = ((point.x + primal * dx) * (point.z + dual * dz)).sum()
    ahead += ((point.room - primal * dx) * (point.v + dual * dv)).sum()
    aim = now * (float(ahead) / (2 * dx.size) / now) ** 3
    dx, dy, dz, dv = newton(lower + aim - dx * dz, upper + aim + dx * dv)
    primal, dual = (min(1.0, TO_THE_WALL * step) for step in _steps(point, dx, dz, dv))
    point.x, point.room = point.x + primal * dx, point.room - primal * dx
    point.y, point.z, point.v = point.y + dual * dy, point.z + dual * dz, point.v + dual * dv
    return True


def _steps(point: _Point, dx: Series, dz: Series, dv: Series) -> tuple[float, float]:
    """The longest steps of ``x`` and of the prices that leave everything positive, up to 1 / TO_THE_WALL."""
    primal = max(float((-dx / point.x).max()), float((dx / point.room).max()), TO_THE_WALL)
    dual = max(float((-dz / point.z).max()), float((-dv / point.v).max()), TO_THE_WALL)
    return 1.0 / primal, 1.0 / dual
