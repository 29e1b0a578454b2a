"""Conformance cases on the simulated district's devices: real physics behind our adapters, without faults."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.resource_spec import CoolingTerms, LoadTerms, ResourceSpec
from adapters.registry import standard_adapters
from simulator.faults import Faults
from simulator.harness.registration import Installed, installed_gateways
from simulator.harness.world import SimulatedDriver, World
from simulator.plant import Plant
from simulator.scenario import load_scenario
from vpp.domain.fleet import ResourceKind
from vpp.ports import Clock

QUICK = Path(__file__).parents[3] / "configs" / "scenarios" / "quick.yaml"
SEED = 5
LEAD_IN_MIN = 15
FRACTIONS = (0.8, 0.6)
PROCESS_FRACTIONS = (0.97, 0.93)
"""Of the free power; simulated processes give a tenth at most."""


def simulated_cases() -> dict[ResourceKind, ConformanceCase]:
    """One per kind: the four devices that draw most at the case's start, and the next ones as bystanders."""
    scenario = load_scenario(QUICK)
    made = scenario.make_plant(SEED)
    made.faults = Faults.none(len(scenario.district.resources))
    plant = made.twin()
    ahead = plant.twin()
    for _ in range(LEAD_IN_MIN):
        ahead.step()
    gateways = installed_gateways(scenario, plant)
    return {kind: _case(kind, gateways, plant, ahead) for kind in ResourceKind}


def _case(kind: ResourceKind, gateways: tuple[Installed, ...], plant: Plant, ahead: Plant) -> ConformanceCase:
    specs = [spec for gateway in gateways for spec in gateway.specs if spec.kind is kind]
    rows = np.concatenate([g.device_rows[s.devices] for g in gateways for s in g.specs if s.kind is kind])
    rows = rows[np.argsort(-ahead.power_kw[rows], kind="stable")]
    subject_rows, other_rows = rows[:4], rows[4:8]
    if not len(other_rows):
        subject_rows, other_rows = rows[:2], rows[2:]
    rated_kw = ahead.snapshot(rows).rated_kw
    pair = tuple(
        _spec(_most_cautious(specs), name, first, float(rated_kw[first : first + count].sum()), count)
        for name, first, count in (
            ("subject", 0, len(subject_rows)),
            ("bystander", len(subject_rows), len(other_rows)),
        )
    )
    installed = Installed("gw-trial", pair, np.concatenate([subject_rows, other_rows]))

    def driver(clock: Clock) -> SimulatedDriver:
        return SimulatedDriver(World(plant.twin(), clock), installed)

    upper, lower = _setpoints(kind, pair[0], ahead, subject_rows)
    start = plant.window.start + timedelta(minutes=LEAD_IN_MIN)
    return ConformanceCase(f"simulated_{kind}", standard_adapters()[kind], pair, driver, (upper, lower), start)


def _most_cautious(specs: list[ResourceSpec]) -> ResourceSpec:
    """The first resource with the smallest share that any of the kind can let go: devices of several are mixed."""
    first = specs[0]
    if isinstance(first.terms, LoadTerms):
        shares = [
            s.terms.segment_1_fraction + s.terms.segment_2_fraction for s in specs if isinstance(s.terms, LoadTerms)
        ]
        return replace(first, terms=replace(first.terms, segment_1_fraction=min(shares), segment_2_fraction=0.0))
    if isinstance(first.terms, CoolingTerms):
        least = min(spec.terms.curtail_fraction for spec in specs if isinstance(spec.terms, CoolingTerms))
        return replace(first, terms=replace(first.terms, curtail_fraction=least))
    return first


def _spec(like: ResourceSpec, name: str, first: int, rated_kw: float, count: int) -> ResourceSpec:
    return replace(
        like,
        id=name,
        rated_kw=rated_kw,
        first_device=first,
        device_count=count,
        profile_kw=None,
        # Lines stop and processes follow within minutes, not within the default of one.
        notice_s=1200.0 if isinstance(like.terms, LoadTerms) else like.notice_s,
        confirm_within_s=None,
        opted_in=True,
        protected=False,
    )


def _setpoints(kind: ResourceKind, spec: ResourceSpec, ahead: Plant, rows: NDArray[np.int64]) -> tuple[float, float]:
    if kind is ResourceKind.STORAGE:
        return -0.05 * spec.rated_kw, -0.1 * spec.rated_kw
    free_kw = float(ahead.power_kw[rows].sum())
    upper, lower = PROCESS_FRACTIONS if kind is ResourceKind.FACTORY_PROCESS else FRACTIONS
    return upper * free_kw, lower * free_kw
