"""Expands commercial buildings, data centres, storage and the protected sites that must never be called."""

import numpy as np

from simulator.district import CustomerClass, ResourceSpec
from simulator.population_draft import Draft, DraftDevice
from simulator.population_spec import CommerceFile, DataCentresFile, ProtectedFile, StorageFile

OFFICE, MALL, ALL_DAY, DATA_CENTRE = 0.0, 1.0, 2.0, 3.0
_MASS_HOURS = 15.0
_AIR_RISE_K = 0.5
_DEPTH = 0.45
_INTERVALS = 8


def add_commerce(draft: Draft, spec: CommerceFile) -> None:
    """Chiller sub-meters first, then lighting in the same buildings."""
    sizes = draft.draw_sizes(spec.cooling_resources, 1000 * spec.cooling_level_mw)
    uses: list[float] = []
    for number in range(spec.cooling_resources):
        pick = draft.rng.random()
        uses.append(OFFICE if pick < spec.office_share else MALL if pick < spec.office_share + spec.mall_share else ALL_DAY)
        name, name_zh = {OFFICE: ("Office", "写字楼"), MALL: ("Mall", "商场"), ALL_DAY: ("Hotel", "酒店")}[uses[-1]]
        owner = draft.add_participant(
            f"p-building-{number // 2 + 1:03d}", f"Building owner {number // 2 + 1:03d}", f"楼宇业主{number // 2 + 1:03d}", "commerce"
        )
        site_id = f"building-{number + 1:03d}"
        draft.add_site(site_id, owner, group="commerce", other_load_kw=1.2 * float(sizes[number]))
        _add_cooling(
            draft,
            site_id,
            level_kw=float(sizes[number]),
            zones=draft.draw_count(spec.zones),
            use=uses[-1],
            slope_per_k=draft.draw(spec.slope_per_k),
            band_k=draft.draw(spec.band_k),
            names=(f"{name}, {site_id}, cooling", f"{name_zh}{number + 1:03d}中央空调"),
        )
    sizes = draft.draw_sizes(spec.lighting_resources, 1000 * spec.lighting_level_mw)
    for number in range(spec.lighting_resources):
        building = (5 * number + 1) % spec.cooling_resources
        _add_lighting(draft, f"building-{building + 1:03d}", level_kw=float(sizes[number]), use=uses[building], number=number)


def add_data_centres(draft: Draft, spec: DataCentresFile) -> None:
    """Data centres with their cooling; the UPS batteries are added with the storage."""
    for number in range(spec.count):
        site_id = f"datacentre-{number + 1}"
        owner = draft.add_participant(f"p-{site_id}", f"Data centre {number + 1}", f"数据中心{number + 1}", "data_centre")
        draft.add_site(site_id, owner, group="industry", other_load_kw=4000 * spec.cooling_level_mw)
        _add_cooling(
            draft,
            site_id,
            level_kw=1000 * spec.cooling_level_mw,
            zones=4,
            use=DATA_CENTRE,
            slope_per_k=0.012,
            band_k=2.0,
            names=(f"Data centre {number + 1}, cooling", f"数据中心{number + 1}制冷"),
            depth=0.15,
        )


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
            draft.add_site(site_id, owner, group="residents", other_load_kw=300.0, protected=True)
            _add_cooling(
                draft,
                site_id,
                level_kw=draft.draw(spec.cooling_level_kw),
                zones=2,
                use=ALL_DAY,
                slope_per_k=0.04,
                band_k=1.0,
                names=(f"{title}, cooling", f"{name_zh}{number + 1:02d}空调"),
            )


def _add_cooling(
    draft: Draft,
    site_id: str,
    *,
    level_kw: float,
    zones: int,
    use: float,
    slope_per_k: float,
    band_k: float,
    names: tuple[str, str],
    depth: float | None = None,
) -> None:
    depth = draft.draw((0.42, 0.54)) if depth is None else depth
    shares = draft.draw_sizes(zones, level_kw, sigma=0.4)
    retention = float(np.exp(-0.25 / _MASS_HOURS))
    # A curtailment of the usual depth for two hours brings zones to 65-110 % of their comfort band.
    rise_k = band_k * draft.draw((0.65, 1.1)) * depth / _DEPTH
    weight = (1 - retention**_INTERVALS) / (1 - retention)
    devices = []
    for number in range(zones):
        level = float(shares[number])
        row = {
            "use": use,
            "level_kw": level,
            "slope_per_k": slope_per_k,
            "setpoint_c": float(draft.rng.choice([24.0, 25.0, 26.0])),
            "band_k": band_k,
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
        name=names[0],
        name_zh=names[1],
        site_id=site_id,
        gateway_id="",
        kind="cooling",
        rated_kw=0.0,
        typical_kw=level_kw,
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
        discomfort_cny_per_kh=round(0.02 * level_kw, 2),
        discharge_allowed=False,
        label="cooling",
    )
    draft.add_resource(resource, devices)


def _add_lighting(draft: Draft, site_id: str, *, level_kw: float, use: float, number: int) -> None:
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
    """The shared station, batteries behind plants' meters, and the UPS batteries of the data centres."""
    owner = draft.add_participant("p-shared-storage", "Shared storage station", "共享储能电站", "storage")
    draft.add_site("shared-storage", owner, group="industry", other_load_kw=50.0, export_allowed=True)
    _add_battery(
        draft,
        "shared-storage",
        name=("Shared storage station", "共享储能电站"),
        power_kw=1000 * spec.shared_power_mw,
        capacity_kwh=1000 * spec.shared_capacity_mwh,
        strings=4,
    )
    for number in range(spec.user_side):
        site_id = f"plant-{(11 * number + 5) % plants + 1:03d}"
        power_kw = draft.draw(spec.user_side_power_kw)
        _add_battery(
            draft,
            site_id,
            name=(f"{site_id}, battery", f"{site_id[-3:]}厂用户侧储能"),
            power_kw=power_kw,
            capacity_kwh=power_kw * spec.user_side_hours,
            strings=1,
            # A third keep their energy for the site's own evening: they answer a call by not charging at midday.
            discharge_allowed=number % 3 != 2,
        )
    for number in range(data_centres.count):
        _add_battery(
            draft,
            f"datacentre-{number + 1}",
            name=(f"Data centre {number + 1}, UPS batteries", f"数据中心{number + 1}UPS储能"),
            power_kw=1000 * data_centres.ups_power_mw,
            capacity_kwh=1000 * data_centres.ups_power_mw * data_centres.ups_hours,
            strings=1,
        )


def _add_battery(
    draft: Draft,
    site_id: str,
    *,
    name: tuple[str, str],
    power_kw: float,
    capacity_kwh: float,
    strings: int,
    discharge_allowed: bool = True,
) -> None:
    row = {
        "power_kw": power_kw / strings,
        "capacity_kwh": capacity_kwh / strings,
        "efficiency": 0.94,
        "soc_min_kwh": 0.08 * capacity_kwh / strings,
        "schedule_code": 0.0 if discharge_allowed else 1.0,
        "discharge_allowed": float(discharge_allowed),
    }
    cost = draft.draw((0.45, 0.7))
    resource = ResourceSpec(
        id=f"{site_id}-battery",
        name=name[0],
        name_zh=name[1],
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
        discharge_allowed=discharge_allowed,
        label="shared" if site_id == "shared-storage" else "user side",
    )
    draft.add_resource(resource, [DraftDevice(f"{site_id}/string-{k + 1}", power_kw / strings, row) for k in range(strings)])
