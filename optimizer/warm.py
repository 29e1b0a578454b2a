"""Pays once for what the first plan of a process would otherwise pay: loading Pyomo's compilers and HiGHS."""

from datetime import UTC, datetime

import numpy as np

from optimizer.plan import plan_dispatch
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block
from vpp.domain.timegrid import TimeGrid


def warm_up() -> None:
    """Solves the smallest problem that goes through every stage."""
    one = np.ones(1)
    block = Block(one, one, 1.0, 0.0, min_run=1, max_run=1, max_calls=1)
    problem = DispatchProblem(
        grid=TimeGrid(datetime(2026, 1, 1, tzinfo=UTC), 1),
        event_intervals=1,
        target_kw=one,
        rebound_cap_kw=np.zeros(0),
        resources=(DispatchResource("resource", "node", one, block),),
        nodes=(DispatchNode("node", None, one, 2 * one, one),),
    )
    plan_dispatch(problem, method="exact")
