"""What a district is made of: network, customers, resources and the physical parameters of every device.

All of it is frozen and the same for every scenario seed. Devices are ordered by kind, and within a kind by resource,
so that every resource owns one slice of the device table and every kind is one slice too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Keys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Kind = Literal[
    "factory_line",
    "factory_process",
    "public_charging",
    "residential_charging",
    "cooling",
    "lighting",
    "storage",
]
KINDS: tuple[Kind, ...] = (
    "factory_line",
    "factory_process",
    "public_charging",
    "residential_charging",
    "cooling",
    "lighting",
    "storage",
)
AdapterKind = Literal["factory", "charging", "commercial", "storage"]
ADAPTER_OF_KIND: Mapping[Kind, AdapterKind] = MappingProxyType(
    {
        "factory_line": "factory",
        "factory_process": "factory",
        "public_charging": "charging",
        "residential_charging": "charging",
        "cooling": "commercial",
        "lighting": "commercial",
        "storage": "storage",
    }
)
CustomerClass = Literal[
    "industry",
    "commerce",
    "charging_operator",
    "residential_charging",
    "data_centre",
    "storage",
    "residents",
    "hospital",
    "agriculture",
    "public_service",
]
PROTECTED_CLASSES: frozenset[CustomerClass] = frozenset({"residents", "hospital", "agriculture", "public_service"})


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """A substation or line; ``parent_id`` is ``None`` for the root.

    Attributes:
        weights: Share of each customer group's background load and sites that hangs directly from this node, by
            group ``industry``, ``commerce``, ``residents``; over all nodes each group adds up to 1.
    """

    id: str
    name: str
    name_zh: str
    parent_id: str | None
    import_limit_kw: float
    export_limit_kw: float
    kind: str
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParticipantSpec:
    """Who signs and is paid."""

    id: str
    name: str
    name_zh: str
    customer_class: CustomerClass


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """What sits behind one meter.

    Attributes:
        contracted_demand_kw: Covers all resources of the site at rated power and its other load.
        protected: Its resources exist and report, and must never be called.
        other_load_kw: Typical daytime load of the site outside its sub-meters; stated, not simulated per site.
    """

    id: str
    participant_id: str
    node_id: str
    customer_class: CustomerClass
    contracted_demand_kw: float
    export_allowed: bool
    protected: bool
    other_load_kw: float


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """One edge gateway; it speaks for resources of one adapter kind."""

    id: str
    adapter: AdapterKind


@dataclass(frozen=True, slots=True)
class ResourceSpec:
    """One controllable thing with its own sub-meter.

    Attributes:
        devices: Its slice of the district's device table.
        typical_kw: Power to expect on a hot working day at 14:00-16:00, without an event.
        opted_in: False where a residential cluster's owner has not agreed; such a resource only reports.
        confirm_minutes: Mean time until the person on site confirms; 0 where nobody has to.
        cost_1_cny_per_kwh: Asking price of the first segment; lines and storage have this one only.
        cost_2_cny_per_kwh: Asking price of the second segment.
        segment_1_fraction: Share of the curtailable power that the first segment holds.
        start_cost_cny: Cost of one call.
        min_run_minutes: Shortest call (lines).
        max_run_minutes: Longest call.
        max_calls: Calls per day.
        floor_fraction: Power that stays, of the uncontrolled power, when it is fully curtailed.
        discomfort_cny_per_kh: Price of one kelvin above the set point for an hour (cooling).
        discharge_allowed: A call may make it discharge: the site's other load takes it, or the site may export. Others
            discharge by their own schedule only, and answer a call by not charging.
        label: Sector, station or building type, for people.
    """

    id: str
    name: str
    name_zh: str
    site_id: str
    gateway_id: str
    kind: Kind
    rated_kw: float
    typical_kw: float
    devices: slice
    opted_in: bool
    needs_person: bool
    confirm_minutes: float
    cost_1_cny_per_kwh: float
    cost_2_cny_per_kwh: float
    segment_1_fraction: float
    start_cost_cny: float
    min_run_minutes: int
    max_run_minutes: int
    max_calls: int
    floor_fraction: float
    discomfort_cny_per_kh: float
    discharge_allowed: bool
    label: str


@dataclass(frozen=True)
class LineTable:
    """Parameters of production lines, each shape (lines,).

    ``shifts`` is 1, 2 or 3; ``lunch`` 1 where the line stops from 12 to 13; ``level_kw`` the mean power inside a
    shift; ``standby_fraction`` of the uncontrolled power remains when stopped; ``catch_up_fraction`` of the deferred
    energy is produced later, at most ``boost_fraction * level_kw`` on top. ``slope_per_k`` is the relative change per
    kelvin of outdoor temperature (ventilation and cooling of the workshop on the line's sub-meter).
    """

    shifts: Floats
    lunch: Floats
    level_kw: Floats
    standby_fraction: Floats
    min_kw: Floats
    stop_minutes: Floats
    start_minutes: Floats
    min_up_minutes: Floats
    catch_up_fraction: Floats
    boost_fraction: Floats
    slope_per_k: Floats


@dataclass(frozen=True)
class ProcessTable:
    """Continuous processes, each shape (processes,): divisible down to ``floor_fraction`` of the uncontrolled power."""

    level_kw: Floats
    floor_fraction: Floats
    ramp_fraction_per_minute: Floats
    slope_per_k: Floats


@dataclass(frozen=True)
class PileTable:
    """Charging piles, each shape (piles,).

    ``pattern`` is 0 public fast, 1 public slow, 2 resident's own, 3 jointly operated in a residential area.
    ``min_kw`` is the least power other than 0 (6 A per phase, or the DC converter's minimum). A car at a pile with a
    ``ready_margin_min`` charges by its own timer, so late that it is full that long before it leaves; ``nan``: at once.
    """

    pattern: Floats
    rated_kw: Floats
    min_kw: Floats
    sessions_per_day: Floats
    ready_margin_min: Floats


@dataclass(frozen=True)
class ZoneTable:
    """Cooling zones, each shape (zones,).

    ``use`` is 0 office, 1 mall, 2 around the clock, 3 data centre. ``level_kw`` is the chiller's electrical power at
    14:00-16:00 and 36 degrees outside; ``slope_per_k`` its relative change per kelvin of outdoor temperature.
    The rise above the undisturbed temperature follows ``theta' = retention theta + gain_k_per_kw r`` per 15 minutes
    for the mass, and ``air_gain_k_per_kw r`` with a lag of about 20 minutes for the air.
    """

    use: Floats
    level_kw: Floats
    slope_per_k: Floats
    setpoint_c: Floats
    band_k: Floats
    retention: Floats
    gain_k_per_kw: Floats
    air_gain_k_per_kw: Floats
    floor_fraction: Floats
    capacity_kw: Floats


@dataclass(frozen=True)
class LightTable:
    """Dimmable lighting circuits, each shape (circuits,)."""

    use: Floats
    level_kw: Floats
    floor_fraction: Floats


@dataclass(frozen=True)
class BatteryTable:
    """Batteries, each shape (batteries,); ``efficiency`` is one way; ``charge_*`` states the declared schedule.

    ``schedule_code`` 0: charge at night, discharge in the evening; 1: charge at midday too, for the evening.
    """

    power_kw: Floats
    capacity_kwh: Floats
    efficiency: Floats
    soc_min_kwh: Floats
    schedule_code: Floats
    discharge_allowed: Floats


@dataclass(frozen=True)
class DeviceTable:
    """All devices of the district.

    Attributes:
        ids: Readable ids, unique, such as ``plant-017/line-2``.
        keys: Stream keys of the ids, shape (devices,).
        resource_index: Index into ``District.resources``, non-decreasing, shape (devices,).
        rated_kw: Largest power into the device, shape (devices,).
        kind_slices: Slice of each kind; ``piles`` covers public then residential ones.
    """

    ids: tuple[str, ...]
    keys: Keys
    resource_index: Ints
    rated_kw: Floats
    kind_slices: Mapping[Kind, slice]
    lines: LineTable
    processes: ProcessTable
    piles: PileTable
    zones: ZoneTable
    lights: LightTable
    batteries: BatteryTable

    @property
    def pile_slice(self) -> slice:
        """Public piles followed by residential ones."""
        return slice(self.kind_slices["public_charging"].start, self.kind_slices["residential_charging"].stop)

    @cached_property
    def index_of(self) -> Mapping[str, int]:
        """Device id to row."""
        return {device_id: row for row, device_id in enumerate(self.ids)}


@dataclass(frozen=True)
class BackgroundSector:
    """Load of one sector that no resource meters: ``peak_kw`` times a daily shape, shape (24,), by hour."""

    name: str
    group: str
    peak_kw: float
    slope_per_k: float
    shape: Floats


@dataclass(frozen=True)
class District:
    """Everything that exists in the district, whatever the scenario.

    ``working_weekends`` are weekend days worked in lieu of one of the ``holidays``.
    """

    name: str
    name_zh: str
    population_seed: int
    reference_peak_kw: float
    reference_peak_source: str
    reference_peak_date: date
    holidays: frozenset[date]
    nodes: tuple[NodeSpec, ...]
    participants: tuple[ParticipantSpec, ...]
    sites: tuple[SiteSpec, ...]
    gateways: tuple[GatewaySpec, ...]
    resources: tuple[ResourceSpec, ...]
    devices: DeviceTable
    background: tuple[BackgroundSector, ...]
    working_weekends: frozenset[date] = frozenset()

    @cached_property
    def resource_index(self) -> Mapping[str, int]:
        """Resource id to its row in ``resources``."""
        return {resource.id: row for row, resource in enumerate(self.resources)}

    @cached_property
    def node_index(self) -> Mapping[str, int]:
        """Node id to its row in ``nodes``."""
        return {node.id: row for row, node in enumerate(self.nodes)}

    @cached_property
    def site_by_id(self) -> Mapping[str, SiteSpec]:
        """Site id to site."""
        return {site.id: site for site in self.sites}

    @cached_property
    def node_of_resource(self) -> Ints:
        """Row in ``nodes`` that each resource hangs from, shape (resources,)."""
        sites = self.site_by_id
        return np.array([self.node_index[sites[r.site_id].node_id] for r in self.resources], dtype=np.int64)

    @cached_property
    def below(self) -> Floats:
        """1 where the column's node is the row's node or hangs below it, shape (nodes, nodes)."""
        return self.below_with({})

    def below_with(self, parents: Mapping[str, str]) -> Floats:
        """``below`` with each node of ``parents`` hanging from the node named there."""
        above = {node.id: parents.get(node.id, node.parent_id) for node in self.nodes}
        matrix = np.zeros((len(self.nodes), len(self.nodes)))
        for column, node in enumerate(self.nodes):
            at: str | None = node.id
            while at is not None:
                matrix[self.node_index[at], column] = 1.0
                at = above[at]
        return matrix

    def callable_resource(self, resource: ResourceSpec) -> bool:
        """Whether it may ever be called: not protected, and opted in."""
        return resource.opted_in and not self.site_by_id[resource.site_id].protected
