"""Offers against frozen baselines: what is credited, and the network around it."""

import numpy as np
import pytest

from tests.vpp.domain.event_samples import START
from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.domain.capability import CapabilityOffer
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.flexibility import Block, Charging, Cooling, Curtailable, Flexibility, Series, Storage
from vpp.domain.portfolio import Ask, Candidate, dispatch_problem, reachable_kw
from vpp.domain.timegrid import INTERVAL, TimeGrid

EVENT, HORIZON = 2, 3
GRID = TimeGrid(START, HORIZON)


def kw(*values: float) -> Series:
    return np.array(values)


def candidate(
    resource_id: str,
    flexibility: Flexibility,
    *,
    baseline: Series,
    forecast: Series | None = None,
    start_before: int = 0,
    running_intervals: int = 0,
    calls_unseen: int = 0,
) -> Candidate:
    forecast_kw = np.full(HORIZON + start_before, 80.0) if forecast is None else forecast
    grid = TimeGrid(START - start_before * INTERVAL, len(forecast_kw))
    offer = CapabilityOffer(resource_id, START, grid, forecast_kw, flexibility, 60.0)
    return Candidate(
        offer,
        baseline,
        0.85,
        running_intervals=running_intervals,
        calls_unseen=calls_unseen,
        delivery_sd=0.2,
        kind="factory_line",
    )


def problem(*candidates: Candidate) -> DispatchProblem:
    ask = Ask(GRID, kw(50.0, 50.0), kw(25.0), 0.9, {"factory_line": 0.05})
    flow = {"root": kw(500.0, 500.0, 500.0), "line": kw(300.0, 300.0, 300.0)}
    return dispatch_problem(ask, candidates, sample_fleet(), flow)


def curtailable(first: float = 20.0, second: float = 40.0) -> Curtailable:
    return Curtailable(np.full(HORIZON, first), np.full(HORIZON, second), 0.5, 1.0, 100.0)


def battery(*, export_allowed: bool = False) -> Storage:
    return Storage(100.0, 200.0, 40.0, 20.0, 20.0, 0.9, 0.1, export_allowed)


def test_dispatch_problem__scales_offers_to_the_baseline() -> None:
    # Forecast 80 kW; baselines of 60, 160 and 0 kW scale by 0.75, 1.5 (its cap) and 0.
    made = problem(candidate("line-1", curtailable(), baseline=kw(60.0, 160.0, 0.0))).resources[0]

    assert isinstance(made.flexibility, Curtailable)
    assert made.flexibility.segment_1_kw.tolist() == [15.0, 30.0, 0.0]
    assert made.flexibility.segment_2_kw.tolist() == [30.0, 60.0, 0.0]
    assert made.forecast_kw.tolist() == [60.0, 160.0, 0.0]
    assert (made.delivery_fraction, made.node_id) == (0.85, "site/s-factory")
    assert (made.delivery_sd, made.delivery_class) == (0.2, "factory_line")


def test_dispatch_problem__never_more_than_the_baseline() -> None:
    made = problem(candidate("line-1", curtailable(60.0, 60.0), baseline=kw(80.0, 80.0, -5.0))).resources[0]

    assert isinstance(made.flexibility, Curtailable)
    assert (made.flexibility.segment_1_kw + made.flexibility.segment_2_kw).tolist() == [80.0, 80.0, 0.0]
    assert made.forecast_kw.tolist() == [80.0, 80.0, 0.0]


def test_dispatch_problem__a_forecast_of_zero_offers_nothing() -> None:
    made = problem(candidate("line-1", curtailable(), baseline=kw(60.0, 60.0, 60.0), forecast=np.zeros(3))).resources[0]

    assert isinstance(made.flexibility, Curtailable)
    assert made.flexibility.segment_1_kw.tolist() == [0.0] * 3


def test_dispatch_problem__block_knows_what_is_running() -> None:
    block = Block(np.full(3, 40.0), np.full(3, 30.0), 0.6, 5.0, 4, 8, 2)
    made = problem(
        candidate("line-2", block, baseline=kw(40.0, 80.0, 80.0), running_intervals=3, calls_unseen=1)
    ).resources[0]

    assert isinstance(made.flexibility, Block)
    assert made.flexibility.available_kw.tolist() == [20.0, 40.0, 40.0]
    assert made.flexibility.minimum_kw.tolist() == [15.0, 30.0, 30.0]
    # The event has two intervals left: a longer minimum run could never be called at all.
    assert (made.flexibility.min_run, made.flexibility.max_calls, made.flexibility.running_intervals) == (2, 1, 3)


def test_dispatch_problem__cooling_is_scaled() -> None:
    cooling = Cooling(np.full(3, 40.0), 20.0, 0.9, 0.01, 2.0, 0.0, 0.3, 0.1)
    made = problem(candidate("cool-1", cooling, baseline=kw(60.0, 60.0, 60.0))).resources[0]

    assert isinstance(made.flexibility, Cooling)
    assert made.flexibility.available_kw.tolist() == [30.0] * 3
    assert made.flexibility.payback_max_kw == 20.0


def test_dispatch_problem__charging_envelope_is_cut_at_the_grid() -> None:
    # Offer from one interval earlier: 10 kWh were taken there, and count as charged.
    charging = Charging(np.zeros(4), np.full(4, 60.0), kw(0.0, 5.0, 15.0, 30.0), kw(10.0, 20.0, 30.0, 40.0), 0.2)
    made = problem(
        candidate("line-1", charging, baseline=np.zeros(3), forecast=kw(40.0, 41.0, 42.0, 43.0), start_before=1)
    ).resources[0]

    assert isinstance(made.flexibility, Charging)
    assert made.flexibility.energy_floor_kwh.tolist() == [0.0, 5.0, 20.0]
    assert made.flexibility.energy_ceiling_kwh.tolist() == [10.0, 20.0, 30.0]
    # Charging is taken from its gateway's forecast, not from the baseline.
    assert made.forecast_kw.tolist() == [41.0, 42.0, 43.0]


def test_dispatch_problem__storage_is_taken_from_its_schedule() -> None:
    storage = Storage(100.0, 200.0, 120.0, 20.0, 20.0, 0.9, 0.1, export_allowed=False)
    made = problem(candidate("bat-1", storage, baseline=kw(30.0, 30.0, 0.0))).resources[0]

    assert made.flexibility is storage
    assert made.forecast_kw.tolist() == [30.0, 30.0, 0.0]


def test_dispatch_problem__what_an_offer_does_not_cover_is_its_last_interval() -> None:
    short = Curtailable(kw(10.0, 20.0), kw(0.0, 0.0), 0.5, 1.0, 100.0)
    made = problem(candidate("line-1", short, baseline=np.full(3, 80.0), forecast=kw(80.0, 80.0))).resources[0]

    assert isinstance(made.flexibility, Curtailable)
    assert made.flexibility.segment_1_kw.tolist() == [10.0, 20.0, 20.0]


def test_dispatch_problem__nodes_of_network_and_sites() -> None:
    made = problem(
        candidate("line-1", curtailable(), baseline=np.full(3, 60.0)),
        candidate("line-2", curtailable(), baseline=np.full(3, 50.0)),
        candidate("cool-1", curtailable(), baseline=np.full(3, 40.0)),
        candidate("bat-1", battery(), baseline=np.full(3, 30.0)),
    )
    nodes = {node.id: node for node in made.nodes}

    assert list(nodes) == ["root", "line", "site/s-factory", "site/s-mall", "site/s-store"]
    assert nodes["line"].parent_id == "root"
    assert nodes["line"].import_limit_kw.tolist() == [1_000.0] * 3
    # Both lines stand behind one meter; the mall's only resource is its cooling.
    assert nodes["site/s-factory"].forecast_kw.tolist() == [110.0] * 3
    assert (nodes["site/s-factory"].parent_id, nodes["site/s-mall"].parent_id) == ("line", "root")
    assert nodes["site/s-factory"].import_limit_kw.tolist() == [2_000.0] * 3
    # Only a battery can push power out of a site.
    assert nodes["site/s-factory"].export_limit_kw.tolist() == [np.inf] * 3
    assert nodes["site/s-store"].export_limit_kw.tolist() == [0.0] * 3
    assert (made.event_intervals, made.coverage, made.common_sd) == (2, 0.9, {"factory_line": 0.05})


def test_dispatch_problem__of_nobody() -> None:
    made = problem()

    assert made.resources == ()
    assert [node.id for node in made.nodes] == ["root", "line"]
    assert reachable_kw(made).tolist() == [0.0, 0.0]


def test_reachable_kw__sums_every_kind() -> None:
    block = Block(np.full(3, 40.0), np.full(3, 30.0), 0.6, 5.0, 1, 8, 2)
    charging = Charging(np.full(3, 10.0), np.full(3, 60.0), np.zeros(3), np.full(3, 90.0), 0.2)
    made = problem(
        candidate("line-1", curtailable(), baseline=np.full(3, 80.0)),
        candidate("line-2", block, baseline=np.full(3, 80.0)),
        candidate("cool-1", charging, baseline=np.zeros(3), forecast=np.full(3, 50.0)),
        candidate("bat-1", battery(), baseline=np.full(3, 30.0)),
    )

    # 60 + 40 + (50 - 10) + min(30, (40 - 20) x 0.9 / 0.5 h = 36) = 170 kW.
    assert reachable_kw(made).tolist() == pytest.approx([170.0, 170.0])


def test_reachable_kw__an_exporting_storage_is_bounded_by_its_energy() -> None:
    exporting = battery(export_allowed=True)

    # It could fall from 30 to -100 kW, but 18 kWh last half an hour at 36 kW.
    assert reachable_kw(problem(candidate("bat-1", exporting, baseline=np.full(3, 30.0)))).tolist() == [36.0, 36.0]
