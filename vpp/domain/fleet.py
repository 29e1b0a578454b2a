"""Who takes part and with what: participants, sites, resources and the network tree they hang from."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from vpp.domain.errors import InputError, UnknownThingError
from vpp.domain.use_limits import UNLIMITED, UseTerms

T = TypeVar("T", "Node", "Participant", "Site", "Resource")
HOURS_PER_DAY = 24


class ResourceKind(StrEnum):
    """What a resource physically is; reports are split by it."""

    FACTORY_LINE = "factory_line"
    FACTORY_PROCESS = "factory_process"
    PUBLIC_CHARGING = "public_charging"
    RESIDENTIAL_CHARGING = "residential_charging"
    COOLING = "cooling"
    LIGHTING = "lighting"
    STORAGE = "storage"


class CustomerClass(StrEnum):
    """Tariff and protection class of a site."""

    INDUSTRY = "industry"
    COMMERCE = "commerce"
    CHARGING_OPERATOR = "charging_operator"
    RESIDENTIAL_CHARGING = "residential_charging"
    DATA_CENTRE = "data_centre"
    STORAGE = "storage"
    RESIDENTS = "residents"
    HOSPITAL = "hospital"
    AGRICULTURE = "agriculture"
    PUBLIC_SERVICE = "public_service"


PROTECTED_CLASSES = frozenset(
    {CustomerClass.RESIDENTS, CustomerClass.HOSPITAL, CustomerClass.AGRICULTURE, CustomerClass.PUBLIC_SERVICE}
)
"""Never curtailable, whatever anybody configures (DESIGN section 3, rule 5)."""


@dataclass(frozen=True, slots=True)
class Node:
    """A substation, feeder or line of the network tree.

    Attributes:
        parent_id: The node above; ``None`` for a root.
        import_limit_kw: Largest net flow towards the customers, > 0.
        export_limit_kw: Largest net flow back towards the grid, >= 0.
        import_by_hour_kw: The import limit per hour of the district's day (a summer rating), 24 values in place of
            ``import_limit_kw``; empty where one figure holds all day.
        export_by_hour_kw: The same for ``export_limit_kw``.
    """

    id: str
    name: str
    parent_id: str | None
    import_limit_kw: float
    export_limit_kw: float
    import_by_hour_kw: tuple[float, ...] = ()
    export_by_hour_kw: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Participant:
    """Who signs and is paid."""

    id: str
    name: str
    name_zh: str
    customer_class: CustomerClass


@dataclass(frozen=True, slots=True)
class Site:
    """What sits behind one meter.

    Attributes:
        contracted_demand_kw: Largest allowed import; hard.
        export_allowed: Whether the site may feed back into the grid.
        meter: ``net`` or ``gross`` of generation behind the meter.
        other_load_kw: Typical load of the site outside its sub-meters; it may take what a battery gives.
        access_round: In which round of staged onboarding (分轮次接入) the site may first be called, >= 1.
    """

    id: str
    participant_id: str
    node_id: str
    customer_class: CustomerClass
    contracted_demand_kw: float
    export_allowed: bool = False
    meter: str = "net"
    other_load_kw: float = 0.0
    access_round: int = 1


@dataclass(frozen=True, slots=True)
class Resource:
    """One controllable thing on a site, with its own sub-meter.

    Attributes:
        gateway_id: The only gateway that may report for it and that is sent its commands.
        rated_kw: Largest power into the resource, > 0; readings far beyond it are implausible.
        opted_in: Residential charging takes part only by its owner's choice; others are in by contract.
        needs_person: A person on site confirms each command.
        use: Limits of use by its contract, besides those of the programme.
    """

    id: str
    site_id: str
    gateway_id: str
    kind: ResourceKind
    rated_kw: float
    opted_in: bool = True
    needs_person: bool = False
    use: UseTerms = UNLIMITED


@dataclass(frozen=True)
class Fleet:
    """All that is registered, checked for dangling references on construction.

    Raises:
        InputError: duplicate id, unknown reference, cycle in the network, or a non-positive rating.
    """

    nodes: Mapping[str, Node]
    participants: Mapping[str, Participant]
    sites: Mapping[str, Site]
    resources: Mapping[str, Resource]
    _ancestors: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        *,
        nodes: Iterable[Node],
        participants: Iterable[Participant],
        sites: Iterable[Site],
        resources: Iterable[Resource],
    ) -> "Fleet":
        """A checked fleet from its parts."""
        return cls(_by_id(nodes), _by_id(participants), _by_id(sites), _by_id(resources))

    def __post_init__(self) -> None:
        for node in self.nodes.values():
            _check_limits(node)
            self._ancestors[node.id] = self._walk_up(node)
        self._check_sites()
        for resource in self.resources.values():
            if resource.site_id not in self.sites:
                raise InputError(f"resource {resource.id!r} names unknown site {resource.site_id!r}")
            if not 0 < resource.rated_kw < math.inf:
                raise InputError(f"resource {resource.id!r}: rated power {resource.rated_kw} kW is not > 0 and finite")

    def _check_sites(self) -> None:
        for site in self.sites.values():
            if site.node_id not in self.nodes:
                raise InputError(f"site {site.id!r} names unknown node {site.node_id!r}")
            if site.participant_id not in self.participants:
                raise InputError(f"site {site.id!r} names unknown participant {site.participant_id!r}")
            if site.access_round < 1:
                raise InputError(f"site {site.id!r}: access round {site.access_round} is not >= 1")

    def _walk_up(self, node: Node) -> tuple[str, ...]:
        path = [node.id]
        while node.parent_id is not None:
            if node.parent_id not in self.nodes:
                raise InputError(f"node {node.id!r} names unknown parent {node.parent_id!r}")
            if node.parent_id in path:
                raise InputError(f"node {node.parent_id!r} is its own ancestor")
            path.append(node.parent_id)
            node = self.nodes[node.parent_id]
        return tuple(path)

    def with_parents(self, parents: Mapping[str, str]) -> "Fleet":
        """The same fleet with each node of ``parents`` below the node named there.

        Raises:
            InputError: an unknown node, or one that would be its own ancestor.
        """
        for node_id in parents:
            self.node_path(node_id)
        moved = {n.id: replace(n, parent_id=parents[n.id]) if n.id in parents else n for n in self.nodes.values()}
        return Fleet(moved, self.participants, self.sites, self.resources)

    def node_path(self, node_id: str) -> tuple[str, ...]:
        """``node_id`` and its ancestors, from the bottom up."""
        try:
            return self._ancestors[node_id]
        except KeyError:
            raise UnknownThingError("node", node_id) from None

    def resource(self, resource_id: str) -> Resource:
        """The resource, or ``UnknownThingError``."""
        try:
            return self.resources[resource_id]
        except KeyError:
            raise UnknownThingError("resource", resource_id) from None

    def site_of(self, resource_id: str) -> Site:
        """The site behind whose meter the resource sits."""
        return self.sites[self.resource(resource_id).site_id]

    def participant_of(self, resource_id: str) -> Participant:
        """Who is paid for the resource."""
        return self.participants[self.site_of(resource_id).participant_id]

    def protected(self, resource_id: str) -> bool:
        """Whether the resource belongs to a class that is never curtailed."""
        return self.site_of(resource_id).customer_class in PROTECTED_CLASSES

    @cached_property
    def last_round(self) -> int:
        """The highest access round of any site; 1 without sites."""
        return max((site.access_round for site in self.sites.values()), default=1)

    @cached_property
    def by_gateway(self) -> Mapping[str, tuple[str, ...]]:
        """Resource ids per gateway, in registration order."""
        grouped: dict[str, list[str]] = {}
        for resource in self.resources.values():
            grouped.setdefault(resource.gateway_id, []).append(resource.id)
        return {gateway_id: tuple(ids) for gateway_id, ids in grouped.items()}

    @cached_property
    def by_participant(self) -> Mapping[str, tuple[str, ...]]:
        """Resource ids per participant, in registration order."""
        grouped: dict[str, list[str]] = {}
        for resource in self.resources.values():
            grouped.setdefault(self.sites[resource.site_id].participant_id, []).append(resource.id)
        return {participant_id: tuple(ids) for participant_id, ids in grouped.items()}


def _check_limits(node: Node) -> None:
    for what, limits in (("import", node.import_by_hour_kw), ("export", node.export_by_hour_kw)):
        if limits and len(limits) != HOURS_PER_DAY:
            raise InputError(f"node {node.id!r}: {len(limits)} {what} limits by hour, expected {HOURS_PER_DAY}")
    for limit_kw in (node.import_limit_kw, *node.import_by_hour_kw):
        if not limit_kw > 0:
            raise InputError(f"node {node.id!r}: import limit {limit_kw} kW is not > 0")
    for limit_kw in (node.export_limit_kw, *node.export_by_hour_kw):
        if not limit_kw >= 0:
            raise InputError(f"node {node.id!r}: export limit {limit_kw} kW is not >= 0")


def _by_id(things: Iterable[T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for thing in things:
        if thing.id in found:
            raise InputError(f"{type(thing).__name__.lower()} id {thing.id!r} is used twice")
        found[thing.id] = thing
    return found
