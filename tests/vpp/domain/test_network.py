"""The network as it stands follows from the registered fleet and the facts: its tree, flows and limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES
from vpp.domain.book import Book
from vpp.domain.errors import ConflictError, InputError
from vpp.domain.facts import FeederReassigned, NodeLimitChanged
from vpp.domain.fleet import Fleet, Node
from vpp.domain.network import AS_REGISTERED, NetworkChanges, concerns, flow_on, in_words
from vpp.domain.timegrid import INTERVAL, TimeGrid

AT = datetime(2026, 7, 22, 6, tzinfo=UTC)
GRID = TimeGrid(AT, 4)
DEEP = (
    Node("district", "District", None, 9_000.0, 0.0),
    Node("city-a", "A", "district", 5_000.0, 0.0),
    Node("city-b", "B", "district", 5_000.0, 0.0),
    Node("sub-a", "A1", "city-a", 3_000.0, 0.0),
    Node("feeder-a", "A11", "sub-a", 2_000.0, 0.0),
    Node("line-a", "A111", "feeder-a", 1_000.0, 0.0),
)
"""Five levels, the district counted."""


def fleet(*nodes: Node, site_node: str) -> Fleet:
    sites = tuple(replace(site, node_id=site_node) for site in SITES)
    return Fleet.of(nodes=nodes, participants=PARTICIPANTS, sites=sites, resources=RESOURCES)


def moved(node_id: str, before: str, after: str, *, at: datetime = AT, change_id: str = "n-1") -> FeederReassigned:
    return FeederReassigned(
        at=at, change_id=change_id, node_id=node_id, from_parent_id=before, parent_id=after, reason="a fault", by="olga"
    )


def limited(
    node_id: str, start: datetime, end: datetime, import_kw: float | None, export_kw: float | None = None
) -> NodeLimitChanged:
    return NodeLimitChanged(
        at=AT,
        change_id=f"n-{start}-{import_kw}",
        node_id=node_id,
        start=start,
        end=end,
        import_limit_kw=import_kw,
        export_limit_kw=export_kw,
        reason="an outage",
        by="olga",
    )


def test_tree_of__a_moved_line_takes_all_below_it_along() -> None:
    registered = fleet(*DEEP, site_node="line-a")
    changes = NetworkChanges((moved("sub-a", "city-a", "city-b"),))

    tree = changes.tree_of(registered)

    assert tree.node_path("line-a") == ("line-a", "feeder-a", "sub-a", "city-b", "district")
    assert registered.node_path("line-a")[3] == "city-a"
    assert changes.tree_of(registered, AT - INTERVAL).node_path("line-a") == registered.node_path("line-a")
    assert changes.tree_of(registered, AT).node_path("line-a") == tree.node_path("line-a")


def test_tree_of__the_last_word_counts() -> None:
    changes = NetworkChanges((moved("sub-a", "city-a", "city-b"), moved("sub-a", "city-b", "city-a", change_id="n-2")))

    assert changes.tree_of(fleet(*DEEP, site_node="line-a")).nodes["sub-a"].parent_id == "city-a"


def test_tree_of__names_a_node_that_is_not_registered() -> None:
    with pytest.raises(InputError, match="unknown node 'moon'"):
        NetworkChanges((moved("moon", "city-a", "city-b"),)).tree_of(fleet(*DEEP, site_node="line-a"))


def test_flow_on__moves_the_whole_load_of_a_line() -> None:
    registered = fleet(*DEEP, site_node="line-a")
    flow = {
        "district": 1000.0,
        "city-a": 600.0,
        "city-b": 400.0,
        "sub-a": 500.0,
        "feeder-a": 300.0,
        "line-a": 100.0,
    }
    series = {node_id: np.full(2, kw) for node_id, kw in flow.items()}
    tree = NetworkChanges((moved("feeder-a", "sub-a", "city-b"),)).tree_of(registered)

    found = {node_id: kw[1] for node_id, kw in flow_on(tree, registered, series).items()}

    assert found == pytest.approx(flow | {"city-a": 300.0, "sub-a": 200.0, "city-b": 700.0})
    assert flow_on(registered, registered, series) == series


@given(st.lists(st.tuples(st.sampled_from(DEEP[1:]), st.sampled_from(DEEP)), max_size=6))
def test_flow_on__no_move_changes_the_district(moves: list[tuple[Node, Node]]) -> None:
    registered = fleet(*DEEP, site_node="line-a")
    series = {node.id: np.array([100.0 * (len(DEEP) - i)]) for i, node in enumerate(DEEP)}
    changes, tree = AS_REGISTERED, registered
    for number, (node, parent) in enumerate(moves):
        if node.id not in tree.node_path(parent.id):
            before = tree.nodes[node.id].parent_id or ""
            changes = changes.and_then(moved(node.id, before, parent.id, change_id=f"n-{number}"))
            tree = changes.tree_of(registered)

    flow = flow_on(tree, registered, series)

    assert flow["district"] == pytest.approx(series["district"])
    own = {n: kw[0] - sum(flow[c.id][0] for c in tree.nodes.values() if c.parent_id == n) for n, kw in flow.items()}
    own_before = {
        n: kw[0] - sum(series[c.id][0] for c in registered.nodes.values() if c.parent_id == n)
        for n, kw in series.items()
    }
    assert own == pytest.approx(own_before)


def test_limits_kw__by_the_hour_of_the_districts_day() -> None:
    by_hour = tuple(100.0 + hour for hour in range(24))
    node = replace(NODES[0], import_by_hour_kw=by_hour)
    grid = TimeGrid(AT + timedelta(minutes=45), 2)

    imports, exports = AS_REGISTERED.limits_kw(node, grid)

    assert list(imports) == [114.0, 115.0]
    assert list(exports) == [0.0, 0.0]


def test_limits_kw__the_newest_of_overlapping_changes_decides() -> None:
    changes = NetworkChanges(
        (
            limited("root", AT, GRID.end, 50.0, 5.0),
            limited("root", AT + INTERVAL, AT + 2 * INTERVAL, 70.0),
            limited("root", AT + 2 * INTERVAL, AT + 3 * INTERVAL, None),
            limited("line", AT, GRID.end, 1.0),
        )
    )

    imports, exports = changes.limits_kw(NODES[0], GRID)

    assert list(imports) == [50.0, 70.0, 10_000.0, 50.0]
    assert list(exports) == [5.0, 0.0, 0.0, 5.0]
    assert list(changes.limits_kw(NODES[0], TimeGrid(GRID.end, 1))[0]) == [10_000.0]


@pytest.mark.parametrize(
    ("node_id", "expected"),
    [("sub-a", True), ("city-a", True), ("city-b", True), ("line-a", True), ("district", False)],
)
def test_concerns__what_hangs_below_the_old_or_the_new_way_up(node_id: str, expected: bool) -> None:
    tree = NetworkChanges((moved("sub-a", "city-a", "city-b"),)).tree_of(fleet(*DEEP, site_node=node_id))

    assert concerns(moved("sub-a", "city-a", "city-b"), tree, ["line-1"], GRID.end) is expected


def test_concerns__limits_within_the_horizon() -> None:
    tree = fleet(*DEEP, site_node="line-a")

    assert concerns(limited("district", AT, GRID.end, 1.0), tree, ["line-1"], GRID.end)
    assert not concerns(limited("city-b", AT, GRID.end, 1.0), tree, ["line-1"], GRID.end)
    assert not concerns(limited("district", GRID.end, GRID.end + INTERVAL, 1.0), tree, ["line-1"], GRID.end)


def test_in_words() -> None:
    assert in_words(moved("sub-a", "city-a", "city-b")) == "sub-a moved from city-a to city-b: a fault"
    assert in_words(limited("root", AT, GRID.end, 50.0)) == (
        "limits of root changed (import 50 kW, export as registered): an outage"
    )


def test_book__refuses_a_change_id_twice_and_replays_to_the_same_network() -> None:
    facts = [moved("line", "root", "other"), limited("root", AT, GRID.end, 50.0)]
    book = Book.replay(facts)

    assert book.network.told == tuple(facts)
    with pytest.raises(ConflictError, match="network change id 'n-1' is taken"):
        book.check(moved("line", "other", "root"))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (replace(NODES[0], import_by_hour_kw=(1.0,) * 23), "node 'root': 23 import limits by hour, expected 24"),
        (replace(NODES[0], export_by_hour_kw=(1.0,)), "node 'root': 1 export limits by hour, expected 24"),
        (replace(NODES[0], import_by_hour_kw=(0.0,) * 24), "node 'root': import limit 0.0 kW is not > 0"),
        (replace(NODES[0], export_by_hour_kw=(-1.0,) * 24), "node 'root': export limit -1.0 kW is not >= 0"),
    ],
)
def test_fleet__refuses_limits_by_hour(node: Node, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Fleet.of(nodes=(node, NODES[1]), participants=PARTICIPANTS, sites=SITES, resources=RESOURCES)
