"""Expands commercial buildings, data centres, storage and the protected sites that must never be called."""

from dataclasses import dataclass

import numpy as np

from simulator.district import CustomerClass, ResourceSpec
from simulator.population_draft import Draft, DraftDevice
from simulator.population_spec import CommerceFile, DataCentresFile, ProtectedFile, StorageFile

OFFICE, MALL, ALL_DAY, DATA_CENTRE = 0.0, 1.0, 2.0, 3.0
_MASS_HOURS = 15.0
_AIR_RISE_K = 0.5
_DEPTH = 0.45
_DEPTHS = (0.42, 0.54)
_USE_NAMES = {OFFICE: ("Office", "写字楼"), MALL: ("Mall", "商场"), ALL_DAY: ("Hotel", "酒店")}
_INTERVALS = 8
_KEEPS_EVERY = 3


@dataclass(frozen=True, slots=True)
class _Chiller:
    """A chiller sub-meter to be split into zones; ``depth`` is the share that can be curtailed."""

    level_kw: float
    zones: int
    use: float
    slope_per_k: float
    band_k: float
    depth: float
    name: str
    name_zh: str


@dataclass(frozen=True, slots=True)
class _Battery:
    """A battery of one or more equal strings."""

    power_kw: float
    capacity_kwh: float
    name: str
    name_zh: str
    strings: int = 1
    discharge_allowed: bool = True


def add_commerce(draft: Draft, spec: CommerceFile) -> None:
    """Chiller sub-meters first, then lighting in the same buildings."""
    sizes = draft.draw_sizes(spec.cooling_resources, 1000 * spec.cooling_level_mw)
    uses = [_draw_use(draft, spec) for _ in range(spec.cooling_resources)]
    for number, use in enumerate(uses):
        level_kw = float(sizes[number])
        name, name_zh = _USE_NAMES[use]
        owner_number = f"{number // 2 + 1:03d}"
        owner = draft.add_participant(
            f"p-building-{owner_number}", f"Building owner {owner_number}", f"楼宇业主{owner_number}", "commerce"
        )
        site_id = f"building-{number + 1:03d}"
        draft.add_site(site_id, owner, group="commerce", other_load_kw=1.2 * level_kw)
        chiller = _Chiller(
            level_kw=level_kw,
            zones=draft.draw_count(spec.zones),
            use=use,
            slope_per_k=draft.draw(spec.slope_per_k),
            band_k=draft.draw(spec.band_k),
            depth=draft.draw(_DEPTHS),
            name=f"{name}, {site_id}, cooling",
            name_zh=f"{name_zh}{number + 1:03d}中央空调",
        )
        _add_cooling(draft, site_id, chiller)
    sizes = draft.draw_sizes(spec.lighting_resources, 1000 * spec.lighting_level_mw)
    for number in range(spec.lighting_resources):
        building = (5 * number + 1) % spec.cooling_resources
        _add_lighting(draft, building, number, level_kw=float(sizes[number]), use=uses[building])


def _draw_use(draft: Draft, spec: CommerceFile) -> float:
    pick = draft.rng.random()
    if pick < spec.office_share:
        return OFFICE
    return MALL if pick < spec.office_share + spec.mall_share else ALL_DAY


def add_data_centres(draft: Draft, spec: DataCentresFile) -> None:
    """Data centres with their cooling; the UPS batteries are added with the storage."""
    for number in range(spec.count):
        site_id = f"datacentre-{number + 1}"
        owner = draft.add_participant(
            f"p-{site_id}", f"Data centre {number + 1}", f"数据中心{number + 1}", "data_centre"
        )
        draft.add_site(site_id, owner, group="industry", other_load_kw=4000 * spec.cooling_level_mw)
        chiller = _Chiller(
            level_kw=1000 * spec.cooling_level_mw,
            zones=4,
            use=DATA_CENTRE,
            slope_per_k=0.012,
            band_k=2.0,
            depth=0.15,
            name=f"Data centre {number + 1}, cooling",
            name_zh=f"数据中心{number + 1}制冷",
        )
        _add_cooling(draft, site_id, chiller)


def add_protected(draft: Draft, spec: ProtectedFile) -> None:
    """Hospitals, residents' own supply and public services: they report, and no command may ever reach them."""
    groups: tuple[tuple[str, str, CustomerClass, int], ...] = (
        ("hospital", "医院", "hospital", spec.hospitals),
        ("residence", "居民楼", "residents", spec.residents),
        ("public", "公共服务", "public_service", spec.public_services),
    )
    for prefix, name_zh, customer_class, count in groups:
        for number in range(count):
            site_id = f"{prefix}-{number + 1:02d}"
            title = f"{prefix.capitalize()} {number + 1:02d}"
            owner = draft.add_participant(f"p-{site_id}", title, f"{name_zh}{number + 1:02d}", customer_class)
            draft.add_site(site_id, owner, group="residents", other_load_kw=300.0)
            chiller = _Chiller(
                level_kw=draft.draw(spec.cooling_level_kw),
                zones=2,
                use=ALL_DAY,
                slope_per_k=0.04,
                band_k=1.0,
                depth=draft.draw(_DEPTHS),
                name=f"{title}, cooling",
                name_zh=f"{name_zh}{number + 1:02d}空调",
            )
            _add_cooling(draft, site_id, chiller)


def _add_cooling(draft: Draft, site_id: str, chiller: _Chiller) -> None:
    depth = chiller.depth
    shares = draft.draw_sizes(chiller.zones, chiller.level_kw, sigma=0.4)
    retention = float(np.exp(-0.25 / _MASS_HOURS))
    # A curtailment of the usual depth for two hours brings chiller.zones to 65-110 % of their comfort band.
    rise_k = chiller.band_k * draft.draw((0.65, 1.1)) * depth / _DEPTH
    weight = (1 - retention**_INTERVALS) / (1 - retention)
    devices = []
    for number in range(chiller.zones):
        level = float(shares[number])
        row = {
            "use": chiller.use,
            "level_kw": level,
            "slope_per_k": chiller.slope_per_k,
            "setpoint_c": float(draft.rng.choice([24.0, 25.0, 26.0])),
            "band_k": chiller.band_k,
            "retention": retention,
            "gain_k_per_kw": (rise_k - _AIR_RISE_K * depth / _DEPTH) / (depth * level * weight),
            "air_gain_k_per_kw": _AIR_RISE_K / (_DEPTH * level),
            "floor_fraction": 1.0 - depth,
            "capacity_kw": 1.3 * level,
        }
        devices.append(DraftDevice(f"{site_id}/zone-{number + 1}", 1.3 * level, row))
    cost = draft.draw((0.6, 1.1))
    resource = ResourceSpec(
        id=f"{site_id}-cooling",
        name=chiller.name,
        name_zh=chiller.name_zh,
        site_id=site_id,
        gateway_id="",
        kind="cooling",
        rated_kw=0.0,
        typical_kw=chiller.level_kw,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=False,
        confirm_minutes=0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=1.4 * cost,
        segment_1_fraction=0.5,
        start_cost_cny=0.0,
        min_run_minutes=15,
        max_run_minutes=180,
        max_calls=2,
        floor_fraction=1.0 - depth,
        discomfort_cny_per_kh=round(0.02 * chiller.level_kw, 2),
        discharge_allowed=False,
        label="cooling",
    )
    draft.add_resource(resource, devices)


def _add_lighting(draft: Draft, building: int, number: int, *, level_kw: float, use: float) -> None:
    site_id = f"building-{building + 1:03d}"
    floor = draft.draw((0.55, 0.7))
    shares = draft.draw_sizes(2, level_kw, sigma=0.3)
    devices = [
        DraftDevice(
            f"{site_id}/lighting-{number + 1}-{circuit + 1}",
            1.25 * float(shares[circuit]),
            {"use": use, "level_kw": float(shares[circuit]), "floor_fraction": floor},
        )
        for circuit in range(2)
    ]
    cost = draft.draw((0.9, 1.4))
    resource = ResourceSpec(
        id=f"{site_id}-lighting-{number + 1}",
        name=f"{site_id}, lighting",
        name_zh=f"楼宇{site_id[-3:]}照明",
        site_id=site_id,
        gateway_id="",
        kind="lighting",
        rated_kw=0.0,
        typical_kw=level_kw,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=False,
        confirm_minutes=0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=1.5 * cost,
        segment_1_fraction=0.6,
        start_cost_cny=0.0,
        min_run_minutes=15,
        max_run_minutes=240,
        max_calls=3,
        floor_fraction=floor,
        discomfort_cny_per_kh=0.0,
        discharge_allowed=False,
        label="lighting",
    )
    draft.add_resource(resource, devices)


def add_storage(draft: Draft, spec: StorageFile, data_centres: DataCentresFile, *, plants: int) -> None:
    """The shared station, a tenant for each unit, batteries behind plants' meters, and the data centres' UPS."""
    for number in range(spec.shared_units):
        site_id = f"shared-storage-{number + 1}"
        owner = draft.add_participant(
            f"p-{site_id}", f"Shared storage, tenant {number + 1}", f"共享储能租户{number + 1}", "storage"
        )
        draft.add_site(site_id, owner, group="industry", other_load_kw=10.0)
        draft.hang_from_strongest(site_id)
        unit = _Battery(
            power_kw=1000 * spec.shared_power_mw / spec.shared_units,
            capacity_kwh=1000 * spec.shared_capacity_mwh / spec.shared_units,
            name=f"Shared storage station, unit {number + 1}",
            name_zh=f"共享储能电站{number + 1}号单元",
            strings=4,
        )
        _add_battery(draft, site_id, unit)
    for number in range(spec.user_side):
        site_id = f"plant-{(11 * number + 5) % plants + 1:03d}"
        power_kw = draft.draw(spec.user_side_power_kw)
        battery = _Battery(
            power_kw=power_kw,
            capacity_kwh=power_kw * spec.user_side_hours,
            name=f"{site_id}, battery",
            name_zh=f"{site_id[-3:]}厂用户侧储能",
            # A third keep their energy for the site's own evening: they answer a call by not charging at midday.
            discharge_allowed=(number + 1) % _KEEPS_EVERY > 0,
        )
        _add_battery(draft, site_id, battery)
    for number in range(data_centres.count):
        power_kw = 1000 * data_centres.ups_power_mw
        battery = _Battery(
            power_kw=power_kw,
            capacity_kwh=power_kw * data_centres.ups_hours,
            name=f"Data centre {number + 1}, UPS batteries",
            name_zh=f"数据中心{number + 1}UPS储能",
        )
        _add_battery(draft, f"datacentre-{number + 1}", battery)


def _add_battery(draft: Draft, site_id: str, battery: _Battery) -> None:
    row = {
        "power_kw": battery.power_kw / battery.strings,
        "capacity_kwh": battery.capacity_kwh / battery.strings,
        "efficiency": 0.94,
        "soc_min_kwh": 0.08 * battery.capacity_kwh / battery.strings,
        "schedule_code": 0.0 if battery.discharge_allowed else 1.0,
        "discharge_allowed": float(battery.discharge_allowed),
    }
    cost = draft.draw((0.45, 0.7))
    resource = ResourceSpec(
        id=f"{site_id}-battery",
        name=battery.name,
        name_zh=battery.name_zh,
        site_id=site_id,
        gateway_id="",
        kind="storage",
        rated_kw=0.0,
        typical_kw=0.0,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=False,
        confirm_minutes=0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=cost,
        segment_1_fraction=1.0,
        start_cost_cny=0.0,
        min_run_minutes=15,
        max_run_minutes=240,
        max_calls=4,
        floor_fraction=0.0,
        discomfort_cny_per_kh=0.0,
        discharge_allowed=battery.discharge_allowed,
        label="shared" if site_id.startswith("shared-storage") else "user side",
    )
    strings = [
        DraftDevice(f"{site_id}/string-{number + 1}", battery.power_kw / battery.strings, row)
        for number in range(battery.strings)
    ]
    draft.add_resource(resource, strings)
