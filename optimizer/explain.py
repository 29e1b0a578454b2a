"""Says what one more kW is worth, which limits stop a plan, and why each resource is used or not.

Reason codes (texts in ``vpp.domain.reasons``): ``cheaper`` used, because it costs less than what is left over;
``min-run`` used because its call may not end yet; ``reserve`` held back; ``unavailable`` offers nothing in the event;
``limit:<node>`` worth using but for the limits of that node; ``price`` dearer than the marginal price; ``not-needed``
not used by a method that knows no prices; ``energy`` not used although the target is missed: its energy, its
temperature or its promise leaves nothing that would help.
"""

import numpy as np

from optimizer.cost import energy_worth
from optimizer.found import Found
from optimizer.problem import ProblemArrays
from optimizer.respond.shard import FleetShard, PriceTables, parts_of
from vpp.domain.columns import Flags, Index
from vpp.domain.dispatch import BindingLimit, DispatchPlan, Marginals
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.rows import CodesById

NEAR_KW = 1.0
NOTHING_KW = 1e-3
NOTHING_CNY = 1e-9
MOST_LIMITS = 200


def marginals_of(arrays: ProblemArrays, found: Found) -> Marginals | None:
    """The prices of a search by what they price."""
    if found.prices is None:
        return None
    target, rebound, rows = found.prices
    by_node: dict[str, Series] = {}
    ids = arrays.columns.nodes.ids
    for at in np.flatnonzero(np.abs(rows) > NOTHING_CNY).tolist():
        series = by_node.setdefault(ids[int(found.node_of_row[at])], np.zeros(arrays.intervals))
        series[int(found.interval_of_row[at])] += rows[at]
    return Marginals(np.maximum(target, 0.0), np.maximum(rebound, 0.0), by_node)


def price_limits(arrays: ProblemArrays, marginals: Marginals | None) -> tuple[BindingLimit, ...]:
    """Limits by what one more kW of room would save, the largest first: one per limit, at its dearest interval."""
    if marginals is None:
        return ()
    columns, found = arrays.columns, []
    for t in np.flatnonzero(marginals.target_cny_per_kw > NOTHING_CNY).tolist():
        saved = float(marginals.target_cny_per_kw[t])
        text = f"target: {columns.target_kw[t]:.0f} kW at {columns.grid.clock(t)}, each kW costs {saved:.4f} CNY"
        found.append(BindingLimit("target", t, text, saved))
    found = sorted(found, key=lambda limit: -limit.saves_cny_per_kw)[:1]
    rebound = marginals.rebound_cny_per_kw
    if rebound.max(initial=0.0) > NOTHING_CNY:
        r = int(np.argmax(rebound))
        t = arrays.event_intervals + r
        text = f"rebound: cap of {columns.rebound_cap_kw[r]:.0f} kW binds at {columns.grid.clock(t)}"
        found.append(BindingLimit("rebound", t, text, float(rebound[r])))
    position = {name: m for m, name in enumerate(columns.nodes.ids)}
    for name, series in marginals.node_cny_per_kw.items():
        for high in (True, False):
            worth = -series if high else series
            t = int(np.argmax(worth))
            if worth[t] > NOTHING_CNY:
                found.append(_node_limit(arrays, position[name], t, high=high, saved=float(worth[t])))
    return tuple(sorted(found, key=lambda limit: -limit.saves_cny_per_kw)[:MOST_LIMITS])


def binding_limits(arrays: ProblemArrays, response_kw: Series, plan: DispatchPlan) -> tuple[BindingLimit, ...]:
    """The limits that stop more response, most important first; never empty where a shortfall is passed in.

    Args:
        arrays: The problem.
        response_kw: The largest reachable answer, shape (N, H).
        plan: The same with its figures.
    """
    short = plan.shortfall_kw > NOTHING_KW
    arrays = arrays.unfolded
    found = [*_capability(arrays, short), *_nodes(arrays, response_kw)]
    if plan.marginals is not None:
        saves = {limit.name: limit.saves_cny_per_kw for limit in price_limits(arrays, plan.marginals)}
        found = [BindingLimit(x.name, x.interval, x.text, saves.get(x.name, float("nan"))) for x in found]
    if not found:
        found = _own_limits(arrays, response_kw, short)
    return tuple(found)


def reasons(arrays: ProblemArrays, response_kw: Series, found: Found | None, *, reached: bool) -> CodesById:
    """One reason code per resource id; ``reached`` says whether the target is."""
    columns, event = arrays.columns, arrays.event_intervals
    offers = np.zeros(arrays.count, dtype=np.bool_)
    for kind in arrays.unfolded.kinds:
        offers[kind.index] = (kind.response_bounds()[1][:, :event] > NOTHING_KW).any(axis=1)
    codes = ["price" if found is not None and found.prices is not None else "not-needed"]
    if not reached:
        # Nothing that could help is too dear for a target that is missed.
        codes = ["energy"]
    code_of = np.zeros(arrays.count, dtype=np.intp)

    def mark(which: Flags, code: str) -> None:
        if which.any():
            codes.append(code)
            code_of[which] = len(codes) - 1

    for node, members in _held_by_nodes(arrays, response_kw, found).items():
        mark(_flags(arrays.count, members), f"limit:{columns.nodes.ids[node]}")
    mark(~offers, "unavailable")
    mark(_used(response_kw), "cheaper")
    mark(_flags(arrays.count, arrays.block.index[arrays.block.must_run.any(axis=1)]), "min-run")
    mark(columns.reserved, "reserve")
    return CodesById(columns.ids, codes, code_of.tolist())


def _used(response_kw: Series) -> Flags:
    return np.asarray((np.abs(response_kw) > NOTHING_KW).any(axis=1))


def _flags(count: int, members: Index) -> Flags:
    flags = np.zeros(count, dtype=np.bool_)
    flags[members] = True
    return flags


def _held_by_nodes(arrays: ProblemArrays, response_kw: Series, found: Found | None) -> dict[int, Index]:
    """Unused resources per node whose limits keep them out."""
    unused = ~_used(response_kw)
    if found is not None and found.prices is not None:
        return _priced_out(arrays.unfolded, found, unused)
    held: dict[int, Index] = {}
    position = {name: m for m, name in enumerate(arrays.columns.nodes.ids)}
    for limit in _nodes(arrays.unfolded, response_kw):
        m = position[limit.name.removeprefix("node:").rpartition(":")[0]]
        members = arrays.members(m)
        held.setdefault(m, members[unused[members]])
    return held


def _priced_out(arrays: ProblemArrays, found: Found, unused: Flags) -> dict[int, Index]:
    """Who would be worth calling without the prices of node limits, by the node that costs most."""
    if found.prices is None:
        return {}
    target, rebound, rows = found.prices
    nodes = np.zeros((len(arrays.node_most_kw), arrays.intervals))
    np.add.at(nodes, (found.node_of_row, found.interval_of_row), rows)
    dear = np.flatnonzero((nodes < -NOTHING_CNY).any(axis=1))
    if not dear.size or not unused.any():
        return {}
    worth = energy_worth(arrays).copy()
    worth[arrays.event_intervals :] += rebound
    free = PriceTables(np.tile(target, (max(len(arrays.columns.class_sd), 1), 1)), worth[None, :])
    one = np.zeros(arrays.count, dtype=np.intp)
    parts = parts_of(arrays, one, one)
    shard = FleetShard(list(parts.values()), slots=1, event=arrays.event_intervals, intervals=arrays.intervals)
    wanted = np.zeros(arrays.count, dtype=np.bool_)
    everyone = np.ones(1, dtype=np.bool_)
    for part in parts.values():
        if len(part.index):
            responses = shard.rows(part, free, everyone)
            wanted[part.index] = (responses[:, : arrays.event_intervals] > NOTHING_KW).any(axis=1)
    held: dict[int, Index] = {}
    taken = ~(wanted & unused)
    for m in sorted(dear.tolist(), key=lambda node: float(nodes[node].min())):
        members = arrays.members(m)
        mine = members[~taken[members]]
        if mine.size:
            held[m] = mine
            taken[mine] = True
    return held


def _node_limit(arrays: ProblemArrays, m: int, t: int, *, high: bool, saved: float = float("nan")) -> BindingLimit:
    """The limit of node ``m`` that leaves no room for more response (``high``) or for less."""
    nodes = arrays.columns.nodes
    export = high == (arrays.columns.direction is Direction.CURTAIL)
    name = "export" if export else "import"
    bound_kw = (nodes.export_limit_kw if export else nodes.import_limit_kw)[m, t]
    text = f"node {nodes.ids[m]}: {name} limit {bound_kw:.0f} kW binds at {arrays.columns.grid.clock(t)}"
    return BindingLimit(f"node:{nodes.ids[m]}:{name}", t, text, saved)


def _nodes(arrays: ProblemArrays, response_kw: Series) -> list[BindingLimit]:
    sums_kw = arrays.below @ response_kw
    at_least = (sums_kw <= arrays.node_least_kw + NEAR_KW) & ((arrays.below @ arrays.least_kw) < arrays.node_least_kw)
    at_most = (sums_kw >= arrays.node_most_kw - NEAR_KW) & ((arrays.below @ arrays.most_kw) > arrays.node_most_kw)
    event = arrays.event_intervals
    could = (response_kw[:, :event] < arrays.most_kw[:, :event] - NEAR_KW).any(axis=1) & ~arrays.columns.reserved
    able = (arrays.below @ could.astype(np.float64)) > 0
    found: list[BindingLimit] = []
    for m in np.flatnonzero(able & (at_least | at_most).any(axis=1)).tolist():
        for high, at in ((False, at_least[m]), (True, at_most[m])):
            found.extend(_node_limit(arrays, m, t, high=high) for t in np.flatnonzero(at)[:1].tolist())
    return found


def _capability(arrays: ProblemArrays, short: Flags) -> list[BindingLimit]:
    reachable_kw, columns = arrays.reachable_kw, arrays.columns
    beyond = short & (reachable_kw < columns.target_kw - NOTHING_KW)
    return [
        BindingLimit(
            "capability",
            t,
            f"capability: all resources together reach at most {reachable_kw[t]:.0f} kW of "
            f"{columns.target_kw[t]:.0f} kW at {columns.grid.clock(t)}",
        )
        for t in np.flatnonzero(beyond).tolist()
    ]


def _own_limits(arrays: ProblemArrays, response_kw: Series, short: Flags) -> list[BindingLimit]:
    """Energy, temperature and run limits over several intervals, as what each kind leaves unused."""
    event = arrays.event_intervals
    found = []
    for name, index in zip(_OWN_LIMITS, [kind.index for kind in arrays.kinds], strict=True):
        unused_kw = (arrays.most_kw[index, :event] - response_kw[index, :event]) * short
        total_kw = np.maximum(unused_kw, 0.0).sum(axis=0)
        t = int(np.argmax(total_kw))
        if total_kw[t] > NEAR_KW:
            what = _OWN_LIMITS[name]
            text = f"{name}: {what} keep {total_kw[t]:.0f} kW from being used at {arrays.columns.grid.clock(t)}"
            found.append((total_kw[t], BindingLimit(f"kind:{name}", t, text)))
    if not found and short.any():
        t = int(np.argmax(short))
        clock = arrays.columns.grid.clock(t)
        text = f"coverage: what may not be delivered leaves the target at {clock} less probable than asked"
        return [BindingLimit("coverage", t, text)]
    return [limit for _, limit in sorted(found, key=lambda pair: -pair[0])]


_OWN_LIMITS = {
    "curtailable": "energy budgets",
    "block": "run lengths, calls and block sizes",
    "charging": "promised energies",
    "cooling": "temperature bands and payback",
    "storage": "states of charge",
}
