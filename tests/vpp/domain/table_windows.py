"""One cell of a capability table as a dispatch problem of its own, and what is held there as a plan for it.

Before the window nothing is called: buildings drift back, batteries follow their schedule, cars charge freely.
"""

from dataclasses import replace

import numpy as np

from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.holding import Held
from vpp.domain.timegrid import INTERVAL, INTERVAL_H, TimeGrid


def window_problem(problem: DispatchProblem, start: int, length: int, target_kw: float = 0.0) -> DispatchProblem:
    """The window ``[start, start + length)`` with its recovery, at which ``target_kw`` is asked for."""
    recovery = problem.grid.count - problem.event_intervals
    cut = slice(start, start + length + recovery)
    return replace(
        problem,
        grid=TimeGrid(problem.grid.start + start * INTERVAL, length + recovery),
        event_intervals=length,
        target_kw=np.full(length, target_kw),
        rebound_cap_kw=np.full(recovery, 1e9),
        resources=tuple(_cut(resource, start, cut, length) for resource in problem.resources),
        nodes=tuple(_cut_node(node, cut) for node in problem.nodes),
    )


def _cut_node(node: DispatchNode, cut: slice) -> DispatchNode:
    return replace(
        node,
        forecast_kw=node.forecast_kw[cut],
        import_limit_kw=node.import_limit_kw[cut],
        export_limit_kw=node.export_limit_kw[cut],
    )


def _cut(resource: DispatchResource, start: int, cut: slice, length: int) -> DispatchResource:
    before_kw = resource.forecast_kw[:start]
    return replace(
        resource,
        forecast_kw=resource.forecast_kw[cut],
        flexibility=_cut_flexibility(resource.flexibility, before_kw, cut, length),
    )


def _cut_flexibility(flexibility: Flexibility, before_kw: Series, cut: slice, length: int) -> Flexibility:
    match flexibility:
        case Curtailable() as f:
            return replace(f, segment_1_kw=f.segment_1_kw[cut], segment_2_kw=f.segment_2_kw[cut])
        case Block() as f:
            return replace(
                f,
                available_kw=f.available_kw[cut],
                minimum_kw=f.minimum_kw[cut],
                min_run=min(f.min_run, length),
                running_intervals=0,
            )
        case Cooling() as f:
            theta_k = f.theta_0_k * f.retention ** len(before_kw)
            return replace(f, available_kw=f.available_kw[cut], theta_0_k=theta_k)
        case Storage() as f:
            steps_kwh = f.efficiency * np.maximum(before_kw, 0.0) - np.maximum(-before_kw, 0.0) / f.efficiency
            return replace(f, soc_kwh=f.soc_kwh + float(steps_kwh.sum()) * INTERVAL_H)
        case Charging() as f:
            charged_kwh = float(before_kw.sum()) * INTERVAL_H
            return replace(
                f,
                power_min_kw=f.power_min_kw[cut],
                power_max_kw=f.power_max_kw[cut],
                energy_floor_kwh=np.maximum(f.energy_floor_kwh[cut] - charged_kwh, 0.0),
                energy_ceiling_kwh=f.energy_ceiling_kwh[cut] - charged_kwh,
            )


def whole_response_kw(problem: DispatchProblem, held: Held) -> Series:
    """Responses and paybacks of the first window over a window problem's grid, shape (N, H).

    Charging that was put off comes back until all of it is there.
    """
    event, count = problem.event_intervals, problem.grid.count
    response_kw = np.zeros((len(problem.resources), count))
    response_kw[:, :event] = held.response_kw[:, 0].T
    response_kw[:, event:] = -held.payback_kw[0][:, None]
    for i, resource in enumerate(problem.resources):
        if isinstance(resource.flexibility, Charging):
            owed_kw = response_kw[i, :event].sum() + np.cumsum(response_kw[i, event:]) - response_kw[i, event:]
            response_kw[i, event:] = np.maximum(response_kw[i, event:], -owed_kw)
    return response_kw
