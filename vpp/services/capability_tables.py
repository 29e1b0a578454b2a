"""The capability table of the district or of what hangs below a node, made aside and kept until it would change.

A table takes seconds, so it is made in a worker, one duration after the other: a plan that is due gets its turn in
between. It is made anew when a quarter hour has begun or what is offered has changed materially, at most once a minute.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np

from vpp.domain.capability import CapabilityOffer
from vpp.domain.capability_table import DURATIONS, CapabilityTable, event_intervals, joined, rows_of, table_grid
from vpp.domain.columns import columns_of
from vpp.domain.control import ControlSettings
from vpp.domain.day_ahead_offers import Belief, Offered, fills, offered_problem
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.events import Direction
from vpp.domain.fleet import Fleet, ResourceKind
from vpp.domain.flexibility import Series, Storage
from vpp.domain.portfolio import most_kw
from vpp.domain.timegrid import TimeGrid, floor_interval
from vpp.ports import Clock, NetworkForecasts, Workers
from vpp.services.reachability import LeftOut
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.usual_load import UsualLoad

LEAST_AGE = timedelta(minutes=1)
MATERIAL_SHARE = 0.01
"""Change of the offered response, as a share of its largest interval, that makes a table worth making anew."""
UNKNOWN_SD = 0.15
UNKNOWN_CHARGING_SD = 0.25
UNKNOWN_COMMON_SD = 0.05
UNKNOWN_COMMON_CHARGING_SD = 0.10
"""Spreads of delivery before anything is learnt: charging is far less predictable than buildings."""
CHARGING = frozenset({ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING})


class Beliefs(Protocol):
    """What is known of deliveries."""

    def of(self, resource_id: str) -> Belief:
        """Mean and spread of one resource's delivery fraction."""

    def common_sd(self) -> Mapping[str, float]:
        """Spread of each delivery class's common factor, relative."""


class PriorBeliefs:
    """Beliefs by kind alone, for as long as nothing has been learnt."""

    def __init__(self, fleet: Fleet, settings: ControlSettings) -> None:
        self._fleet = fleet
        self._settings = settings

    def of(self, resource_id: str) -> Belief:
        """The kind's prior."""
        kind = self._fleet.resource(resource_id).kind
        sd = UNKNOWN_CHARGING_SD if kind in CHARGING else UNKNOWN_SD
        return Belief(self._settings.prior_delivery[kind], sd, kind.value)

    def common_sd(self) -> Mapping[str, float]:
        """By kind."""
        return {
            kind.value: UNKNOWN_COMMON_CHARGING_SD if kind in CHARGING else UNKNOWN_COMMON_SD for kind in ResourceKind
        }


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
class _Kept:
    view: TableView
    offered_kw: Series


_Key = tuple[str | None, Direction]


class CapabilityTables:
    """Makes tables and keeps the latest of each scope and direction; records nothing."""

    def __init__(  # noqa: PLR0913 - every collaborator is named where it is handed in
        self,
        recorder: Recorder,
        registry: Registry,
        network: NetworkForecasts,
        usual: UsualLoad,
        beliefs: Beliefs,
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
        self._beliefs = beliefs
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
            if kept is not None and now - kept.view.table.as_of < LEAST_AGE:
                return kept.view
            problem, left_out = await self._problem(node_id, direction, now)
            offered_kw = _offered_kw(problem)
            if kept is None or _changed(kept, offered_kw, left_out, now):
                kept = self._kept[key] = _Kept(await self._view(key, problem, left_out, now), offered_kw)
            return kept.view

    async def _view(self, key: _Key, problem: DispatchProblem, left_out: Mapping[str, str], now: datetime) -> TableView:
        columns = columns_of(problem)
        offers = [self._registry.offers[resource.id] for resource in problem.resources]
        notice_s = np.array([offer.notice_s for offer in offers], dtype=np.float64)
        rows = {}
        for duration in DURATIONS:
            rows[duration] = await self._workers.run(rows_of, columns, notice_s, now, duration)
        return TableView(
            node_id=key[0],
            direction=key[1],
            reference_peak_kw=self._reference_peak_kw,
            resources=len(offers),
            covered_until=min((offer.grid.end for offer in offers), default=None),
            left_out=_grouped(self._registry.fleet, left_out),
            table=joined(now, rows),
        )

    async def _problem(
        self, node_id: str | None, direction: Direction, now: datetime
    ) -> tuple[DispatchProblem, dict[str, str]]:
        grid = table_grid(now, self._settings.recovery_intervals)
        offers, left_out = self._callable(node_id, direction, grid)
        usual_kw = await self._usual.on([offer.resource_id for offer in offers], grid)
        return (
            offered_problem(
                grid,
                event_intervals(),
                [Offered(offer, usual_kw[offer.resource_id], self._beliefs.of(offer.resource_id)) for offer in offers],
                fleet=self._registry.fleet,
                node_flow_kw=await self._network.node_flow_kw(grid),
                common_sd=self._beliefs.common_sd(),
                direction=direction,
            ),
            left_out,
        )

    def _callable(
        self, node_id: str | None, direction: Direction, grid: TimeGrid
    ) -> tuple[list[CapabilityOffer], dict[str, str]]:
        """Offers of what may be called, and the reason code of everything else in scope."""
        offers: list[CapabilityOffer] = []
        left_out: dict[str, str] = {}
        for resource_id in self._registry.in_scope(node_id):
            offer = self._registry.offers.get(resource_id)
            reason = self._registry.why_not(resource_id) or self._unfit(resource_id, offer, direction, grid)
            if offer is not None and reason is None:
                offers.append(offer)
            else:
                left_out[resource_id] = reason or "no-offer"
        return offers, left_out

    def _unfit(
        self, resource_id: str, offer: CapabilityOffer | None, direction: Direction, grid: TimeGrid
    ) -> str | None:
        gateway_id = self._registry.fleet.resource(resource_id).gateway_id
        if offer is None or offer.grid.start > grid.start:
            return "no-offer"
        if not offer.available:
            return "unavailable"
        if not self._recorder.book.gateways_online.get(gateway_id, False):
            return "gateway-offline"
        return "no-fill" if direction is Direction.FILL and not fills(offer) else None


def _offered_kw(problem: DispatchProblem) -> Series:
    """What all offer together, each taken alone, per interval."""
    total_kw = np.zeros(problem.event_intervals)
    for resource in problem.resources:
        if isinstance(resource.flexibility, Storage):
            total_kw += resource.flexibility.soc_kwh
        else:
            total_kw += most_kw(resource, problem.event_intervals)
    return total_kw


def _changed(kept: _Kept, offered_kw: Series, left_out: Mapping[str, str], now: datetime) -> bool:
    if floor_interval(kept.view.table.as_of) != floor_interval(now):
        return True
    if sum(line.resources for line in kept.view.left_out) != len(left_out):
        return True
    change_kw = float(np.abs(offered_kw - kept.offered_kw).max())
    return change_kw > MATERIAL_SHARE * float(kept.offered_kw.max())


def _grouped(fleet: Fleet, left_out: Mapping[str, str]) -> tuple[LeftOut, ...]:
    groups: dict[str, list[float]] = {}
    for resource_id, code in left_out.items():
        groups.setdefault(code, []).append(fleet.resource(resource_id).rated_kw)
    return tuple(LeftOut(code, len(rated), sum(rated)) for code, rated in sorted(groups.items()))
