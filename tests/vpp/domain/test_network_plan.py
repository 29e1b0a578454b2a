"""Plans on a network of five levels: every level's limits bind, before and after a line has been moved."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from optimizer import plan_dispatch
from tests.vpp.domain.fleet_samples import PARTICIPANTS, RESOURCES, SITES
from tests.vpp.domain.test_network import DEEP, limited, moved
from vpp.domain.capability import CapabilityOffer
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Unreachable
from vpp.domain.events import Direction
from vpp.domain.feasibility import check_plan
from vpp.domain.fleet import Fleet
from vpp.domain.flexibility import Storage
from vpp.domain.network import AS_REGISTERED, NetworkChanges, flow_on
from vpp.domain.portfolio import Ask, Candidate, dispatch_problem
from vpp.domain.timegrid import TimeGrid

GRID = TimeGrid(datetime(2026, 7, 22, 6, tzinfo=UTC), 4)
FLOW_KW = {"district": 4000.0, "city-a": 2500.0, "city-b": 1500.0, "sub-a": 2000.0, "feeder-a": 1200.0, "line-a": 900.0}
HOMES = {"s-factory": "line-a", "s-store": "line-a", "s-mall": "city-b", "s-clinic": "district"}


def registered() -> Fleet:
    sites = tuple(replace(site, node_id=HOMES[site.id], contracted_demand_kw=1e6) for site in SITES)
    return Fleet.of(nodes=DEEP, participants=PARTICIPANTS, sites=sites, resources=RESOURCES)


def problem(changes: NetworkChanges) -> DispatchProblem:
    """Filling asked of two batteries: one at the lowest level of five, one below the other city."""
    fleet = registered()
    tree = changes.tree_of(fleet)
    store = Storage(1000.0, 9000.0, 100.0, 0.0, 0.0, 1.0, 0.1, export_allowed=False)
    nothing = np.zeros(len(GRID))
    candidates = [
        Candidate(CapabilityOffer(name, GRID.start, GRID, nothing, store, 0.0), nothing, 1.0)
        for name in ("bat-1", "cool-1")
    ]
    ask = Ask(GRID, np.full(2, 2000.0), np.full(2, 1e6), direction=Direction.FILL)
    flow_kw = flow_on(tree, fleet, {node_id: np.full(len(GRID), kw) for node_id, kw in FLOW_KW.items()})
    return dispatch_problem(ask, candidates, tree, flow_kw, changes=changes)


def planned(made: DispatchProblem) -> DispatchPlan:
    outcome = plan_dispatch(made)
    assert isinstance(outcome, Unreachable)
    assert check_plan(made, outcome.plan) == ()
    return outcome.plan


@pytest.mark.parametrize(
    ("node_id", "limit_kw", "room_kw"),
    [
        ("district", 4300.0, None),
        ("city-a", 2550.0, 50.0),
        ("sub-a", 2100.0, 100.0),
        ("feeder-a", 1260.0, 60.0),
        ("line-a", 940.0, 40.0),
    ],
)
def test_plan__each_of_five_levels_binds(node_id: str, limit_kw: float, room_kw: float | None) -> None:
    plan = planned(problem(NetworkChanges((limited(node_id, GRID.start, GRID.end, limit_kw),))))

    deep, other = plan.response_kw["bat-1"][:2], plan.response_kw["cool-1"][:2]
    if room_kw is None:
        assert deep + other == pytest.approx([300.0] * 2, abs=1e-3)
    else:
        assert deep == pytest.approx([room_kw] * 2, abs=1e-3)
        assert other == pytest.approx([1000.0] * 2, abs=1e-3)


def test_plan__a_moved_line_is_held_by_the_limits_of_its_new_parent() -> None:
    tight = limited("city-b", GRID.start, GRID.end, 2750.0)
    before = planned(problem(NetworkChanges((tight,))))
    after = planned(problem(NetworkChanges((tight, moved("feeder-a", "sub-a", "city-b")))))

    # Room of 1250 kW for the other city's own battery; with the feeder's 1200 kW only 50 kW are left for both.
    assert before.response_kw["cool-1"][0] == pytest.approx(1000.0, abs=1e-3)
    assert before.response_kw["bat-1"][0] == pytest.approx(100.0, abs=1e-3)
    total = after.response_kw["cool-1"][:2] + after.response_kw["bat-1"][:2]
    assert total == pytest.approx([50.0] * 2, abs=1e-3)


def test_plan__as_registered_the_line_itself_binds() -> None:
    # Five levels down 1000 kW may flow, of which 900 kW do.
    assert planned(problem(AS_REGISTERED)).response_kw["bat-1"][:2] == pytest.approx([100.0] * 2, abs=1e-3)
