"""Loads a district: reads its population specification and expands it, the same way every time."""

from pathlib import Path

import numpy as np

from simulator.district import AdapterKind, BackgroundSector, District, NodeSpec
from simulator.files import read_model
from simulator.population_buildings import add_commerce, add_data_centres, add_protected, add_storage
from simulator.population_charging import add_public_charging, add_residential_charging
from simulator.population_draft import Draft, gateway_specs
from simulator.population_industry import add_factories
from simulator.population_spec import DistrictFile

_GROUPS = ("industry", "commerce", "residents")


def load_district(path: Path, *, ready_margin_h: float | None = None) -> District:
    """The district that the YAML file at ``path`` specifies; ``ready_margin_h`` takes the place of the file's own.

    The expansion uses the file's own ``population_seed``, so that the fleet is the same for every scenario seed.

    Raises:
        ScenarioFileError: unreadable or wrong; names file, key and what was expected.
    """
    spec = read_model(path, DistrictFile)
    if ready_margin_h is not None:
        residential = spec.residential_charging.model_copy(update={"ready_margin_h": ready_margin_h})
        spec = spec.model_copy(update={"residential_charging": residential})
    return expand_district(spec)


def expand_district(spec: DistrictFile) -> District:
    """The district of a specification."""
    nodes = _nodes(spec)
    draft = Draft(nodes, np.random.default_rng(spec.population_seed))
    add_factories(draft, spec.factories)
    add_public_charging(draft, spec.public_charging)
    add_residential_charging(draft, spec.residential_charging)
    add_commerce(draft, spec.commerce)
    add_data_centres(draft, spec.data_centres)
    add_protected(draft, spec.protected)
    add_storage(draft, spec.storage, spec.data_centres, plants=spec.factories.plants)
    counts: dict[AdapterKind, int] = {
        "factory": spec.gateways.factory,
        "charging": spec.gateways.charging,
        "commercial": spec.gateways.commercial,
        "storage": spec.gateways.storage,
    }
    resources, devices = draft.freeze_resources(counts)
    sites = draft.freeze_sites()
    signed = {site.participant_id for site in sites}
    return District(
        name=spec.name,
        name_zh=spec.name_zh,
        population_seed=spec.population_seed,
        reference_peak_kw=spec.reference_peak.kw,
        reference_peak_source=spec.reference_peak.source,
        reference_peak_date=spec.reference_peak.as_of,
        holidays=frozenset(spec.holidays),
        nodes=nodes,
        participants=tuple(p for p in draft.participants.values() if p.id in signed),
        sites=sites,
        gateways=gateway_specs(counts),
        resources=resources,
        devices=devices,
        background=tuple(
            BackgroundSector(name, sector.group, 1000 * sector.peak_mw, sector.slope_per_k, np.array(sector.shape))
            for name, sector in spec.background.items()
        ),
    )


def _nodes(spec: DistrictFile) -> tuple[NodeSpec, ...]:
    totals = {group: sum(node.weights.get(group, 0.0) for node in spec.nodes) for group in _GROUPS}  # type: ignore[call-overload]
    return tuple(
        NodeSpec(
            id=node.id,
            name=node.name,
            name_zh=node.name_zh,
            parent_id=node.parent,
            import_limit_kw=1000 * node.import_limit_mw,
            export_limit_kw=1000 * node.export_limit_mw,
            kind=node.kind,
            weights={group: weight / totals[group] for group, weight in node.weights.items()},
        )
        for node in spec.nodes
    )
