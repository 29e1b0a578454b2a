"""Switching: what an operator says has been changed of the network. The only writer of those facts.

Nothing is switched from here: lines are moved by the grid's own control centre, and the controller is told.
"""

import asyncio
import math
from datetime import datetime

from vpp.domain.errors import ConflictError, InputError
from vpp.domain.facts import FeederReassigned, NodeLimitChanged
from vpp.domain.timegrid import TimeGrid, floor_interval, format_instant
from vpp.ports import Clock, Metrics
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry


class Switching:
    """Takes down changes of the network; running events are planned anew in their next cycle."""

    def __init__(self, recorder: Recorder, registry: Registry, clock: Clock, metrics: Metrics) -> None:
        self._recorder = recorder
        self._registry = registry
        self._clock = clock
        self._metrics = metrics
        # What was checked must still hold when it is written down.
        self._one_at_a_time = asyncio.Lock()

    def next_id(self) -> str:
        """An id for the next change."""
        return f"network-{len(self._recorder.book.network) + 1}"

    async def reassign(
        self, node_id: str, parent_id: str, *, reason: str, by: str, change_id: str | None = None
    ) -> FeederReassigned:
        """Records that ``node_id``, and all that hangs below it, now hangs below ``parent_id``.

        Raises:
            UnknownThingError: no such node.
            ConflictError: it hangs there already, or ``change_id`` is taken.
            InputError: it is a root, or the new parent hangs below it.
        """
        async with self._one_at_a_time:
            tree = self._registry.fleet
            before = tree.nodes[tree.node_path(node_id)[0]].parent_id
            way_up = tree.node_path(parent_id)
            if before is None:
                raise InputError(f"node {node_id!r} is a root of the network and cannot be moved below {parent_id!r}")
            if node_id in way_up:
                raise InputError(f"node {node_id!r} cannot be moved below {parent_id!r}, which hangs below it")
            if before == parent_id:
                raise ConflictError(f"node {node_id!r} hangs below {parent_id!r} already")
            fact = FeederReassigned(
                at=self._clock.now(),
                change_id=change_id or self.next_id(),
                node_id=node_id,
                from_parent_id=before,
                parent_id=parent_id,
                reason=reason,
                by=by,
            )
            await self._recorder.record(fact)
        self._metrics.count("feeders_reassigned")
        return fact

    async def limit(  # noqa: PLR0913 - each is a part of what is said
        self,
        node_id: str,
        *,
        start: datetime,
        end: datetime,
        import_limit_kw: float | None,
        export_limit_kw: float | None,
        reason: str,
        by: str,
        change_id: str | None = None,
    ) -> NodeLimitChanged:
        """Records other limits of a node during ``[start, end)``; ``None`` stands for what is registered.

        Raises:
            UnknownThingError: no such node.
            ConflictError: ``change_id`` is taken.
            InputError: a window that is empty, over, begun before the running interval or off the 15-minute boundary;
                a limit that no node can have.
        """
        _check_limit(node_id, "import", import_limit_kw, least_is_open=True)
        _check_limit(node_id, "export", export_limit_kw, least_is_open=False)
        async with self._one_at_a_time:
            self._registry.fleet.node_path(node_id)
            self._check_window(node_id, start, end)
            fact = NodeLimitChanged(
                at=self._clock.now(),
                change_id=change_id or self.next_id(),
                node_id=node_id,
                start=start,
                end=end,
                import_limit_kw=import_limit_kw,
                export_limit_kw=export_limit_kw,
                reason=reason,
                by=by,
            )
            await self._recorder.record(fact)
        self._metrics.count("node_limits_changed")
        return fact

    def _check_window(self, node_id: str, start: datetime, end: datetime) -> None:
        window = f"limits of node {node_id!r} from {format_instant(start)} to {format_instant(end)}"
        running = floor_interval(self._clock.now())
        if end <= start:
            raise InputError(f"{window}: the end is not after the start")
        TimeGrid.between(start, end)
        if start < running:
            raise InputError(f"{window}: the start lies before the running interval, {format_instant(running)}")


def _check_limit(node_id: str, name: str, limit_kw: float | None, *, least_is_open: bool) -> None:
    if limit_kw is None:
        return
    enough = limit_kw > 0 if least_is_open else limit_kw >= 0
    if not (math.isfinite(limit_kw) and enough):
        least = "> 0" if least_is_open else ">= 0"
        raise InputError(f"node {node_id!r}: {name} limit {limit_kw} kW is not a finite number {least}")
