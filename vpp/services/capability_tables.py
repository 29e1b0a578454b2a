"""The capability table of the district or of what hangs below a node, made aside and kept until it would change.

A table takes seconds, so it is made in a worker, one duration after the other: a plan that is due gets its turn in
between. It is made anew when a quarter hour has begun or what is offered has changed materially, at most once a minute.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.calls import calls_by_resource
from vpp.domain.capability import CapabilityOffer
from vpp.domain.capability_table import (
    DURATIONS,
    CapabilityTable,
    Reachable,
    event_intervals,
    joined,
    rows_of,
    starts_of,
    table_grid,
)
from vpp.domain.columns import Flags, columns_of
from vpp.domain.control import ControlSettings
from vpp.domain.day_ahead_offers import Offered, offered_problem
from vpp.domain.delivery import DeliveryOutlook
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.events import Direction
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series, Storage
from vpp.domain.network import NetworkChanges, flow_on
from vpp.domain.portfolio import most_kw
from vpp.domain.timegrid import INTERVAL, TimeGrid, trading_day
from vpp.domain.use_limits import UNLIMITED, Call, allowance, season_of
from vpp.ports import Clock, NetworkForecasts, Workers
from vpp.services.reachability import LeftOut, grouped
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.track_record import TrackRecord
from vpp.services.usual_load import UsualLoad

LEAST_AGE = timedelta(minutes=1)
MATERIAL_SHARE = 0.01
"""Change of the offered response, as a share of its largest interval, that makes a table worth making anew."""
CHARGING = frozenset({ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING})
RIPPLE_SD, CHARGING_RIPPLE_SD = 0.05, 0.10
"""Spread of a quarter hour's delivery around the call's, relative: cars come and go, buildings drift."""


def _ripple_sd(kind: ResourceKind) -> float:
    return CHARGING_RIPPLE_SD if kind in CHARGING else RIPPLE_SD


@dataclass(frozen=True, slots=True, eq=False)
class TableView:
    """A table with what it is about.

    Attributes:
        resources: Resources that may be called.
        covered_until: Up to here the gateways' own offers reach; beyond, usual loads stand in.
    """

    node_id: str | None
    direction: Direction
    reference_peak_kw: float
    resources: int
    covered_until: datetime | None
    left_out: tuple[LeftOut, ...]
    table: CapabilityTable


@dataclass(frozen=True, slots=True, eq=False)
class _Grounds:
    """What a table rests on: problem, what is left out by reason code, what each offers, other calls, network."""

    problem: DispatchProblem
    left_out: Mapping[str, str]
    offered_kw: Series
    calls: Mapping[str, Sequence[Call]]
    network: NetworkChanges

    def changed(self, before: "_Grounds") -> bool:
        """Whether a table that rests on this would be another one."""
        if self.exact != before.exact:
            return True
        change_kw = float(np.abs(self.offered_kw - before.offered_kw).max(initial=0.0))
        return change_kw > MATERIAL_SHARE * float(before.offered_kw.max(initial=0.0))

    @property
    def exact(self) -> tuple[object, ...]:
        """What leaves nothing to judge: any other value makes another table."""
        return self.problem.grid, self.left_out, self.calls, self.network


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    view: TableView
    grounds: _Grounds
    looked_at: datetime


_Key = tuple[str | None, Direction]


class CapabilityTables:
    """Makes tables and keeps the latest of each scope and direction; records nothing."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        network: NetworkForecasts,
        usual: UsualLoad,
        track_record: TrackRecord,
        *,
        workers: Workers,
        clock: Clock,
        settings: ControlSettings,
        reference_peak_kw: float,
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._network = network
        self._usual = usual
        self._track_record = track_record
        self._workers = workers
        self._clock = clock
        self._settings = settings
        self._reference_peak_kw = reference_peak_kw
        self._kept: dict[_Key, _Kept] = {}
        self._making: dict[_Key, asyncio.Lock] = {}

    async def of(self, node_id: str | None = None, direction: Direction = Direction.CURTAIL) -> TableView:
        """The table of everything below the node, or of the district.

        Raises:
            UnknownThingError: no such node.
        """
        if node_id is not None:
            self._registry.fleet.node_path(node_id)
        key = (node_id, direction)
        async with self._making.setdefault(key, asyncio.Lock()):
            kept = self._kept.get(key)
            now = self._clock.now()
            if kept is not None and now - kept.looked_at < LEAST_AGE:
                return kept.view
            grounds = await self._grounds(node_id, direction, now)
            if kept is None or grounds.changed(kept.grounds):
                kept = _Kept(await self._view(key, grounds, now), grounds, now)
            self._kept[key] = replace(kept, looked_at=now)
            return kept.view

    async def _view(self, key: _Key, grounds: _Grounds, now: datetime) -> TableView:
        problem = grounds.problem
        offers = [self._registry.offers[resource.id] for resource in problem.resources]
        kinds = [self._registry.fleet.resource(offer.resource_id).kind for offer in offers]
        reachable = Reachable(
            columns_of(problem),
            notice_s=np.array([offer.notice_s for offer in offers], dtype=np.float64),
            ripple_sd=np.array([_ripple_sd(kind) for kind in kinds], dtype=np.float64),
        )
        rows = {}
        for duration in DURATIONS:
            reachable = replace(reachable, free=self._free(grounds, now, duration))
            rows[duration] = await self._workers.run(rows_of, reachable, now, duration)
        return TableView(
            node_id=key[0],
            direction=key[1],
            reference_peak_kw=self._reference_peak_kw,
            resources=len(offers),
            covered_until=min((offer.grid.end for offer in offers), default=None),
            left_out=grouped(self._registry.fleet, grounds.left_out),
            table=joined(now, rows),
        )

    async def _grounds(self, node_id: str | None, direction: Direction, now: datetime) -> _Grounds:
        grid = table_grid(now, self._settings.recovery_intervals)
        offers, left_out = self._callable(node_id, direction, grid)
        usual_kw = await self._usual.on([offer.resource_id for offer in offers], grid)
        outlook = self._track_record.outlook
        problem = offered_problem(
            grid,
            event_intervals(),
            [self._offered(offer, usual_kw[offer.resource_id], outlook) for offer in offers],
            fleet=self._registry.fleet,
            node_flow_kw=flow_on(
                self._registry.fleet, self._registry.registered, await self._network.node_flow_kw(grid)
            ),
            changes=self._registry.network,
            common_sd=outlook.common_sd(),
            direction=direction,
        )
        calls = calls_by_resource(self._recorder.book.events.values())
        return _Grounds(problem, left_out, _offered_kw(problem), calls, self._registry.network)

    def _offered(self, offer: CapabilityOffer, usual_kw: Series, outlook: DeliveryOutlook) -> Offered:
        kind = self._registry.fleet.resource(offer.resource_id).kind.value
        mean, sd = outlook.of(offer.resource_id, kind)
        return Offered(offer, usual_kw, mean, sd, kind)

    def _free(self, grounds: _Grounds, now: datetime, duration: int) -> Flags:
        """Which resources other calls, rests and contracts leave free in the window of each start, (starts, N)."""
        windows = [
            (Call(start, start + duration * INTERVAL), season_of(trading_day(start), None, None))
            for start in starts_of(now)
        ]
        free = np.ones((len(windows), len(grounds.problem.resources)), dtype=np.bool_)
        for i, resource in enumerate(grounds.problem.resources):
            terms, calls = self._registry.fleet.resource(resource.id).use, grounds.calls.get(resource.id, ())
            if terms == UNLIMITED:
                # Without limits and rests only an overlap matters, and what is over overlaps nothing.
                calls = [call for call in calls if call.end > windows[0][0].start]
                if not calls:
                    continue
            free[:, i] = [allowance(terms, calls, *window).why_not is None for window in windows]
        return free

    def _callable(
        self, node_id: str | None, direction: Direction, grid: TimeGrid
    ) -> tuple[list[CapabilityOffer], dict[str, str]]:
        """Offers of what may be called, and the reason code of everything else in scope."""
        offers: list[CapabilityOffer] = []
        left_out: dict[str, str] = {}
        for resource_id in self._registry.in_scope(node_id):
            offer = self._registry.offers.get(resource_id)
            reason = self._registry.why_not(resource_id, direction) or self._unfit(resource_id, offer, grid)
            if offer is not None and reason is None:
                offers.append(offer)
            else:
                left_out[resource_id] = reason or "no-offer"
        return offers, left_out

    def _unfit(self, resource_id: str, offer: CapabilityOffer | None, grid: TimeGrid) -> str | None:
        gateway_id = self._registry.fleet.resource(resource_id).gateway_id
        if offer is None or offer.grid.start > grid.start:
            return "no-offer"
        if not offer.available:
            return "unavailable"
        if not self._recorder.book.gateways_online.get(gateway_id, False):
            return "gateway-offline"
        return None


def _offered_kw(problem: DispatchProblem) -> Series:
    """What all offer together, each taken alone, per interval."""
    total_kw = np.zeros(problem.event_intervals)
    for resource in problem.resources:
        if isinstance(resource.flexibility, Storage):
            battery = resource.flexibility
            filling = problem.direction is Direction.FILL
            total_kw += battery.capacity_kwh - battery.soc_kwh if filling else battery.soc_kwh
        else:
            total_kw += most_kw(resource, problem.event_intervals, problem.direction)
    return total_kw
