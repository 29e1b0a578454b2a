"""The network as it stands: the registered tree and limits, with what facts have changed of them.

Everything here follows from the registered fleet and the facts alone, so that a restart sees the same network.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.facts import FeederReassigned, NodeLimitChanged
from vpp.domain.fleet import Fleet, Node
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import DISTRICT_ZONE, TimeGrid

NetworkChange = FeederReassigned | NodeLimitChanged


@dataclass(frozen=True, slots=True)
class NetworkChanges:
    """What has been changed of the registered network, oldest first."""

    told: tuple[NetworkChange, ...] = ()

    def __len__(self) -> int:
        return len(self.told)

    def and_then(self, change: NetworkChange) -> "NetworkChanges":
        """With one more change."""
        return NetworkChanges((*self.told, change))

    def find(self, change_id: str) -> NetworkChange | None:
        """The change of that id."""
        return next((change for change in self.told if change.change_id == change_id), None)

    def tree_of(self, registered: Fleet, at: datetime | None = None) -> Fleet:
        """The registered fleet on the tree as it stood at ``at``, or as it stands now.

        Raises:
            InputError: a change names a node that is not registered (any more).
        """
        parents = {
            change.node_id: change.parent_id
            for change in self.told
            if isinstance(change, FeederReassigned) and (at is None or change.at <= at)
        }
        return registered.with_parents(parents) if parents else registered

    def limits_kw(self, node: Node, grid: TimeGrid) -> tuple[Series, Series]:
        """Import and export limit per interval, each of shape (len(grid),)."""
        hours = [interval.astimezone(DISTRICT_ZONE).hour for interval in grid]
        imports = _by_hour(node.import_limit_kw, node.import_by_hour_kw, hours)
        exports = _by_hour(node.export_limit_kw, node.export_by_hour_kw, hours)
        registered = imports.copy(), exports.copy()
        for change in self.told:
            if not isinstance(change, NodeLimitChanged) or change.node_id != node.id:
                continue
            first, last = (min(max(grid.index_of(at), 0), len(grid)) for at in (change.start, change.end))
            for series, limit_kw, usual in (
                (imports, change.import_limit_kw, registered[0]),
                (exports, change.export_limit_kw, registered[1]),
            ):
                series[first:last] = usual[first:last] if limit_kw is None else limit_kw
        return imports, exports


AS_REGISTERED = NetworkChanges()
"""Nothing has been changed."""


def flow_on(tree: Fleet, registered: Fleet, flow_kw: Mapping[str, Series]) -> dict[str, Series]:
    """Net flow per node on ``tree``, everything below the node included.

    Args:
        tree: The network as it stands.
        registered: The network that ``flow_kw`` was forecast on; both have the same nodes.
        flow_kw: Net flow per node there, everything below included.
    """
    if tree is registered:
        return dict(flow_kw)
    own = {node_id: np.array(series, dtype=np.float64) for node_id, series in flow_kw.items()}
    for node_id, series in flow_kw.items():
        parent_id = registered.nodes[node_id].parent_id if node_id in registered.nodes else None
        if parent_id in own:
            own[parent_id] -= series
    total = {node_id: np.zeros_like(series) for node_id, series in own.items()}
    for node_id, series in own.items():
        for above in tree.node_path(node_id) if node_id in tree.nodes else (node_id,):
            if above in total:
                total[above] += series
    return total


def concerns(change: NetworkChange, tree: Fleet, resource_ids: Collection[str], until: datetime) -> bool:
    """Whether a plan for these resources up to ``until`` may look different after ``change``.

    A moved line changes the flow of every node on its way up that the old and the new way do not share, and with it
    the room of all that hangs below them.
    """
    match change:
        case NodeLimitChanged():
            changed = {change.node_id} if change.start < until else set[str]()
        case FeederReassigned():
            before, after = (set(tree.node_path(p)) for p in (change.from_parent_id, change.parent_id))
            changed = (before ^ after) | {change.node_id}
    return any(changed & set(tree.node_path(tree.site_of(r).node_id)) for r in resource_ids)


def in_words(change: NetworkChange) -> str:
    """One sentence for people."""
    match change:
        case FeederReassigned():
            return f"{change.node_id} moved from {change.from_parent_id} to {change.parent_id}: {change.reason}"
        case NodeLimitChanged():
            limits = (("import", change.import_limit_kw), ("export", change.export_limit_kw))
            told = ", ".join(f"{name} {'as registered' if kw is None else f'{kw:g} kW'}" for name, kw in limits)
            return f"limits of {change.node_id} changed ({told}): {change.reason}"


def _by_hour(limit_kw: float, by_hour_kw: tuple[float, ...], hours: list[int]) -> Series:
    return np.array([by_hour_kw[hour] if by_hour_kw else limit_kw for hour in hours], dtype=np.float64)
