import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from tests.optimizer.small_problem import block, curtailable, node, plan_of, problem, series
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import DispatchNode, DispatchProblem, DispatchResource
from vpp.domain.events import Direction
from vpp.domain.feasibility import check_columns, check_plan
from vpp.domain.flexibility import Block, Charging, Cooling, Flexibility, Storage
from vpp.domain.kind_limits import SLICE_ROWS
from vpp.domain.violations import MOST_REPORTED

CHARGING = Charging(
    series(100.0, 4), series(500.0, 4), series([50, 100, 200, 300], 4), series([150, 250, 350, 450], 4), 0.1
)
COOLING = Cooling(series(100.0, 4), 60.0, 0.9, 0.02, 2.0, 0.0, 0.1, 0.1)
STORAGE = Storage(200.0, 400.0, 200.0, 40.0, 180.0, 0.9, 0.1, True)


def asked(flexibility: Flexibility, *, forecast: ArrayLike = 400.0, recovery: int = 2) -> DispatchProblem:
    return problem({"r": flexibility}, 0.0, event=4 - recovery, recovery=recovery, forecast=forecast)


def filled(flexibility: Flexibility, *, forecast: ArrayLike = 400.0, recovery: int = 2) -> DispatchProblem:
    return replace(asked(flexibility, forecast=forecast, recovery=recovery), direction=Direction.FILL)


def run_block(*, min_run: int = 2, running: int = 0) -> Block:
    return block(100.0, event=4, count=4, minimum=50.0, min_run=min_run, max_run=3, max_calls=1, running=running)


def rest_block(min_rest: int, *, running: int = 0) -> Block:
    return block(100.0, event=4, count=4, minimum=50.0, max_calls=2, running=running, min_rest=min_rest)


@pytest.mark.parametrize(
    ("flexibility", "recovery", "forecast", "response", "limit", "text"),
    [
        (curtailable(50, event=2, count=4, cost=1), 2, 400, [60, 0, 0, 0], "available",
         "resource 'r': response 60.000 kW above 50.000 kW at 14:00"),
        (curtailable(50, event=2, count=4, cost=1), 2, 400, [0, -1, 0, 0], "sign",
         "resource 'r': response -1.000 kW below 0.000 kW at 14:15"),
        (curtailable(50, event=2, count=4, cost=1), 2, 400, [0, 0, 9, 0], "event_only",
         "resource 'r': response after the event 9.000 kW above 0.000 kW at 14:30"),
        (curtailable(50, event=2, count=4, cost=1, energy_kwh=20), 2, 400, [50, 50, 0, 0], "energy",
         "resource 'r': curtailed energy 25.000 kWh above 20.000 kWh"),
        (run_block(), 0, 400, [101, 100, 0, 0], "available",
         "resource 'r': response 101.000 kW above 100.000 kW at 14:00"),
        (run_block(), 0, 400, [100, 40, 0, 0], "minimum",
         "resource 'r': response of a call 40.000 kW below 50.000 kW at 14:15"),
        (run_block(), 0, 400, [100, 0, 0, 0], "min_run",
         "resource 'r': call ends after 1 intervals, below 2 at 14:15"),
        (run_block(), 0, 400, [60, 60, 60, 60], "max_run",
         "resource 'r': call lasts 4 intervals, above 3 at 14:45"),
        (run_block(min_run=1), 0, 400, [60, 0, 60, 0], "max_calls",
         "resource 'r': call 2 begins, above 1 calls at 14:30"),
        (run_block(), 0, 400, [0, 0, 0, 60], "late_start",
         "resource 'r': call begins 1 intervals before the end, below its minimum run of 2 at 14:45"),
        (run_block(running=1), 0, 400, [0, 0, 0, 0], "min_run",
         "resource 'r': call ends after 1 intervals, below 2 at 14:00"),
        (run_block(running=3), 0, 400, [60, 0, 0, 0], "max_run",
         "resource 'r': call lasts 4 intervals, above 3 at 14:00"),
        (rest_block(3), 0, 400, [60, 0, 0, 60], "min_rest",
         "resource 'r': call begins after a rest of 2 intervals, below 3 at 14:45"),
        (rest_block(2, running=1), 0, 400, [0, 60, 0, 0], "min_rest",
         "resource 'r': call begins after a rest of 1 intervals, below 2 at 14:15"),
        (CHARGING, 2, 400, [310, 0, 0, 0], "power_min", "resource 'r': power 90.000 kW below 100.000 kW at 14:00"),
        (CHARGING, 2, 400, [-110, 0, 0, 0], "power_max", "resource 'r': power 510.000 kW above 500.000 kW at 14:00"),
        (CHARGING, 2, 400, [250, 200, 0, 0], "energy_floor",
         "resource 'r': charged energy 37.500 kWh below 50.000 kWh at 14:00"),
        (CHARGING, 2, 400, [-50, -100, -50, -50], "energy_ceiling",
         "resource 'r': charged energy 462.500 kWh above 450.000 kWh at 14:45"),
        (COOLING, 2, 400, [101, 0, 0, 0], "available",
         "resource 'r': response 101.000 kW above 100.000 kW at 14:00"),
        (COOLING, 2, 400, [100, 0, -61, 0], "payback",
         "resource 'r': response -61.000 kW below -60.000 kW at 14:30"),
        (COOLING, 2, 400, [100, 100, 0, 0], "band",
         "resource 'r': temperature rise 3.800 K above 2.000 K at 14:15"),
        (COOLING, 2, 400, [10, 0, -60, 0], "undercooling",
         "resource 'r': temperature rise -1.038 K below 0.000 K at 14:30"),
        (COOLING, 2, 400, [100, 0, 0, 0], "end",
         "resource 'r': temperature rise at the horizon's end 1.458 K above 0.500 K at 14:45"),
        (STORAGE, 2, 0, [201, 0, -200, 0], "power", "resource 'r': power 201.000 kW above 200.000 kW at 14:00"),
        (replace(STORAGE, export_allowed=False), 2, 0, [1, 0, -100, 0], "export",
         "resource 'r': power of a storage that may not export -1.000 kW below 0.000 kW at 14:00"),
        (replace(STORAGE, soc_min_kwh=150.0), 2, 0, [200, 0, -200, -200], "soc_min",
         "resource 'r': state of charge 144.444 kWh below 150.000 kWh at 14:00"),
        (replace(STORAGE, capacity_kwh=220.0), 2, 0, [-200, 0, 0, 0], "capacity",
         "resource 'r': state of charge 245.000 kWh above 220.000 kWh at 14:00"),
        (STORAGE, 2, 0, [200, 0, 0, 0], "soc_end",
         "resource 'r': state of charge at the horizon's end 144.444 kWh below 180.000 kWh at 14:45"),
    ],
)  # fmt: skip
def test_check_plan__names_each_broken_limit_of_a_resource(
    *, flexibility: Flexibility, recovery: int, forecast: float, response: list[float], limit: str, text: str
) -> None:
    given = asked(flexibility, recovery=recovery, forecast=forecast)
    found = {violation.limit: violation for violation in check_plan(given, plan_of(given, r=response))}
    assert limit in found
    assert found[limit].subject == "resource:r"
    assert found[limit].text == text


@pytest.mark.parametrize(
    ("flexibility", "recovery", "forecast", "response"),
    [
        (curtailable(50, event=2, count=4, cost=1, energy_kwh=20), 2, 400, [50, 30, 0, 0]),
        (run_block(), 0, 400, [0, 100, 50, 60]),
        (run_block(running=1), 0, 400, [50, 0, 0, 0]),
        (run_block(running=2), 0, 400, [50, 0, 60, 60]),
        (rest_block(2), 0, 400, [60, 0, 0, 60]),
        (rest_block(3, running=1), 0, 400, [0, 0, 0, 60]),
        (CHARGING, 2, 400, [200, 200, 0, -50]),
        (COOLING, 2, 400, [100, 0, -50, -5]),
        (STORAGE, 2, 0, [100, 0, -100, 0]),
    ],
)
def test_check_plan__feasible_use_passes(
    flexibility: Flexibility, recovery: int, forecast: float, response: list[float]
) -> None:
    given = asked(flexibility, recovery=recovery, forecast=forecast)
    assert check_plan(given, plan_of(given, r=response)) == ()


@pytest.mark.parametrize(
    ("flexibility", "forecast", "response", "limit", "text"),
    [
        (curtailable(50, event=2, count=4, cost=1, energy_kwh=20), 400, [50, 50, 0, 0], "energy",
         "resource 'r': added energy 25.000 kWh above 20.000 kWh"),
        (CHARGING, 400, [110, 0, 0, 0], "power_max", "resource 'r': power 510.000 kW above 500.000 kW at 14:00"),
        (CHARGING, 400, [-310, 0, 0, 0], "power_min", "resource 'r': power 90.000 kW below 100.000 kW at 14:00"),
        (CHARGING, 400, [50, 100, 50, 50], "energy_ceiling",
         "resource 'r': charged energy 462.500 kWh above 450.000 kWh at 14:45"),
        (COOLING, 400, [100, 100, 0, 0], "band",
         "resource 'r': temperature drop 3.800 K above 2.000 K at 14:15"),
        (replace(STORAGE, export_allowed=False), 0, [100, 0, -1, 0], "export",
         "resource 'r': power of a storage that may not export -1.000 kW below 0.000 kW at 14:30"),
        (replace(STORAGE, capacity_kwh=220.0), 0, [200, 0, 0, 0], "capacity",
         "resource 'r': state of charge 245.000 kWh above 220.000 kWh at 14:00"),
    ],
)  # fmt: skip
def test_check_plan__filling_turns_the_sign(
    *, flexibility: Flexibility, forecast: float, response: list[float], limit: str, text: str
) -> None:
    given = filled(flexibility, forecast=forecast)
    found = {violation.limit: violation.text for violation in check_plan(given, plan_of(given, r=response))}
    assert found[limit] == text


@pytest.mark.parametrize(
    ("flexibility", "forecast", "response"),
    [
        (CHARGING, 400, [100, 0, -100, 0]),
        (COOLING, 400, [100, 0, -50, -5]),
        (replace(STORAGE, export_allowed=False), 0, [100, 0, 0, 0]),
    ],
)
def test_check_plan__feasible_filling_passes(flexibility: Flexibility, forecast: float, response: list[float]) -> None:
    given = filled(flexibility, forecast=forecast)
    assert check_plan(given, plan_of(given, r=response)) == ()


def test_check_plan__gap_without_minimum_may_belong_to_the_call() -> None:
    flexibility = block(100.0, event=4, count=4, minimum=[50, 0, 50, 50], min_run=3, max_run=4)
    given = problem({"r": flexibility}, 0.0, event=4)
    assert check_plan(given, plan_of(given, r=[60, 0, 60, 0])) == ()


def test_check_plan__tolerance_is_one_watt() -> None:
    given = asked(curtailable(50, event=2, count=4, cost=1))
    assert check_plan(given, plan_of(given, r=[50.0009, 0, 0, 0])) == ()
    assert check_plan(given, plan_of(given, r=[50.0011, 0, 0, 0]))


def test_check_plan__warm_building_may_only_follow_its_own_decay() -> None:
    given = asked(replace(COOLING, theta_0_k=3.0))
    assert check_plan(given, plan_of(given)) == ()
    found = check_plan(given, plan_of(given, r=[5, 0, 0, 0]))
    assert found[0].text == "resource 'r': temperature rise 2.800 K above 2.700 K at 14:00"


def test_check_plan__reserved_resource_is_not_used() -> None:
    given = asked(curtailable(50, event=2, count=4, cost=1))
    held = replace(given, resources=(replace(given.resources[0], reserved=True),))
    (found,) = check_plan(held, plan_of(held, r=[10, 0, 0, 0]))
    assert found.text == "resource 'r': response of a resource held back as reserve 10.000 kW above 0.000 kW at 14:00"


def limited(*, import_kw: float = np.inf, export_kw: float = np.inf) -> DispatchProblem:
    count = 4
    line = node(count, name="line", forecast=400.0, parent="root")
    line = replace(line, import_limit_kw=series(import_kw, count), export_limit_kw=series(export_kw, count))
    nodes: tuple[DispatchNode, ...] = (node(count), line)
    return problem({"r": CHARGING}, 0.0, event=2, recovery=2, forecast=400.0, nodes=nodes)


def test_check_plan__node_import_limit() -> None:
    given = limited(import_kw=430.0)
    (found,) = check_plan(given, plan_of(given, r=[100, 0, -40, 0]))
    assert found.subject == "node:line"
    assert found.text == "node 'line': net flow 440.000 kW beyond its import limit of 430.000 kW at 14:30"


def test_check_plan__node_export_limit() -> None:
    given = limited(export_kw=0.0)
    given = replace(given, nodes=(given.nodes[0], replace(given.nodes[1], forecast_kw=series(150.0, 4))))
    (found,) = check_plan(given, plan_of(given, r=[180, 0, 0, 0]))
    assert found.text == "node 'line': net flow -30.000 kW beyond its export limit of 0.000 kW at 14:00"


def test_check_plan__filling_adds_to_the_flow_of_all_nodes_above() -> None:
    given = replace(limited(import_kw=430.0), direction=Direction.FILL)
    top = replace(given.nodes[0], forecast_kw=series(1000.0, 4), import_limit_kw=series([1030, 1200, 1200, 1200], 4))
    found = check_plan(replace(given, nodes=(top, given.nodes[1])), plan_of(given, r=[40, 0, -40, 0]))
    assert [violation.text for violation in found] == [
        "node 'root': net flow 1040.000 kW beyond its import limit of 1030.000 kW at 14:00",
        "node 'line': net flow 440.000 kW beyond its import limit of 430.000 kW at 14:00",
    ]


def test_check_plan__node_violated_by_its_forecast_may_not_get_worse() -> None:
    given = limited(import_kw=300.0)
    assert check_plan(given, plan_of(given, r=[100, 0, 0, 0])) == ()
    (found,) = check_plan(given, plan_of(given, r=[100, 0, -10, 0]))
    assert found.text == "node 'line': net flow 410.000 kW beyond its import limit of 400.000 kW at 14:30"


@pytest.mark.parametrize(
    ("responses", "text"),
    [
        ({}, "resource 'r' has no response in the plan"),
        ({"r": np.zeros(3)}, "resource 'r': 3 responses for 4 intervals"),
        ({"r": np.array([0, np.nan, 0, 0])}, "resource 'r': response nan kW is not finite at 14:15"),
        ({"r": np.zeros(4), "x": np.zeros(4)}, "resource 'x' is not in the problem"),
    ],
)
def test_check_plan__malformed_plan(responses: dict[str, np.ndarray], text: str) -> None:
    given = asked(CHARGING)
    (found,) = check_plan(given, replace(plan_of(given), response_kw=responses))
    assert found.text == text


def test_check_plan__figures_about_itself_must_follow_from_the_responses() -> None:
    given = replace(asked(CHARGING), target_kw=series(120.0, 2))
    plan = plan_of(given, r=[100, 100, 0, 0])
    (found,) = check_plan(given, replace(plan, shortfall_kw=np.zeros(2)))
    assert found.text == "plan states shortfall 0.000 kW, its responses give 20.000 kW at 14:00"
    (found,) = check_plan(given, replace(plan, rebound_excess_kw=np.array([0.0, 7.0])))
    assert found.text == "plan states rebound 7.000 kW, its responses give 0.000 kW at 14:45"
    (found,) = check_plan(given, replace(plan, shortfall_kw=np.zeros(1)))
    assert found.text == "plan states 1 shortfall figures for 2"


def spread() -> DispatchProblem:
    """Two resources of a class and one by itself; at 100 kW each the mean is 270 kW, the spread 13 kW.

    Class ``a``: 0.06 x (0.9 x 100 + 0.9 x 100) = 10.8; own: 0.03 x 100 = 3 twice and 5.81 once;
    sqrt(10.8^2 + 3^2 + 3^2 + 5.81^2) = sqrt(116.64 + 9 + 9 + 33.7561) = 12.9767.
    """
    resources = tuple(
        DispatchResource(name, "root", series(400, 4), curtailable(100, event=2, count=4, cost=1), 0.9, sd, group)
        for name, sd, group in (("a1", 0.03, "a"), ("a2", 0.03, "a"), ("b1", 0.0581, "b"))
    )
    given = problem({}, 270.0, event=2, recovery=2)
    return replace(given, resources=resources, common_sd={"a": 0.06, "unused": 1.0}, coverage=0.975)


def test_check_plan__shortfall_covers_the_spread_of_delivery() -> None:
    given, all_on = spread(), [100, 100, 0, 0]
    plan = plan_of(given, a1=all_on, a2=all_on, b1=all_on)
    assert plan.shortfall_kw == pytest.approx([1.959964 * math.sqrt(168.3961)] * 2, abs=1e-3)
    assert check_plan(given, plan) == ()
    (found,) = check_plan(given, replace(plan, shortfall_kw=np.zeros(2)))
    assert found.text == "plan states shortfall 0.000 kW, its responses give 25.434 kW at 14:00"


def test_check_plan__expected_delivery_decides_at_even_odds() -> None:
    given, all_on = replace(spread(), coverage=0.5), [100, 100, 0, 0]
    plan = replace(plan_of(given), response_kw=plan_of(given, a1=all_on, a2=all_on, b1=all_on).response_kw)
    assert check_plan(given, replace(plan, shortfall_kw=np.zeros(2))) == ()


def test_check_plan__stated_delivery_must_follow_from_the_responses() -> None:
    given, all_on = spread(), [100, 100, 0, 0]
    plan = plan_of(given, a1=all_on, a2=all_on, b1=all_on)
    q05 = 270.0 - 1.6448536 * math.sqrt(168.3961)
    right = replace(plan, delivery_mean_kw=series(270, 2), delivery_q05_kw=series(q05, 2))
    assert check_plan(given, right) == ()
    wrong = replace(plan, delivery_mean_kw=series([270, 300], 2), delivery_q05_kw=series([q05, 0], 2))
    assert [violation.text for violation in check_plan(given, wrong)] == [
        "plan states delivery_mean 300.000 kW, its responses give 270.000 kW at 14:15",
        "plan states delivery_q05 0.000 kW, its responses give 248.655 kW at 14:15",
    ]


def test_check_columns__reports_a_broken_fleet_within_bounds() -> None:
    offers: dict[str, Flexibility] = {
        f"r{i}": curtailable(50, event=2, count=4, cost=1) for i in range(2 * MOST_REPORTED)
    }
    given = columns_of(problem(offers, 0.0, event=2, recovery=2))
    found = check_columns(given, np.full((given.count, 4), -1.0))
    assert len(found) == MOST_REPORTED


def test_check_columns__promises_are_checked_when_stated() -> None:
    given = columns_of(replace(asked(CHARGING), target_kw=series(120.0, 2), rebound_cap_kw=series(10.0, 2)))
    response = np.array([[100.0, 100.0, -30.0, 0.0]])
    assert check_columns(given, response) == ()
    found = check_columns(given, response, shortfall_kw=np.array([20.0, 0.0]), rebound_excess_kw=np.zeros(2))
    assert [violation.text for violation in found] == [
        "plan states shortfall 0.000 kW, its responses give 20.000 kW at 14:15",
        "plan states rebound 0.000 kW, its responses give 20.000 kW at 14:30",
    ]


def test_check_columns__wrong_shape_is_reported_for_that_alone() -> None:
    given = columns_of(asked(CHARGING))
    (found,) = check_columns(given, np.zeros((1, 3)))
    assert found.text == "plan has responses of shape (1, 3) for (1, 4)"


def test_check_columns__fleet_beyond_one_slice() -> None:
    count = SLICE_ROWS + 2
    offer = curtailable(50, event=1, count=1, cost=1)
    given = columns_of(problem({f"r{i}": offer for i in range(count)}, 10.0 * count, event=1, forecast=60.0))
    response = np.full((count, 1), 10.0)
    assert check_columns(given, response, shortfall_kw=np.zeros(1), rebound_excess_kw=np.zeros(0)) == ()
    response[-1] = 51.0
    (found,) = check_columns(given, response, shortfall_kw=np.zeros(1))
    assert found.text == f"resource 'r{count - 1}': response 51.000 kW above 50.000 kW at 14:00"
