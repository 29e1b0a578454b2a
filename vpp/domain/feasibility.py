"""Checks a dispatch plan against its problem in plain arithmetic, whoever made the plan, before any command leaves.

Nothing here is shared with the optimiser: states are rebuilt from the responses alone. A limit counts as kept when it
is exceeded by no more than ``TOLERANCE_KW`` (1 W) or ``TOLERANCE_KWH`` (1 Wh); a temperature by ``TOLERANCE_K``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.dispatch import DispatchPlan, DispatchProblem
from vpp.domain.flexibility import Series
from vpp.domain.kind_limits import check_kinds
from vpp.domain.plan_sums import PlanSums, plan_sums
from vpp.domain.violations import (
    MOST_REPORTED,
    TOLERANCE_K,
    TOLERANCE_KW,
    TOLERANCE_KWH,
    Report,
    Violation,
)

__all__ = ["TOLERANCE_K", "TOLERANCE_KW", "TOLERANCE_KWH", "Violation", "check_columns", "check_plan"]

Z_95 = NormalDist().inv_cdf(0.95)


@dataclass(frozen=True, slots=True, eq=False)
class Promises:
    """What a plan says of itself, in kW; ``None`` where it says nothing.

    Attributes:
        shortfall, delivery_mean, delivery_q05: Shape (T,).
        rebound: Excess above the cap, shape (R,).
    """

    shortfall: Series | None = None
    rebound: Series | None = None
    delivery_mean: Series | None = None
    delivery_q05: Series | None = None


def check_plan(problem: DispatchProblem, plan: DispatchPlan) -> tuple[Violation, ...]:
    """The limits that ``plan`` breaks, as ``check_columns``; empty when it is feasible.

    A plan whose responses are missing, of the wrong length or not finite is reported for that alone. What it says of
    its delivery is checked when it says it for each interval of the event.
    """
    malformed = tuple(_malformed(problem, plan))
    if malformed:
        return malformed
    columns = columns_of(problem)
    rows = [plan.response_kw[name] for name in columns.ids]
    response_kw = np.array(rows, dtype=np.float64).reshape(columns.count, columns.intervals)
    event = (columns.event_intervals,)
    promises = Promises(
        plan.shortfall_kw,
        plan.rebound_excess_kw,
        plan.delivery_mean_kw if np.shape(plan.delivery_mean_kw) == event else None,
        plan.delivery_q05_kw if np.shape(plan.delivery_q05_kw) == event else None,
    )
    return _check(columns, response_kw, promises)


def check_columns(
    columns: DispatchColumns,
    response_kw: Series,
    *,
    shortfall_kw: Series | None = None,
    rebound_excess_kw: Series | None = None,
) -> tuple[Violation, ...]:
    """The limits that the responses break: the first interval of each limit of each resource and node.

    No more than ``MOST_REPORTED`` violations of resources and as many of nodes are reported. Responses that are not
    finite are reported for that alone.

    Args:
        columns: The problem, sound in itself.
        response_kw: Shape (N, H).
        shortfall_kw: What the plan says it misses, shape (T,); not checked when ``None``.
        rebound_excess_kw: What the plan says of its rebound, shape (R,); not checked when ``None``.
    """
    return _check(columns, response_kw, Promises(shortfall_kw, rebound_excess_kw))


def _check(columns: DispatchColumns, response_kw: Series, promises: Promises) -> tuple[Violation, ...]:
    expected = (columns.count, columns.intervals)
    if response_kw.shape != expected:
        return (Violation("plan", "length", None, f"plan has responses of shape {response_kw.shape} for {expected}"),)
    report = Report(columns.ids, columns.grid)
    if not np.isfinite(response_kw).all():
        _not_finite(response_kw, report)
        return tuple(report.violations)
    check_kinds(columns, response_kw, report)
    sums = plan_sums(columns, response_kw)
    return (*report.violations, *_nodes(columns, sums), *_promises(columns, sums, promises))


def _malformed(problem: DispatchProblem, plan: DispatchPlan) -> Iterator[Violation]:
    known = {resource.id for resource in problem.resources}
    for resource_id in sorted(plan.response_kw.keys() - known):
        yield Violation(f"resource:{resource_id}", "unknown", None, f"resource {resource_id!r} is not in the problem")
    for resource_id in sorted(known):
        if resource_id not in plan.response_kw:
            text = f"resource {resource_id!r} has no response in the plan"
            yield Violation(f"resource:{resource_id}", "missing", None, text)
        elif np.shape(plan.response_kw[resource_id]) != (problem.grid.count,):
            found = np.size(plan.response_kw[resource_id])
            text = f"resource {resource_id!r}: {found} responses for {problem.grid.count} intervals"
            yield Violation(f"resource:{resource_id}", "length", None, text)


def _not_finite(response_kw: Series, report: Report) -> None:
    wrong = ~np.isfinite(response_kw)
    for row in np.flatnonzero(wrong.any(axis=1))[: report.room].tolist():
        at = int(np.argmax(wrong[row]))
        report.add(row, "finite", at, f"response {response_kw[row, at]} kW is not finite")


def _nodes(columns: DispatchColumns, sums: PlanSums) -> Iterator[Violation]:
    nodes, flow_kw = columns.nodes, sums.node_flow_kw
    import_kw = np.maximum(nodes.import_limit_kw, nodes.forecast_kw)
    export_kw = np.minimum(-nodes.export_limit_kw, nodes.forecast_kw)
    over, under = flow_kw - import_kw > TOLERANCE_KW, export_kw - flow_kw > TOLERANCE_KW
    for m in np.flatnonzero((over | under).any(axis=1))[:MOST_REPORTED].tolist():
        for limit, broken, bound_kw in (("import", over[m], import_kw[m]), ("export", under[m], export_kw[m])):
            if broken.any():
                at = int(np.argmax(broken))
                beyond = f"net flow {flow_kw[m, at]:.3f} kW beyond its {limit} limit of {bound_kw[at] + 0.0:.3f} kW"
                text = f"node {nodes.ids[m]!r}: {beyond} at {columns.grid.clock(at)}"
                yield Violation(f"node:{nodes.ids[m]}", limit, at, text)


def _promises(columns: DispatchColumns, sums: PlanSums, promises: Promises) -> Iterator[Violation]:
    """What the plan says about itself must follow from its responses."""
    event = columns.event_intervals
    covered_kw = sums.mean_kw - NormalDist().inv_cdf(columns.coverage) * sums.sd_kw
    true = (
        ("shortfall", promises.shortfall, np.maximum(columns.target_kw - covered_kw, 0.0), 0),
        ("rebound", promises.rebound, np.maximum(-sums.total_kw[event:] - columns.rebound_cap_kw, 0.0), event),
        ("delivery_mean", promises.delivery_mean, sums.mean_kw, 0),
        ("delivery_q05", promises.delivery_q05, sums.mean_kw - Z_95 * sums.sd_kw, 0),
    )
    for limit, claimed_kw, true_kw, offset in true:
        if claimed_kw is None:
            continue
        if np.shape(claimed_kw) != true_kw.shape:
            text = f"plan states {np.size(claimed_kw)} {limit} figures for {true_kw.size}"
            yield Violation("plan", limit, None, text)
            continue
        broken = ~(np.abs(claimed_kw - true_kw) <= TOLERANCE_KW)
        if broken.any():
            at = int(np.argmax(broken))
            stated = f"plan states {limit} {claimed_kw[at]:.3f} kW, its responses give {true_kw[at]:.3f} kW"
            yield Violation("plan", limit, at + offset, f"{stated} at {columns.grid.clock(at + offset)}")
