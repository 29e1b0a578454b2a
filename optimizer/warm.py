"""Pays once for what the first plan of a process would otherwise pay: loading solvers and compiled loops."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from optimizer.plan import plan_dispatch
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Storage
from vpp.domain.timegrid import TimeGrid

EVENT, INTERVALS = 2, 3


def warm_up() -> None:
    """Solves small problems that go through every stage of every method."""
    warm_merit_order()
    plan_dispatch(_problem(), method="coordinated")
    plan_dispatch(_problem(), method="exact")


def warm_merit_order() -> None:
    """As much of it as the merit order needs."""
    for target_kw in (3.0, 1000.0):
        plan_dispatch(replace(_problem(), target_kw=np.full(EVENT, target_kw)), method="greedy")


def _problem() -> DispatchProblem:
    """Two resources of each kind below a node that limits them."""
    one, event = np.ones(INTERVALS), np.array([1.0] * EVENT + [0.0] * (INTERVALS - EVENT))
    energy = np.cumsum(one) / 4.0
    kinds: tuple[Flexibility, ...] = (
        Curtailable(event, event, 1.0, 2.0, 0.4),
        Block(event, event, 1.0, 0.1, min_run=1, max_run=2, max_calls=1),
        Charging(0.0 * one, 2.0 * one, energy * np.array([0.0, 0.0, 1.0]), energy + 0.5, 1.0),
        Cooling(event, 1.0, 0.9, 0.5, 1.0, 0.0, 1.0, 0.1),
        Storage(1.0, 2.0, 1.0, 0.2, 0.5, 0.9, 1.0, export_allowed=True),
    )
    resources = [DispatchResource(f"resource-{i}", "node", one, kind) for i, kind in enumerate(kinds * 2)]
    node = DispatchNode("node", None, 4.0 * one, 5.0 * one, one)
    return DispatchProblem(
        grid=TimeGrid(datetime(2026, 1, 1, tzinfo=UTC), INTERVALS),
        event_intervals=EVENT,
        target_kw=3.0 * np.ones(EVENT),
        rebound_cap_kw=np.ones(INTERVALS - EVENT),
        resources=tuple(resources),
        nodes=(node,),
    )


if __name__ == "__main__":
    warm_up()
