"""From the simulated district to what the controller and the gateways are told of it when they are installed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.kit.resource_spec import (
    ChargingTerms,
    CoolingTerms,
    LoadTerms,
    ResourceSpec,
    StorageTerms,
    Terms,
)
from simulator.district import District
from simulator.district import ResourceSpec as SimulatedResource
from simulator.plant import Plant
from simulator.scenario import Scenario
from vpp.domain.fleet import CustomerClass, Fleet, Node, Participant, Resource, ResourceKind, Site
from vpp.services.intake import ReferencePeak

INTERVAL_MIN = 15
CONFIRM_WITHIN_S = 1200.0
TYPICAL_DAYS = 5
TIMED_SESSION_MIN = 600.0
ACCESS_ROUNDS = {
    CustomerClass.INDUSTRY: 1,
    CustomerClass.STORAGE: 1,
    CustomerClass.DATA_CENTRE: 2,
    CustomerClass.COMMERCE: 2,
    CustomerClass.CHARGING_OPERATOR: 2,
}
"""Rounds of staged onboarding (分轮次接入), assumed: the city's draft rules of 2024 connect the users of the
orderly-use plan, large industry, first; how many rounds there are was not found. All are open unless a controller is
told otherwise."""
LAST_ACCESS_ROUND = 3


@dataclass(frozen=True, slots=True)
class Installed:
    """One gateway's resources and the rows of the plant's device table behind them."""

    gateway_id: str
    specs: tuple[ResourceSpec, ...]
    device_rows: NDArray[np.int64]


def registered_ids(scenario: Scenario) -> tuple[str, ...]:
    """Resources that the controller knows: those that have signed, and those that may never be called."""
    district = scenario.district
    return tuple(r.id for r in district.resources if r.id in scenario.enrolled or not district.callable_resource(r))


def fleet_of(scenario: Scenario) -> Fleet:
    """The registered fleet."""
    district = scenario.district
    known = set(registered_ids(scenario))
    resources = [r for r in district.resources if r.id in known]
    site_ids = {r.site_id for r in resources}
    sites = [s for s in district.sites if s.id in site_ids]
    participant_ids = {s.participant_id for s in sites}
    return Fleet.of(
        nodes=[Node(n.id, n.name, n.parent_id, n.import_limit_kw, n.export_limit_kw) for n in district.nodes],
        participants=[
            Participant(p.id, p.name, p.name_zh, CustomerClass(p.customer_class))
            for p in district.participants
            if p.id in participant_ids
        ],
        sites=[
            Site(
                s.id,
                s.participant_id,
                s.node_id,
                CustomerClass(s.customer_class),
                s.contracted_demand_kw,
                s.export_allowed,
                other_load_kw=s.other_load_kw,
                access_round=ACCESS_ROUNDS.get(CustomerClass(s.customer_class), LAST_ACCESS_ROUND),
            )
            for s in sites
        ],
        resources=[
            Resource(r.id, r.site_id, r.gateway_id, ResourceKind(r.kind), r.rated_kw, r.opted_in, r.needs_person)
            for r in resources
        ],
    )


def reference_peak_of(district: District) -> ReferencePeak:
    """The district's stated reference peak."""
    return ReferencePeak(district.reference_peak_kw, district.reference_peak_source, district.reference_peak_date)


def installed_gateways(scenario: Scenario, plant: Plant) -> tuple[Installed, ...]:
    """What each gateway is told of its resources, in order of the district's gateways."""
    district = scenario.district
    known = set(registered_ids(scenario))
    profiles = _typical_profiles(plant)
    protected = {s.id for s in district.sites if s.protected}
    groups: dict[str, list[SimulatedResource]] = {}
    for resource in district.resources:
        if resource.id in known:
            groups.setdefault(resource.gateway_id, []).append(resource)
    installed: list[Installed] = []
    for gateway_id, members in groups.items():
        specs: list[ResourceSpec] = []
        rows: list[NDArray[np.int64]] = []
        first = 0
        for resource in members:
            count = resource.devices.stop - resource.devices.start
            rows.append(np.arange(resource.devices.start, resource.devices.stop, dtype=np.int64))
            specs.append(
                ResourceSpec(
                    id=resource.id,
                    site_id=resource.site_id,
                    kind=ResourceKind(resource.kind),
                    rated_kw=resource.rated_kw,
                    first_device=first,
                    device_count=count,
                    terms=_terms(resource, count, plant),
                    profile_kw=profiles[resource.id],
                    confirm_within_s=CONFIRM_WITHIN_S if resource.needs_person else None,
                    opted_in=resource.opted_in,
                    protected=resource.site_id in protected,
                )
            )
            first += count
        installed.append(Installed(gateway_id, tuple(specs), np.concatenate(rows)))
    return tuple(installed)


def _typical_profiles(plant: Plant) -> Mapping[str, NDArray[np.float64]]:
    """Mean of the latest working days per resource, shape (96,); for storage the declared schedule."""
    district = plant.district
    history = plant.history(2 * TYPICAL_DAYS)
    working = [i for i, day in enumerate(history.days) if day.weekday() < TYPICAL_DAYS][-TYPICAL_DAYS:]
    mean = history.power_kw[:, working, :].mean(axis=1, dtype=np.float64)
    storage = district.devices.kind_slices["storage"]
    profiles = {resource_id: mean[row] for row, resource_id in enumerate(history.resource_ids)}
    for resource in district.resources:
        if resource.kind == "storage":
            local = slice(resource.devices.start - storage.start, resource.devices.stop - storage.start)
            profiles[resource.id] = plant.schedule_kw[local].sum(axis=0)
    return profiles


def _ready_margins(resource: SimulatedResource, plant: Plant) -> NDArray[np.float64]:
    """Margins of the timers of the resource's piles; ``nan`` without one."""
    devices = plant.district.devices
    first = devices.pile_slice.start
    return devices.piles.ready_margin_min[resource.devices.start - first : resource.devices.stop - first]


def _terms(resource: SimulatedResource, count: int, plant: Plant) -> Terms:
    curtailable = 1.0 - resource.floor_fraction
    match resource.kind:
        case "factory_line":
            return LoadTerms(
                segment_1_fraction=curtailable,
                segment_2_fraction=0.0,
                cost_1_cny_per_kwh=resource.cost_1_cny_per_kwh,
                cost_2_cny_per_kwh=resource.cost_2_cny_per_kwh,
                start_cost_cny=resource.start_cost_cny,
                block_minimum_fraction=1.0 if count == 1 else 0.5,
                min_run=max(1, math.ceil(resource.min_run_minutes / INTERVAL_MIN)),
                max_run=max(1, resource.max_run_minutes // INTERVAL_MIN),
                max_calls=resource.max_calls,
            )
        case "factory_process" | "lighting":
            return LoadTerms(
                segment_1_fraction=curtailable * resource.segment_1_fraction,
                segment_2_fraction=curtailable * (1.0 - resource.segment_1_fraction),
                cost_1_cny_per_kwh=resource.cost_1_cny_per_kwh,
                cost_2_cny_per_kwh=max(resource.cost_2_cny_per_kwh, resource.cost_1_cny_per_kwh),
            )
        case "residential_charging" if np.isfinite(_ready_margins(resource, plant)).all():
            # Nearly all of the night's cars are there before they begin.
            return ChargingTerms(
                cost_cny_per_kwh=resource.cost_1_cny_per_kwh, early_start=True, session_min=TIMED_SESSION_MIN
            )
        case "public_charging" | "residential_charging":
            return ChargingTerms(
                cost_cny_per_kwh=resource.cost_1_cny_per_kwh, slowing_consented=resource.kind == "public_charging"
            )
        case "cooling":
            return CoolingTerms(
                curtail_fraction=curtailable,
                cost_cny_per_kwh=resource.cost_1_cny_per_kwh,
                discomfort_cny_per_kh=resource.discomfort_cny_per_kh,
            )
        case "storage":
            snapshot = plant.snapshot(np.arange(resource.devices.start, resource.devices.stop, dtype=np.int64))
            least = float(snapshot.soc_min_kwh.sum() / snapshot.capacity_kwh.sum())
            return StorageTerms(
                soc_min_fraction=least,
                soc_end_fraction=least,
                cost_cny_per_kwh=resource.cost_1_cny_per_kwh,
                export_allowed=resource.discharge_allowed,
            )
