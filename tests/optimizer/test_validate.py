from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from optimizer.validate import check_columns_sound, check_names, check_problem
from tests.optimizer.small_problem import block, curtailable, node, problem, random_problem, series
from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.errors import InputError
from vpp.domain.events import Direction
from vpp.domain.flexibility import Charging, Flexibility, Storage

GOOD = problem({"a": curtailable(100.0, event=2, count=3, cost=1.0)}, 50.0, event=2, recovery=1)
A = GOOD.resources[0]
ROOT = GOOD.nodes[0]
BATTERY = Storage(100.0, 200.0, 100.0, 20.0, 100.0, 0.9, 0.1, True)
CURTAILABLE = curtailable(100.0, event=2, count=3, cost=1.0)


def one(**changes: Any) -> DispatchProblem:
    return replace(GOOD, resources=(replace(A, **changes),))


def test_check_problem__sound() -> None:
    assert check_problem(GOOD) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(GOOD, event_intervals=0), "event of 0 intervals does not fit a horizon of 3"),
        (replace(GOOD, rebound_cap_kw=series(np.nan, 1)), "rebound_cap_kw[0] is nan, expected a finite number and"),
        (replace(GOOD, target_kw=series(-1, 2)), "target_kw[0] is -1.0, expected a finite number and at least 0"),
        (replace(GOOD, target_kw=series(1, 3)), "target_kw has shape (3,), expected (2,)"),
        (replace(GOOD, coverage=0.49), "coverage is 0.49, expected a probability within [0.5, 1)"),
        (replace(GOOD, coverage=1.0), "coverage is 1.0, expected a probability within [0.5, 1)"),
        (replace(GOOD, coverage=np.nan), "coverage is nan, expected a probability within [0.5, 1)"),
        (replace(GOOD, common_sd={"b": 0.1, "a": -0.1}), "common_sd of class 'a' is -0.1, expected a finite number"),
        (replace(GOOD, common_sd={"a": np.inf}), "common_sd of class 'a' is inf, expected a finite number"),
        (replace(GOOD, shortfall_cny_per_kwh=-1.0), "shortfall_cny_per_kwh is -1.0, expected a finite number within"),
        (replace(GOOD, rebound_cny_per_kwh=np.nan), "rebound_cny_per_kwh is nan, expected a finite number within"),
        (
            replace(GOOD, energy_price_cny_per_kwh=series(0.5, 2)),
            "energy_price_cny_per_kwh has shape (2,), expected (3,)",
        ),
        (
            replace(GOOD, energy_price_cny_per_kwh=np.array([0.5, np.nan, 0.5])),
            "energy_price_cny_per_kwh[1] is nan, expected a finite number",
        ),
        (
            replace(GOOD, direction=cast("Direction", "fill")),
            "direction is 'fill', expected a Direction: curtail or fill",
        ),
        (one(delivery_sd=-0.1), "resource 'a' delivery_sd is -0.1, expected a finite number within [0, inf]"),
        (one(delivery_sd=np.inf), "resource 'a' delivery_sd is inf, expected a finite number within [0, inf]"),
        (one(use_price_cny_per_kwh=-1.0), "resource 'a' use_price_cny_per_kwh is -1.0, expected a finite number"),
        (one(flexibility=block(9, event=2, count=3, min_rest=0)), "resource 'a' min_rest is 0, expected a finite"),
        (
            one(flexibility=replace(block(9, event=2, count=3), min_run=cast("int", 1.5))),
            "resource 'a' min_run is 1.5, expected a whole number",
        ),
        (one(flexibility=block(-9, event=2, count=3)), "resource 'a' available_kw[0] is -9.0, expected a finite"),
        (
            one(flexibility=replace(CURTAILABLE, segment_2_kw=np.array([0, np.nan, 0]))),
            "resource 'a' segment_2_kw[1] is nan, expected a finite number and at least 0",
        ),
        (
            one(flexibility=replace(CURTAILABLE, segment_2_kw=np.array([0, 0, np.nan]))),
            "resource 'a' segment_2_kw[2] is nan, expected a finite number and at least 0",
        ),
        (
            one(flexibility=replace(CURTAILABLE, segment_1_kw=np.zeros(2))),
            "resource 'a' segment_1_kw has shape (2,), expected (3,)",
        ),
        (one(flexibility=replace(CURTAILABLE, energy_max_kwh=np.nan)), "resource 'a' energy_max_kwh is nan, expected"),
        (one(flexibility=replace(BATTERY, soc_kwh=-1.0)), "resource 'a' soc_kwh is -1.0, expected a finite number"),
        (
            replace(GOOD, nodes=(replace(ROOT, import_limit_kw=series([1, -1, np.inf], 3)),)),
            "node 'root' import_limit_kw[1] is -1.0, expected a finite number and at least 0",
        ),
        (
            replace(GOOD, nodes=(replace(ROOT, forecast_kw=series(np.inf, 3)),)),
            "node 'root' forecast_kw[0] is inf, expected a finite number",
        ),
        (replace(GOOD, resources=(A, A)), "resource id 'a' is used twice"),
        (replace(GOOD, nodes=(ROOT, ROOT)), "node id 'root' is used twice"),
        (replace(GOOD, nodes=()), "resource 'a' names unknown node 'root'"),
        (replace(GOOD, nodes=(node(3, parent="root"),)), "node 'root' is its own ancestor"),
        (replace(GOOD, nodes=(node(3, parent="sky"),)), "node 'root' hangs from unknown node 'sky'"),
        (
            one(delivery_fraction=0.0),
            "resource 'a': delivery_fraction 0.0 is outside (0, 1.5]",
        ),
        (
            one(forecast_kw=series(np.inf, 3)),
            "resource 'a' forecast_kw[0] is inf, expected a finite number",
        ),
        (
            one(flexibility=replace(BATTERY, efficiency=0.0)),
            "resource 'a' efficiency is 0.0, expected a finite number within [0.01, 1]",
        ),
    ],
)
def test_check_problem__malformed(wrong: DispatchProblem, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_problem(wrong)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("flexibility", "reason"),
    [
        (
            Charging(series(90, 3), series(80, 3), np.zeros(3), series(100, 3), 0.1),
            "resource 'x': least power 90 kW above most power 80 kW in interval 0",
        ),
        (
            replace(BATTERY, soc_kwh=201.0),
            "resource 'x': state of charge 201 kWh above capacity 200 kWh",
        ),
        (
            replace(BATTERY, soc_end_kwh=210.0),
            "resource 'x': state of charge 210 kWh is asked for, above capacity 200 kWh",
        ),
        (
            replace(BATTERY, soc_end_kwh=180.0),
            "resource 'x': state of charge 100 kWh cannot reach 180 kWh at the end or stay above 20 kWh with 100 kW",
        ),
        (
            block(50.0, event=2, count=3, minimum=60.0),
            "resource 'x': least response 60 kW above available 50 kW in interval 0",
        ),
        (
            block(50.0, event=2, count=3, min_run=3, max_run=2),
            "resource 'x': min run 3 above max run 2 intervals",
        ),
        (
            block(50.0, event=2, count=3, min_run=4, max_run=4, running=1),
            "resource 'x': running call needs 3 more intervals, event has 2",
        ),
    ],
)
def test_check_problem__contradiction_names_resource_and_figures(flexibility: Flexibility, reason: str) -> None:
    outcome = check_problem(problem({"x": flexibility}, 10.0, event=2, recovery=1))
    assert outcome is not None
    assert outcome.reason == reason
    assert outcome.binding[0].name.startswith("resource:x:")


def test_check_problem__reserved_resource_may_contradict_itself() -> None:
    wrong = problem({"x": replace(BATTERY, soc_kwh=201.0)}, 10.0, event=2, recovery=1)
    held = replace(wrong, resources=(replace(wrong.resources[0], reserved=True),))
    assert check_problem(held) is None


def test_check_problem__a_fleet_of_nobody_is_sound() -> None:
    assert check_problem(replace(GOOD, resources=())) is None


def test_check_problem__common_spread_of_a_class_without_resources() -> None:
    assert check_problem(replace(GOOD, common_sd={"nobody": 0.1})) is None


def test_check_problem__contradictions_in_the_order_of_resources_whatever_their_kind() -> None:
    offers: dict[str, Flexibility] = {
        "a": replace(BATTERY, soc_kwh=201.0),
        "b": block(50.0, event=2, count=3),
        "c": block(50.0, event=2, count=3, minimum=60.0),
        "d": Charging(np.zeros(3), series(80, 3), series([0, 0, 70], 3), series([100, 100, 60], 3), 0.1),
    }
    for direction in Direction:
        outcome = check_problem(replace(problem(offers, 10.0, event=2, recovery=1), direction=direction))
        assert outcome is not None
        names = [limit.name for limit in outcome.binding]
        assert names == ["resource:a:soc", "resource:c:minimum", "resource:d:energy"]


COLUMNS = columns_of(GOOD)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(COLUMNS, ids=["a", "b"]), "ids of resources has shape (2,), expected (1,)"),
        (replace(COLUMNS, node_of=np.array([1])), "resource 'a' names unknown node 1"),
        (replace(COLUMNS, class_of=np.array([-1])), "resource 'a' names unknown delivery class -1"),
        (replace(COLUMNS, class_sd=np.array([-0.1])), "class_sd[0] is -0.1, expected a finite number and at least 0"),
        (replace(COLUMNS, delivery_sd=np.zeros(2)), "delivery_sd of resources has shape (2,), expected (1,)"),
        (
            replace(COLUMNS, curtailable=replace(COLUMNS.curtailable, index=np.array([1]))),
            "indices of the kinds name 1 resources, expected each of 1 once",
        ),
        (
            replace(COLUMNS, curtailable=replace(COLUMNS.curtailable, segment_1_kw=np.zeros((1, 3)))),
            "segment_1_kw has shape (1, 3), expected (1, 2)",
        ),
        (
            replace(COLUMNS, nodes=replace(COLUMNS.nodes, parent=np.array([7]))),
            "node 'root' hangs from unknown node 7",
        ),
        (
            replace(COLUMNS, nodes=replace(COLUMNS.nodes, forecast_kw=np.zeros((1, 2)))),
            "forecast_kw has shape (1, 2), expected (1, 3)",
        ),
    ],
)
def test_check_columns_sound__malformed_columns(wrong: DispatchColumns, message: str) -> None:
    assert check_columns_sound(COLUMNS) is None
    with pytest.raises(InputError) as caught:
        check_columns_sound(wrong)
    assert str(caught.value) == message


def test_check_names__leaves_contradictions_to_the_columns() -> None:
    wrong = problem({"x": replace(BATTERY, soc_kwh=201.0)}, 10.0, event=2, recovery=1)
    check_names(wrong)
    assert check_columns_sound(columns_of(wrong)) is not None


@pytest.mark.parametrize("seed", range(40))
def test_check_problem__random_problems_are_sound(seed: int) -> None:
    assert check_problem(random_problem(seed)) is None
