"""Expands charging: new and older public stations, and residential clusters of own and of jointly operated piles."""

import math
from dataclasses import replace

import numpy as np

from simulator.district import Kind, ResourceSpec
from simulator.meter_shapes import load_station_inventory
from simulator.population_draft import Draft, DraftDevice
from simulator.population_spec import PublicChargingFile, ResidentialChargingFile

FAST, SLOW, OWN, SHARED = 0.0, 1.0, 2.0, 3.0
AC_MIN_KW = 1.32
"""6 A on one phase of 220 V (GB/T 18487.1 pilot signal, as in IEC 61851-1)."""


def add_public_charging(draft: Draft, spec: PublicChargingFile) -> None:
    """New stations share exactly ``new_piles`` piles; the stock takes its sizes from a real station inventory."""
    for number, piles in enumerate(_new_station_sizes(draft, spec)):
        fast = int(draft.rng.binomial(piles, spec.new_fast_share))
        _add_station(draft, spec, number, piles=(fast, piles - fast), label="new station")
    inventory_fast, inventory_slow = load_station_inventory()
    small = np.flatnonzero((inventory_fast + inventory_slow) <= spec.stock_piles_max)
    for number in range(spec.stock_stations):
        row = int(draft.rng.choice(small))
        sizes = (int(inventory_fast[row]), int(inventory_slow[row]))
        _add_station(draft, spec, spec.new_stations + number, piles=sizes, label="older station")


def _new_station_sizes(draft: Draft, spec: PublicChargingFile) -> list[int]:
    """Station sizes that add up to ``new_piles``: near-equal shares, then up to two piles moved between pairs."""
    if spec.new_stations == 0:
        return []
    base, extra = divmod(spec.new_piles, spec.new_stations)
    order = draft.rng.permutation(spec.new_stations)
    sizes = np.full(spec.new_stations, base)
    sizes[order[:extra]] += 1
    half = spec.new_stations // 2
    moved = np.minimum(draft.rng.integers(0, 3, size=half), max(base - 1, 0))
    sizes[order[:half]] += moved
    sizes[order[half : 2 * half]] -= moved
    return [int(size) for size in sizes]


def _add_station(draft: Draft, spec: PublicChargingFile, number: int, *, piles: tuple[int, int], label: str) -> None:
    station_id = f"station-{number + 1:03d}"
    operator = int(draft.rng.integers(spec.operators)) + 1
    participant = draft.add_participant(
        f"p-operator-{operator}", f"Charging operator {operator}", f"充电运营商{operator}", "charging_operator"
    )
    draft.add_site(station_id, participant, group="commerce", other_load_kw=5.0)
    fast, slow = piles
    devices = []
    for pile in range(fast + slow):
        is_fast = pile < fast
        rated_kw = float(draft.rng.choice(spec.fast_kw)) if is_fast else spec.slow_kw
        busy = spec.fast_sessions_per_day if is_fast else spec.slow_sessions_per_day
        row = {
            "pattern": FAST if is_fast else SLOW,
            "rated_kw": rated_kw,
            "min_kw": 0.1 * rated_kw if is_fast else AC_MIN_KW,
            "sessions_per_day": busy * draft.draw((0.5, 1.5)),
            "ready_margin_min": math.nan,
        }
        devices.append(DraftDevice(f"{station_id}/pile-{pile + 1}", rated_kw, row))
    draft.add_resource(_charging_resource(draft, station_id, "public_charging", label=label), devices)


def add_residential_charging(draft: Draft, spec: ResidentialChargingFile) -> None:
    """Clusters of residents' own piles, then jointly operated ones; the share that has opted in is exact."""
    total = spec.own_clusters + spec.shared_clusters
    agreed = np.zeros(total, dtype=bool)
    agreed[draft.rng.permutation(total)[: round(spec.opted_in_share * total)]] = True
    for number in range(total):
        _add_cluster(draft, spec, number, shared=number >= spec.own_clusters, opted_in=bool(agreed[number]))


def _add_cluster(draft: Draft, spec: ResidentialChargingFile, number: int, *, shared: bool, opted_in: bool) -> None:
    cluster_id = f"cluster-{number + 1:03d}"
    label = "jointly operated piles" if shared else "own piles"
    label_zh = "统建统营桩" if shared else "自用桩"
    participant = draft.add_participant(
        f"p-{cluster_id}",
        f"Residential area {number + 1:03d}, {label}",
        f"小区{number + 1:03d}{label_zh}",
        "residential_charging",
    )
    draft.add_site(cluster_id, participant, group="residents", other_load_kw=0.0)
    row = {
        "pattern": SHARED if shared else OWN,
        "rated_kw": spec.pile_kw,
        "min_kw": AC_MIN_KW,
        "sessions_per_day": spec.shared_sessions_per_day if shared else spec.own_sessions_per_day,
        "ready_margin_min": math.nan if spec.ready_margin_h is None else 60.0 * spec.ready_margin_h,
    }
    piles = draft.draw_count(spec.shared_piles if shared else spec.own_piles)
    devices = [DraftDevice(f"{cluster_id}/pile-{pile + 1}", spec.pile_kw, row) for pile in range(piles)]
    resource = _charging_resource(draft, cluster_id, "residential_charging", label=label)
    draft.add_resource(replace(resource, opted_in=opted_in), devices)


def _charging_resource(draft: Draft, site_id: str, kind: Kind, *, label: str) -> ResourceSpec:
    public = kind == "public_charging"
    cost = draft.draw((1.0, 1.8) if public else (0.4, 0.8))
    return ResourceSpec(
        id=f"{site_id}-piles",
        name=f"{site_id}, {label}",
        name_zh=f"公共充电站{site_id[-3:]}" if public else f"小区{site_id[-3:]}充电桩群",
        site_id=site_id,
        gateway_id="",
        kind=kind,
        rated_kw=0.0,
        typical_kw=0.0,
        devices=slice(0, 0),
        opted_in=True,
        needs_person=False,
        confirm_minutes=0.0,
        cost_1_cny_per_kwh=cost,
        cost_2_cny_per_kwh=1.5 * cost,
        segment_1_fraction=0.5,
        start_cost_cny=0.0,
        min_run_minutes=15,
        max_run_minutes=120 if public else 240,
        max_calls=2,
        floor_fraction=0.5 if public else 0.0,
        discomfort_cny_per_kh=0.0,
        discharge_allowed=False,
        label=label,
    )
