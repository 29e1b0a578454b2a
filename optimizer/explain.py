"""Says which limits stop a plan from reaching more, and why each resource is used or not.

Reason codes: ``cheaper`` used, because it costs less than what is left over; ``min-run`` used because its call may not
end yet; ``reserve`` held back; ``unavailable`` offers nothing in the event; ``limit:<node>`` not used because that node
is at its limit; ``not-needed`` not used because cheaper ones sufficed, or because it does not fit what is left.
"""

import numpy as np

from optimizer.kinds import Flags
from optimizer.problem import ProblemArrays
from vpp.domain.dispatch import BindingLimit
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL

NEAR_KW = 1.0
NOTHING_KW = 1e-3


def binding_limits(arrays: ProblemArrays, response_kw: Series, ceiling_kw: Series) -> tuple[BindingLimit, ...]:
    """The limits that stop more response, most important first; never empty where a shortfall is passed in.

    Args:
        arrays: The problem.
        response_kw: The largest reachable answer, shape (N, H).
        ceiling_kw: Largest expected response that may be committed, shape (T,).
    """
    event = arrays.event_intervals
    expected_kw = arrays.delivery @ response_kw[:, :event]
    short = arrays.problem.target_kw - expected_kw > NOTHING_KW
    found = [*_capability(arrays, short), *_reserve(arrays, expected_kw, ceiling_kw, short)]
    found += _nodes(arrays, response_kw)
    if not found:
        found = _own_limits(arrays, response_kw, short)
    return tuple(found)


def reasons(arrays: ProblemArrays, response_kw: Series) -> dict[str, str]:
    """One reason code per resource id."""
    event = arrays.event_intervals
    used: Flags = np.asarray((np.abs(response_kw) > NOTHING_KW).any(axis=1))
    nothing: Flags = np.asarray((arrays.most_kw[:, :event] <= NOTHING_KW).all(axis=1))
    forced = np.zeros(len(used), dtype=np.bool_)
    forced[arrays.block.index] = arrays.block.must_run.any(axis=1)
    full = _full_nodes(arrays, response_kw)
    codes: dict[str, str] = {}
    for i, resource in enumerate(arrays.problem.resources):
        if resource.reserved:
            codes[resource.id] = "reserve"
        elif used[i]:
            codes[resource.id] = "min-run" if forced[i] else "cheaper"
        elif nothing[i]:
            codes[resource.id] = "unavailable"
        else:
            codes[resource.id] = f"limit:{full[i]}" if i in full else "not-needed"
    return codes


def clock(arrays: ProblemArrays, interval: int) -> str:
    """Local time at which an interval starts, as people read it."""
    return f"{(arrays.problem.grid.start + interval * INTERVAL).astimezone(DISTRICT_ZONE):%H:%M}"


def _reserve(arrays: ProblemArrays, expected_kw: Series, ceiling_kw: Series, short: Flags) -> list[BindingLimit]:
    found = []
    reachable_kw = arrays.reachable_kw
    for t in np.flatnonzero(short & (expected_kw >= ceiling_kw - NEAR_KW - _largest_step(arrays))).tolist():
        text = (
            f"reserve: {100 * arrays.problem.reserve_fraction:g} % of {reachable_kw[t]:.0f} kW reachable is held back, "
            f"so that at most {ceiling_kw[t]:.0f} kW of {arrays.problem.target_kw[t]:.0f} kW may be committed at "
            f"{clock(arrays, t)}"
        )
        found.append(BindingLimit("reserve", t, text))
    return found


def _largest_step(arrays: ProblemArrays) -> float:
    """Blocks come whole: a ceiling binds although up to one block's response is left below it."""
    minimum = arrays.block.minimum_kw[arrays.block.minimum_kw > 0]
    return float(minimum.min()) if minimum.size else 0.0


def _nodes(arrays: ProblemArrays, response_kw: Series) -> list[BindingLimit]:
    found = []
    for m, node in enumerate(arrays.problem.nodes):
        members = arrays.members[m]
        if not _could_give_more(arrays, response_kw, members):
            continue
        flow_kw = response_kw[members].sum(axis=0)
        at_import = (flow_kw <= arrays.node_least_kw[m] + NEAR_KW) & (
            arrays.least_kw[members].sum(axis=0) < arrays.node_least_kw[m]
        )
        at_export = (flow_kw >= arrays.node_most_kw[m] - NEAR_KW) & (
            arrays.most_kw[members].sum(axis=0) > arrays.node_most_kw[m]
        )
        for name, bound, at_limit in (
            ("import", node.import_limit_kw, at_import),
            ("export", node.export_limit_kw, at_export),
        ):
            for t in np.flatnonzero(at_limit)[:1].tolist():
                text = f"node {node.id}: {name} limit {bound[t]:.0f} kW binds at {clock(arrays, t)}"
                found.append(BindingLimit(f"node:{node.id}:{name}", t, text))
    return found


def _could_give_more(arrays: ProblemArrays, response_kw: Series, members: np.ndarray) -> bool:
    event = arrays.event_intervals
    open_members = members[~arrays.held[members]]
    return bool((response_kw[open_members, :event] < arrays.most_kw[open_members, :event] - NEAR_KW).any())


def _capability(arrays: ProblemArrays, short: Flags) -> list[BindingLimit]:
    reachable_kw = arrays.reachable_kw
    beyond = short & (reachable_kw < arrays.problem.target_kw - NOTHING_KW)
    return [
        BindingLimit(
            "capability",
            t,
            f"capability: all resources together reach at most {reachable_kw[t]:.0f} kW of "
            f"{arrays.problem.target_kw[t]:.0f} kW at {clock(arrays, t)}",
        )
        for t in np.flatnonzero(beyond).tolist()
    ]


def _own_limits(arrays: ProblemArrays, response_kw: Series, short: Flags) -> list[BindingLimit]:
    """Energy, temperature and run limits over several intervals, as what each kind leaves unused."""
    event = arrays.event_intervals
    found = []
    for name, kind in (
        ("curtailable", arrays.curtailable),
        ("block", arrays.block),
        ("charging", arrays.charging),
        ("cooling", arrays.cooling),
        ("storage", arrays.storage),
    ):
        unused_kw = (arrays.most_kw[kind.index, :event] - response_kw[kind.index, :event]) * short
        total_kw = np.maximum(unused_kw, 0.0).sum(axis=0)
        t = int(np.argmax(total_kw))
        if total_kw[t] > NEAR_KW:
            what = _OWN_LIMITS[name]
            text = f"{name}: {what} keep {total_kw[t]:.0f} kW from being used at {clock(arrays, t)}"
            found.append((total_kw[t], BindingLimit(f"kind:{name}", t, text)))
    return [limit for _, limit in sorted(found, key=lambda pair: -pair[0])]


_OWN_LIMITS = {
    "curtailable": "energy budgets",
    "block": "run lengths, calls and block sizes",
    "charging": "promised energies",
    "cooling": "temperature bands and payback",
    "storage": "states of charge",
}


def _full_nodes(arrays: ProblemArrays, response_kw: Series) -> dict[int, str]:
    full: dict[int, str] = {}
    for limit in _nodes(arrays, response_kw):
        node_id = limit.name.removeprefix("node:").rpartition(":")[0]
        position = next(m for m, node in enumerate(arrays.problem.nodes) if node.id == node_id)
        for i in arrays.members[position].tolist():
            full.setdefault(i, node_id)
    return full
