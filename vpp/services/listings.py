"""What is registered and how it stands right now, line by line: participants, sites, resources, gateways."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.capability import CapabilityOffer
from vpp.domain.errors import UnknownThingError
from vpp.domain.fleet import PROTECTED_CLASSES, Participant, Resource, Site
from vpp.domain.portfolio import Candidate, creditable_kw
from vpp.domain.timegrid import TimeGrid, floor_interval
from vpp.ports import Clock
from vpp.services.ingesting import Ingest
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ResourceLine:
    """One resource with its place in the network and its last full minute.

    Attributes:
        state: ``available``, ``unavailable`` (its gateway says so, or has offered nothing), ``offline`` or ``never``.
        reason: Code of why it may not be called now (``vpp.domain.reasons``), empty when it may.
        power_kw: Mean of the last full minute, ``None`` where none was read.
        good: Whether that reading was of good quality.
        reachable_kw: The most that it offers in the running interval; ``None`` without an offer.
        notice_s: Seconds from command to full effect, by its offer.
        offered_at: When that offer was made.
    """

    id: str
    kind: str
    site_id: str
    participant_id: str
    node_id: str
    gateway_id: str
    rated_kw: float
    opted_in: bool
    needs_person: bool
    access_round: int
    state: str
    reason: str
    power_kw: float | None
    good: bool
    reachable_kw: float | None
    notice_s: float | None
    offered_at: datetime | None


@dataclass(frozen=True, slots=True)
class SiteLine:
    """One site, as registered, with the ids behind its meter."""

    id: str
    participant_id: str
    node_id: str
    customer_class: str
    contracted_demand_kw: float
    export_allowed: bool
    meter: str
    access_round: int
    protected: bool
    resource_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParticipantLine:
    """One participant with the sum of what it has registered."""

    id: str
    name: str
    name_zh: str
    customer_class: str
    site_ids: tuple[str, ...]
    resource_ids: tuple[str, ...]
    rated_kw: float


@dataclass(frozen=True, slots=True)
class GatewayLine:
    """One gateway.

    Attributes:
        last_heard: Instant of its newest reading since the controller's start; ``None`` before the first.
        boot: Its own count of starts; ``None`` when it has never introduced itself.
        software: What it says that it runs; empty until it has introduced itself to this run of the controller.
    """

    id: str
    online: bool
    last_heard: datetime | None
    boot: int | None
    started_at: datetime | None
    software: str
    kinds: tuple[str, ...]
    resource_ids: tuple[str, ...]


class Listings:
    """Reads registry, book and live picture; decides nothing."""

    def __init__(self, recorder: Recorder, registry: Registry, ingest: Ingest, clock: Clock) -> None:
        self._recorder = recorder
        self._registry = registry
        self._ingest = ingest
        self._clock = clock
        self._behind: dict[str, list[str]] = {}
        for resource in registry.fleet.resources.values():
            self._behind.setdefault(resource.site_id, []).append(resource.id)

    @property
    def participant_ids(self) -> Collection[str]:
        """Everybody who is registered."""
        return self._registry.fleet.participants.keys()

    def ids_of(self, participant_id: str) -> frozenset[str]:
        """Resources of one participant."""
        return frozenset(self._registry.fleet.by_participant.get(participant_id, ()))

    def resource(self, resource_id: str) -> ResourceLine:
        """One line, or ``UnknownThingError``."""
        return next(self._resource_lines([self._registry.fleet.resource(resource_id)]))

    def resources(self) -> list[ResourceLine]:
        """All of them, in order of registration."""
        return list(self._resource_lines(self._registry.fleet.resources.values()))

    def resources_of(self, participant_id: str) -> list[ResourceLine]:
        """A participant's own, in order of registration."""
        fleet = self._registry.fleet
        return list(self._resource_lines(fleet.resources[r] for r in fleet.by_participant.get(participant_id, ())))

    def site(self, site_id: str) -> SiteLine:
        """One line, or ``UnknownThingError``."""
        try:
            return self._site_line(self._registry.fleet.sites[site_id])
        except KeyError:
            raise UnknownThingError("site", site_id) from None

    def sites(self) -> list[SiteLine]:
        """All of them, in order of registration."""
        return [self._site_line(site) for site in self._registry.fleet.sites.values()]

    def participant(self, participant_id: str) -> ParticipantLine:
        """One line, or ``UnknownThingError``."""
        try:
            return self._participant_line(self._registry.fleet.participants[participant_id])
        except KeyError:
            raise UnknownThingError("participant", participant_id) from None

    def participants(self) -> list[ParticipantLine]:
        """All of them, in order of registration."""
        return [self._participant_line(participant) for participant in self._registry.fleet.participants.values()]

    def gateway(self, gateway_id: str) -> GatewayLine:
        """One line, or ``UnknownThingError``."""
        if gateway_id not in self._registry.fleet.by_gateway:
            raise UnknownThingError("gateway", gateway_id)
        return self._gateway_line(gateway_id)

    def gateways(self) -> list[GatewayLine]:
        """All of them, in order of registration."""
        return [self._gateway_line(gateway_id) for gateway_id in self._registry.fleet.by_gateway]

    def _resource_lines(self, resources: Iterable[Resource]) -> Iterator[ResourceLine]:
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0)
        mean_kw, good = self._ingest.live.mean_kw(minute - MINUTE, minute)
        fleet = self._registry.fleet
        for resource in resources:
            site = fleet.sites[resource.site_id]
            column = self._ingest.live.index[resource.id]
            offer = self._registry.offers.get(resource.id)
            state, reason = self._standing(resource, offer)
            yield ResourceLine(
                id=resource.id,
                kind=resource.kind.value,
                site_id=site.id,
                participant_id=site.participant_id,
                node_id=site.node_id,
                gateway_id=resource.gateway_id,
                rated_kw=resource.rated_kw,
                opted_in=resource.opted_in,
                needs_person=resource.needs_person,
                access_round=site.access_round,
                state=state,
                reason=reason,
                power_kw=float(mean_kw[column]) if np.isfinite(mean_kw[column]) else None,
                good=bool(good[column]),
                reachable_kw=None if offer is None else self._reachable_kw(offer, now),
                notice_s=None if offer is None else offer.notice_s,
                offered_at=None if offer is None else offer.issued_at,
            )

    def _standing(self, resource: Resource, offer: CapabilityOffer | None) -> tuple[str, str]:
        never = self._registry.why_not(resource.id)
        if never is not None:
            return "never", never
        if not self._recorder.book.gateways_online.get(resource.gateway_id, False):
            return "offline", "gateway-offline"
        if offer is None:
            return "unavailable", "no-offer"
        return ("available", "") if offer.available else ("unavailable", "unavailable")

    def _reachable_kw(self, offer: CapabilityOffer, now: datetime) -> float:
        """By the planner's own arithmetic, with the gateway's forecast in the place of a baseline."""
        grid = TimeGrid(floor_interval(now), 1)
        place = min(max(offer.grid.index_of(grid.start), 0), len(offer.grid) - 1)
        candidate = Candidate(offer, offer.forecast_kw[place : place + 1], 1.0)
        return float(creditable_kw(candidate, grid, 1, self._registry.fleet)[0])

    def _site_line(self, site: Site) -> SiteLine:
        return SiteLine(
            id=site.id,
            participant_id=site.participant_id,
            node_id=site.node_id,
            customer_class=site.customer_class.value,
            contracted_demand_kw=site.contracted_demand_kw,
            export_allowed=site.export_allowed,
            meter=site.meter,
            access_round=site.access_round,
            protected=site.customer_class in PROTECTED_CLASSES,
            resource_ids=tuple(self._behind.get(site.id, ())),
        )

    def _participant_line(self, participant: Participant) -> ParticipantLine:
        fleet = self._registry.fleet
        resources = [fleet.resources[r] for r in fleet.by_participant.get(participant.id, ())]
        return ParticipantLine(
            id=participant.id,
            name=participant.name,
            name_zh=participant.name_zh,
            customer_class=participant.customer_class.value,
            site_ids=tuple(dict.fromkeys(resource.site_id for resource in resources)),
            resource_ids=tuple(resource.id for resource in resources),
            rated_kw=sum(resource.rated_kw for resource in resources),
        )

    def _gateway_line(self, gateway_id: str) -> GatewayLine:
        book, fleet = self._recorder.book, self._registry.fleet
        start = book.gateway_starts.get(gateway_id)
        own = fleet.by_gateway[gateway_id]
        return GatewayLine(
            id=gateway_id,
            online=book.gateways_online.get(gateway_id, False),
            last_heard=self._ingest.heard.get(gateway_id),
            boot=None if start is None else start.boot,
            started_at=None if start is None else start.started_at,
            software=self._ingest.software.get(gateway_id, ""),
            kinds=tuple(sorted({fleet.resources[r].kind.value for r in own})),
            resource_ids=own,
        )
