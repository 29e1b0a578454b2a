"""Turns a dispatch problem into arrays, once: everything behind this module works on numpy arrays only.

Resources held back as reserve are left out, so that no method can use them by mistake. ``n`` is the number of
resources of a kind, ``N`` of all resources, ``M`` of nodes, ``T`` of event intervals and ``H`` of all intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from optimizer.kinds import BlockArrays, ChargingArrays, CoolingArrays, CurtailableArrays, Index, StorageArrays
from vpp.domain.dispatch import DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Series, Storage

K = TypeVar("K", Curtailable, Block, Charging, Cooling, Storage)


@dataclass(frozen=True, slots=True, eq=False)
class ProblemArrays:
    """A dispatch problem as arrays.

    Attributes:
        problem: Where the arrays come from.
        forecast_kw: Shape (N, H).
        delivery: Expected over asked response, shape (N,).
        held: Whether a resource is held back as reserve, shape (N,).
        least_kw: Lower bound of each response, taken alone, shape (N, H).
        most_kw: Upper bound of each response, taken alone, shape (N, H).
        members: Per node the indices of the resources below it, itself included.
        node_least_kw: Smallest summed response that the import limit allows, <= 0, shape (M, H).
        node_most_kw: Largest summed response that the export limit allows, >= 0, shape (M, H).
        levels: Node indices from the leaves to the roots.
    """

    problem: DispatchProblem
    forecast_kw: Series
    delivery: Series
    held: NDArray[np.bool_]
    curtailable: CurtailableArrays
    block: BlockArrays
    charging: ChargingArrays
    cooling: CoolingArrays
    storage: StorageArrays
    least_kw: Series
    most_kw: Series
    members: tuple[Index, ...]
    node_least_kw: Series
    node_most_kw: Series
    levels: tuple[int, ...]

    @property
    def event_intervals(self) -> int:
        """Number of event intervals, T."""
        return self.problem.event_intervals

    @property
    def intervals(self) -> int:
        """Number of all intervals, H."""
        return self.problem.grid.count

    @property
    def reachable_kw(self) -> Series:
        """Expected response if every resource gave its most in that interval alone, shape (T,).

        An upper bound: energy limits over several intervals and node limits are left out on purpose, so that the
        figure is the same for every method.
        """
        return np.asarray(self.delivery @ np.maximum(self.most_kw[:, : self.event_intervals], 0.0))


def problem_arrays(problem: DispatchProblem) -> ProblemArrays:
    """The arrays of ``problem``, which must have passed ``optimizer.validate.check_problem``."""
    resources = problem.resources
    event, count = problem.event_intervals, problem.grid.count
    forecast_kw = _stack([r.forecast_kw for r in resources], count)
    kinds = (
        CurtailableArrays.of(*_pick(resources, Curtailable), event, count),
        BlockArrays.of(*_pick(resources, Block), event, count),
        ChargingArrays.of(*_pick(resources, Charging), forecast_kw),
        CoolingArrays.of(*_pick(resources, Cooling), event, count),
        StorageArrays.of(*_pick(resources, Storage), forecast_kw),
    )
    least_kw, most_kw = np.zeros_like(forecast_kw), np.zeros_like(forecast_kw)
    for kind in kinds:
        least_kw[kind.index], most_kw[kind.index] = kind.response_bounds()
    members = _members(problem)
    node_forecast_kw = _stack([node.forecast_kw for node in problem.nodes], count)
    import_kw = _stack([node.import_limit_kw for node in problem.nodes], count)
    export_kw = _stack([node.export_limit_kw for node in problem.nodes], count)
    return ProblemArrays(
        problem,
        forecast_kw,
        np.array([r.delivery_fraction for r in resources], dtype=np.float64),
        np.array([r.reserved for r in resources], dtype=np.bool_),
        *kinds,
        least_kw,
        most_kw,
        members,
        np.minimum(node_forecast_kw - import_kw, 0.0),
        np.maximum(node_forecast_kw + export_kw, 0.0),
        _levels(problem),
    )


def _stack(rows: Sequence[Series], width: int) -> Series:
    return np.array(rows, dtype=np.float64) if rows else np.zeros((0, width))


def _pick(resources: Sequence[DispatchResource], kind: type[K]) -> tuple[Index, list[K]]:
    found = [(i, r.flexibility) for i, r in enumerate(resources) if isinstance(r.flexibility, kind) and not r.reserved]
    return np.array([i for i, _ in found], dtype=np.intp), [f for _, f in found]


def _levels(problem: DispatchProblem) -> tuple[int, ...]:
    parents = {node.id: node.parent_id for node in problem.nodes}

    def depth(position: int) -> int:
        steps, above = 0, problem.nodes[position].parent_id
        while above is not None:
            steps, above = steps + 1, parents[above]
        return steps

    return tuple(sorted(range(len(problem.nodes)), key=depth, reverse=True))


def _members(problem: DispatchProblem) -> tuple[Index, ...]:
    position = {node.id: m for m, node in enumerate(problem.nodes)}
    below: list[list[int]] = [[] for _ in problem.nodes]
    for i, resource in enumerate(problem.resources):
        at: str | None = resource.node_id
        while at is not None:
            below[position[at]].append(i)
            at = problem.nodes[position[at]].parent_id
    return tuple(np.array(rows, dtype=np.intp) for rows in below)
