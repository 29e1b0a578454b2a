"""What the controller is told of the simulated district."""

from collections import defaultdict

from simulator.harness.registration import fleet_of
from simulator.scenario import load_scenario
from vpp.config_files import config_root
from vpp.domain.fleet import CustomerClass
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.services.registry import Registry


def test_fleet_of__large_industry_comes_in_the_first_access_round() -> None:
    fleet = fleet_of(load_scenario(config_root() / "scenarios" / "quick.yaml"))

    rounds = defaultdict(set)
    for site in fleet.sites.values():
        rounds[site.access_round].add(site.customer_class)
    assert CustomerClass.INDUSTRY in rounds[1]
    assert CustomerClass.COMMERCE in rounds[2]
    assert CustomerClass.RESIDENTIAL_CHARGING in rounds[3]
    assert sorted(rounds) == [1, 2, 3]


def test_fleet_of__all_rounds_are_open_unless_a_controller_is_told_otherwise() -> None:
    fleet = fleet_of(load_scenario(config_root() / "scenarios" / "quick.yaml"))
    everything = Registry(fleet, MemoryMetrics())
    first = Registry(fleet, MemoryMetrics(), open_round=lambda: 1)

    assert "later-round" not in {everything.why_not(r) for r in fleet.resources}
    callable_first = [r for r in fleet.resources if first.why_not(r) is None]
    assert callable_first
    assert {fleet.site_of(r).access_round for r in callable_first} == {1}
