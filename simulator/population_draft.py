"""Collects participants, sites, resources and devices while a population is expanded, and freezes them at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

import numpy as np

from simulator.district import (
    ADAPTER_OF_KIND,
    KINDS,
    PROTECTED_CLASSES,
    AdapterKind,
    BatteryTable,
    CustomerClass,
    DeviceTable,
    Floats,
    GatewaySpec,
    Kind,
    LightTable,
    LineTable,
    NodeSpec,
    ParticipantSpec,
    PileTable,
    ProcessTable,
    ResourceSpec,
    SiteSpec,
    ZoneTable,
)
from simulator.streams import keys_of

Row = Mapping[str, float]
T = TypeVar("T", LineTable, ProcessTable, PileTable, ZoneTable, LightTable, BatteryTable)


_TYPICAL_SHARE: Mapping[Kind, float] = {"public_charging": 0.2, "residential_charging": 0.1}
"""Afternoon load of charging over its rated power; other kinds state their typical power themselves."""


@dataclass(frozen=True, slots=True)
class DraftDevice:
    """A device before it has its place in the table; ``row`` holds the columns of its kind's table."""

    id: str
    rated_kw: float
    row: Row


@dataclass(frozen=True, slots=True)
class DraftResource:
    """A resource before its devices are laid out; ``spec.devices`` and ``spec.gateway_id`` are still empty."""

    spec: ResourceSpec
    devices: tuple[DraftDevice, ...]


@dataclass(slots=True)
class Draft:
    """The population under construction."""

    nodes: tuple[NodeSpec, ...]
    rng: np.random.Generator
    participants: dict[str, ParticipantSpec] = field(default_factory=dict)
    sites: dict[str, SiteSpec] = field(default_factory=dict)
    resources: list[DraftResource] = field(default_factory=list)

    def draw(self, bounds: tuple[float, float]) -> float:
        """One number between the bounds."""
        return float(self.rng.uniform(*bounds))

    def draw_count(self, bounds: tuple[int, int]) -> int:
        """One integer between the bounds, both included."""
        return int(self.rng.integers(bounds[0], bounds[1] + 1))

    def draw_sizes(self, count: int, total: float, *, sigma: float = 0.7) -> Floats:
        """``count`` log-normal sizes, none beyond six times the median, adding up to ``total``."""
        if count == 0:
            return np.zeros(0)
        sizes = np.exp(sigma * np.clip(self.rng.standard_normal(count), -2.0, 2.3))
        return np.asarray(sizes * (total / sizes.sum()), dtype=np.float64)

    def draw_node(self, group: str) -> str:
        """A node, by the group's weights."""
        weights = np.array([node.weights.get(group, 0.0) for node in self.nodes])
        return self.nodes[int(self.rng.choice(len(self.nodes), p=weights / weights.sum()))].id

    def add_participant(self, participant_id: str, name: str, name_zh: str, customer_class: CustomerClass) -> str:
        """Registers who signs; the same id twice changes nothing."""
        self.participants.setdefault(participant_id, ParticipantSpec(participant_id, name, name_zh, customer_class))
        return participant_id

    def add_site(self, site_id: str, participant_id: str, *, group: str, other_load_kw: float) -> str:
        """Registers a site at a node of the group; protection and export follow from its participant's class."""
        customer_class = self.participants[participant_id].customer_class
        self.sites[site_id] = SiteSpec(
            id=site_id,
            participant_id=participant_id,
            node_id=self.draw_node(group),
            customer_class=customer_class,
            contracted_demand_kw=1.0,
            export_allowed=customer_class == "storage",
            protected=customer_class in PROTECTED_CLASSES,
            other_load_kw=other_load_kw,
        )
        return site_id

    def hang_from_strongest(self, site_id: str) -> None:
        """Moves a large site to the strongest node below the root, so that it overloads no small line."""
        strongest = max(self.nodes[1:] or self.nodes, key=lambda node: node.import_limit_kw)
        self.sites[site_id] = replace(self.sites[site_id], node_id=strongest.id)

    def add_resource(self, spec: ResourceSpec, devices: Sequence[DraftDevice]) -> None:
        """Registers a resource with its devices; rated power is what the devices add up to."""
        rated_kw = sum(device.rated_kw for device in devices)
        share = _TYPICAL_SHARE.get(spec.kind)
        typical_kw = spec.typical_kw if share is None else share * rated_kw
        self.resources.append(DraftResource(replace(spec, rated_kw=rated_kw, typical_kw=typical_kw), tuple(devices)))

    def freeze_sites(self) -> tuple[SiteSpec, ...]:
        """Sites with a contracted demand of 1.05 times other load plus the rated power of their resources."""
        rated = dict.fromkeys(self.sites, 0.0)
        for resource in self.resources:
            rated[resource.spec.site_id] += resource.spec.rated_kw
        return tuple(
            replace(site, contracted_demand_kw=float(np.ceil(1.05 * (rated[site.id] + site.other_load_kw) / 10) * 10))
            for site in self.sites.values()
            if rated[site.id] > 0
        )

    def freeze_resources(
        self, gateway_counts: Mapping[AdapterKind, int]
    ) -> tuple[tuple[ResourceSpec, ...], DeviceTable]:
        """Resources ordered by kind with gateways and device slices, and the device table."""
        ordered = sorted(self.resources, key=lambda draft: KINDS.index(draft.spec.kind))
        gateways = _assign_gateways(ordered, gateway_counts)
        specs: list[ResourceSpec] = []
        position = 0
        for draft, gateway_id in zip(ordered, gateways, strict=True):
            devices = slice(position, position + len(draft.devices))
            specs.append(replace(draft.spec, devices=devices, gateway_id=gateway_id))
            position = devices.stop
        return tuple(specs), _device_table(ordered)


def gateway_specs(counts: Mapping[AdapterKind, int]) -> tuple[GatewaySpec, ...]:
    """Gateways ``gw-<adapter>-NN``."""
    return tuple(
        GatewaySpec(_gateway_id(adapter, number), adapter)
        for adapter, count in counts.items()
        for number in range(count)
    )


def _gateway_id(adapter: str, number: int) -> str:
    return f"gw-{adapter}-{number + 1:02d}"


def _assign_gateways(ordered: Sequence[DraftResource], counts: Mapping[AdapterKind, int]) -> list[str]:
    """Blocks of neighbouring sites share a gateway, so that a site of one adapter kind has one gateway."""
    sites_of: dict[str, dict[str, int]] = {adapter: {} for adapter in counts}
    for draft in ordered:
        sites = sites_of[ADAPTER_OF_KIND[draft.spec.kind]]
        sites.setdefault(draft.spec.site_id, len(sites))
    names: list[str] = []
    for draft in ordered:
        adapter = ADAPTER_OF_KIND[draft.spec.kind]
        sites = sites_of[adapter]
        names.append(_gateway_id(adapter, sites[draft.spec.site_id] * counts[adapter] // len(sites)))
    return names


def _device_table(ordered: Sequence[DraftResource]) -> DeviceTable:
    flat = [(index, draft.spec.kind, device) for index, draft in enumerate(ordered) for device in draft.devices]
    kinds = [kind for _, kind, _ in flat]
    slices: dict[Kind, slice] = {}
    start = 0
    for kind in KINDS:
        stop = start + kinds.count(kind)
        slices[kind] = slice(start, stop)
        start = stop
    rows = [device.row for _, _, device in flat]
    piles = slice(slices["public_charging"].start, slices["residential_charging"].stop)
    ids = tuple(device.id for _, _, device in flat)
    return DeviceTable(
        ids=ids,
        keys=keys_of(ids),
        resource_index=np.array([index for index, _, _ in flat], dtype=np.int64),
        rated_kw=np.array([device.rated_kw for _, _, device in flat], dtype=np.float64),
        kind_slices=slices,
        lines=_columns(LineTable, rows[slices["factory_line"]]),
        processes=_columns(ProcessTable, rows[slices["factory_process"]]),
        piles=_columns(PileTable, rows[piles]),
        zones=_columns(ZoneTable, rows[slices["cooling"]]),
        lights=_columns(LightTable, rows[slices["lighting"]]),
        batteries=_columns(BatteryTable, rows[slices["storage"]]),
    )


def _columns(table: type[T], rows: Sequence[Row]) -> T:
    return table(
        **{column.name: np.array([row[column.name] for row in rows], dtype=np.float64) for column in fields(table)}
    )
