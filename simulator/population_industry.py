"""Expands factories: plants of the plan's sectors, lines that stop as a block, processes that can be turned down."""

from simulator.district import ResourceSpec
from simulator.population_draft import Draft, DraftDevice
from simulator.population_spec import FactoriesFile, PlantSector

LINE_PEAK_FACTOR = 1.9
"""Rated over mean in-shift power of a line: the measured steel days reach about 1.8 times their shift mean."""


THREE_SHIFTS = 3
Plant = tuple[str, PlantSector]
"""Site id and sector."""


def add_factories(draft: Draft, spec: FactoriesFile) -> None:
    """Plants, their lines, and the continuous processes of the three-shift sectors."""
    plants = [_add_plant(draft, spec, number) for number in range(spec.plants)]
    sizes = draft.draw_sizes(spec.line_resources, 1000 * spec.lines_level_mw)
    for number in range(spec.line_resources):
        plant = plants[number % spec.plants]
        _add_lines(draft, spec, plant, group=number // spec.plants, level_kw=float(sizes[number]))
    sizes = draft.draw_sizes(spec.process_resources, 1000 * spec.process_level_mw)
    for number in range(spec.process_resources):
        plant = plants[(7 * number + 3) % spec.plants]
        _add_process(draft, spec, plant, number=number, level_kw=float(sizes[number]))


def _add_plant(draft: Draft, spec: FactoriesFile, number: int) -> Plant:
    names = list(spec.sectors)
    weights = [spec.sectors[name].weight for name in names]
    total = sum(weights)
    sector = spec.sectors[names[int(draft.rng.choice(len(names), p=[weight / total for weight in weights]))]]
    plant_id = f"plant-{number + 1:03d}"
    draft.add_participant(
        f"p-{plant_id}", f"{sector.name} {number + 1:03d}", f"{sector.name_zh}{number + 1:03d}厂", "industry"
    )
    draft.add_site(plant_id, f"p-{plant_id}", group="industry", other_load_kw=draft.draw((150.0, 900.0)))
    return plant_id, sector


def _draw_shifts(draft: Draft, sector: PlantSector) -> int:
    total = sum(sector.shifts)
    return 1 + int(draft.rng.choice(3, p=[share / total for share in sector.shifts]))


def _add_lines(draft: Draft, spec: FactoriesFile, plant: Plant, *, group: int, level_kw: float) -> None:
    plant_id, sector = plant
    count = draft.draw_count(spec.lines_per_resource)
    shares = draft.draw_sizes(count, level_kw, sigma=0.4)
    shifts = _draw_shifts(draft, sector)
    lunch = float(draft.rng.random() < spec.lunch_share and shifts < THREE_SHIFTS)
    slope_per_k = draft.draw(spec.line_slope_per_k)
    devices = []
    for number in range(count):
        level = float(shares[number])
        row = {
            "shifts": float(shifts),
            "lunch": lunch,
            "level_kw": level,
            "standby_fraction": draft.draw((0.04, 0.14)),
            "min_kw": 0.35 * level,
            "stop_minutes": draft.draw((1.0, 5.0)),
            "start_minutes": draft.draw((5.0, 15.0)),
            "min_up_minutes": 30.0,
            "catch_up_fraction": draft.draw((0.2, 0.6)),
            "boost_fraction": draft.draw((0.05, 0.12)),
            "slope_per_k": slope_per_k,
        }
        devices.append(DraftDevice(f"{plant_id}/line-{3 * group + number + 1}", LINE_PEAK_FACTOR * level, row))
    needs_person = bool(draft.rng.random() < spec.needs_person_share)
    letter = chr(ord("a") + group)
    cost = draft.draw(sector.line_cost_cny_per_kwh)
    resource = ResourceSpec(
        id=f"{plant_id}-lines-{letter}",
        name=f"{sector.name}, {plant_id}, line group {letter.upper()}",
        name_zh=f"{sector.name_zh}{plant_id[-3:]}厂生产线{letter.upper()}组",
        site_id=plant_id,
        gateway_id="",
        kind="factory_line",
        rated_kw=0.0,
        typical_kw=level_kw,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=needs_person,
        confirm_minutes=draft.draw((2.0, 8.0)) if needs_person else 0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=cost,
        segment_1_fraction=1.0,
        start_cost_cny=round(0.25 * level_kw, 1),
        min_run_minutes=int(draft.rng.choice([60, 60, 90, 120])),
        max_run_minutes=int(draft.rng.choice([120, 180, 240])),
        max_calls=int(draft.rng.choice([1, 1, 2])),
        floor_fraction=sum(float(d.row["standby_fraction"]) * float(d.row["level_kw"]) for d in devices) / level_kw,
        discomfort_cny_per_kh=0.0,
        discharge_allowed=False,
        label=sector.name,
    )
    draft.add_resource(resource, devices)


def _add_process(draft: Draft, spec: FactoriesFile, plant: Plant, *, number: int, level_kw: float) -> None:
    plant_id, sector = plant
    depth = draft.draw(spec.process_divisible)
    row = {
        "level_kw": level_kw,
        "floor_fraction": 1.0 - depth,
        "ramp_fraction_per_minute": draft.draw((0.005, 0.02)),
        "slope_per_k": draft.draw(spec.process_slope_per_k),
    }
    cost = draft.draw((2.5, 4.0))
    resource = ResourceSpec(
        id=f"{plant_id}-process-{number + 1}",
        name=f"{sector.name}, {plant_id}, continuous process",
        name_zh=f"{sector.name_zh}{plant_id[-3:]}厂连续工序",
        site_id=plant_id,
        gateway_id="",
        kind="factory_process",
        rated_kw=0.0,
        typical_kw=level_kw,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=False,
        confirm_minutes=0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=1.3 * cost,
        segment_1_fraction=0.6,
        start_cost_cny=0.0,
        min_run_minutes=15,
        max_run_minutes=120,
        max_calls=2,
        floor_fraction=1.0 - depth,
        discomfort_cny_per_kh=0.0,
        discharge_allowed=False,
        label=sector.name,
    )
    draft.add_resource(resource, [DraftDevice(f"{plant_id}/process-{number + 1}", 1.35 * level_kw, row)])
