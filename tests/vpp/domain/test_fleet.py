"""What a fleet refuses, and how things are found in it."""

from dataclasses import replace
from typing import Any

import pytest

from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES, sample_fleet
from vpp.domain.errors import InputError, UnknownThingError
from vpp.domain.fleet import Fleet, Node

PARTS: dict[str, tuple[Any, ...]] = {
    "nodes": NODES,
    "participants": PARTICIPANTS,
    "sites": SITES,
    "resources": RESOURCES,
}


@pytest.mark.parametrize(
    ("part", "things", "message"),
    [
        ("nodes", (*NODES, NODES[0]), "node id 'root' is used twice"),
        ("participants", (*PARTICIPANTS, PARTICIPANTS[1]), "participant id 'mall' is used twice"),
        ("sites", (*SITES, SITES[0]), "site id 's-factory' is used twice"),
        ("resources", (*RESOURCES, RESOURCES[0]), "resource id 'line-1' is used twice"),
        ("nodes", (replace(NODES[0], parent_id="moon"), NODES[1]), "node 'root' names unknown parent 'moon'"),
        ("nodes", (replace(NODES[0], parent_id="line"), NODES[1]), "node '(root|line)' is its own ancestor"),
        ("nodes", (replace(NODES[0], import_limit_kw=0.0), NODES[1]), "node 'root': import limit 0.0 kW is not > 0"),
        (
            "nodes",
            (replace(NODES[0], import_limit_kw=float("nan")), NODES[1]),
            "node 'root': import limit nan kW is not > 0",
        ),
        ("nodes", (NODES[0], replace(NODES[1], export_limit_kw=-1.0)), "node 'line': export limit -1.0 kW is not >= 0"),
        ("sites", (replace(SITES[0], node_id="moon"), *SITES[1:]), "site 's-factory' names unknown node 'moon'"),
        (
            "sites",
            (replace(SITES[0], participant_id="nobody"), *SITES[1:]),
            "site 's-factory' names unknown participant 'nobody'",
        ),
        ("resources", (replace(RESOURCES[0], site_id="s-0"),), "resource 'line-1' names unknown site 's-0'"),
        ("resources", (replace(RESOURCES[0], rated_kw=0.0),), "resource 'line-1': rated power 0.0 kW is not > 0"),
        ("resources", (replace(RESOURCES[0], rated_kw=float("inf")),), "rated power inf kW is not > 0 and finite"),
    ],
)
def test_fleet__refuses(part: str, things: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Fleet.of(**(PARTS | {part: things}))


def test_node_path__runs_from_the_bottom_up() -> None:
    assert sample_fleet().node_path("line") == ("line", "root")
    with pytest.raises(UnknownThingError, match="unknown node 'moon'"):
        sample_fleet().node_path("moon")


def test_lookups__by_resource() -> None:
    fleet = sample_fleet()

    assert fleet.site_of("bat-1").id == "s-store"
    assert fleet.participant_of("line-2").id == "factory"
    with pytest.raises(UnknownThingError, match="unknown resource 'line-9'"):
        fleet.resource("line-9")


def test_protected__by_the_class_of_the_site() -> None:
    fleet = sample_fleet()

    assert [r for r in fleet.resources if fleet.protected(r)] == ["clinic-1"]


def test_groups__keep_the_order_of_registration() -> None:
    fleet = sample_fleet()

    assert fleet.by_gateway == {"gw-1": ("line-1", "line-2"), "gw-2": ("cool-1", "clinic-1"), "gw-3": ("bat-1",)}
    assert fleet.by_participant["factory"] == ("line-1", "line-2")


def test_walk_up__names_the_end_of_a_long_cycle() -> None:
    ring = tuple(Node(f"n{i}", "", f"n{(i + 1) % 3}", 1.0, 0.0) for i in range(3))
    with pytest.raises(InputError, match="node 'n0' is its own ancestor"):
        Fleet.of(nodes=ring, participants=(), sites=(), resources=())
