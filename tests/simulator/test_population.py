from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulator.district import ADAPTER_OF_KIND, KINDS, PROTECTED_CLASSES
from simulator.files import ScenarioFileError
from simulator.population import load_district
from simulator.scenario import Scenario


def test_load_district__beichen_has_the_stated_numbers(summer_peak: Scenario) -> None:
    district = summer_peak.district
    new = [r for r in district.resources if r.label == "new station"]
    nodes = Counter(node.kind for node in district.nodes)

    assert 900 <= len(district.resources) <= 1100
    assert 38 <= len(district.gateways) <= 42
    assert len(new) == 95
    assert sum(r.devices.stop - r.devices.start for r in new) == 592
    assert nodes["line_10kv"] == 12
    assert {node.parent_id for node in district.nodes if node.kind == "line_10kv"} == {"snow-1", "snow-2", "snow-3"}
    assert district.reference_peak_kw == 1_000_000
    assert "assumption" in district.reference_peak_source
    assert {r.kind for r in district.resources} == set(KINDS)


def test_load_district__devices_tile_the_table(summer_peak: Scenario) -> None:
    district = summer_peak.district
    position = 0
    for row, resource in enumerate(district.resources):
        assert resource.devices.start == position
        assert (district.devices.resource_index[resource.devices] == row).all()
        assert district.devices.rated_kw[resource.devices].sum() == pytest.approx(resource.rated_kw)
        kind = district.devices.kind_slices[resource.kind]
        assert kind.start <= resource.devices.start < resource.devices.stop <= kind.stop
        position = resource.devices.stop
    assert position == len(district.devices.ids) == len(set(district.devices.ids))
    assert district.devices.ids[district.devices.index_of["plant-017/line-2"]] == "plant-017/line-2"


def test_load_district__references_hold(summer_peak: Scenario) -> None:
    district = summer_peak.district
    adapters = {gateway.id: gateway.adapter for gateway in district.gateways}
    participants = {participant.id for participant in district.participants}

    assert len({r.id for r in district.resources}) == len(district.resources)
    assert all(adapters[r.gateway_id] == ADAPTER_OF_KIND[r.kind] for r in district.resources)
    assert {r.gateway_id for r in district.resources} == set(adapters)
    assert {site.participant_id for site in district.sites} == participants
    assert all(site.node_id in district.node_index for site in district.sites)
    rated: Counter[str] = Counter()
    for resource in district.resources:
        rated[resource.site_id] += int(resource.rated_kw)
    assert all(site.contracted_demand_kw > rated[site.id] for site in district.sites)


def test_load_district__protected_and_not_opted_in_exist_and_are_not_callable(summer_peak: Scenario) -> None:
    district = summer_peak.district
    protected = [r for r in district.resources if district.site_by_id[r.site_id].protected]
    declined = [r for r in district.resources if not r.opted_in]

    assert {district.site_by_id[r.site_id].customer_class for r in protected} == PROTECTED_CLASSES - {"agriculture"}
    assert {r.kind for r in declined} == {"residential_charging"}
    assert not any(district.callable_resource(r) for r in protected + declined)
    assert not {r.id for r in protected + declined} & summer_peak.enrolled


def test_load_district__is_the_same_every_time(configs: Path, quick: Scenario) -> None:
    again = load_district(configs / "districts" / "quick.yaml")

    assert again.resources == quick.district.resources
    assert again.sites == quick.district.sites
    np.testing.assert_array_equal(again.devices.zones.gain_k_per_kw, quick.district.devices.zones.gain_k_per_kw)


def test_load_district__below_sums_the_tree(summer_peak: Scenario) -> None:
    district = summer_peak.district
    below = district.below

    assert below[district.node_index["beichen"]].sum() == len(district.nodes)
    assert below[district.node_index["snow-1"]].sum() == 5
    assert below[district.node_index["snow-1-line-1"]].sum() == 1


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("plants: 10", "plants: -1", "factories.plants", "greater than or equal to 0"),
        ("parent: quick-snow,", "parent: nowhere,", "", "names parent 'nowhere', which does not stand above it"),
        ("id: quick-beicang", "id: quick-snow", "", "expected unique ids"),
        ("industry: 3", "factories: 3", "nodes.4.weights.factories.[key]", "'industry', 'commerce' or 'residents'"),
        ("population_seed: 60", "population_seed: 60\nspeed: 3", "speed", "Extra inputs"),
    ],
)
def test_load_district__says_what_is_wrong(  # noqa: PLR0917 - parametrised
    tmp_path: Path, configs: Path, old: str, new: str, key: str, words: str
) -> None:
    text = (configs / "districts" / "quick.yaml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "broken.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ScenarioFileError) as caught:
        load_district(path)

    assert caught.value.file == str(path)
    assert caught.value.key == key
    assert words in str(caught.value)
