from dataclasses import replace

import numpy as np
import pytest

from optimizer.validate import check_problem
from tests.optimizer.small_problem import block, curtailable, node, problem, series
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Charging, Flexibility, Storage

GOOD = problem({"a": curtailable(100.0, event=2, count=3, cost=1.0)}, 50.0, event=2, recovery=1)
A = GOOD.resources[0]
ROOT = GOOD.nodes[0]
BATTERY = Storage(100.0, 200.0, 100.0, 20.0, 100.0, 0.9, 0.1, True)


def test_check_problem__sound() -> None:
    assert check_problem(GOOD) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (replace(GOOD, event_intervals=0), "event of 0 intervals does not fit a horizon of 3"),
        (replace(GOOD, rebound_cap_kw=series(np.nan, 1)), "rebound_cap_kw[0] is nan, expected a finite number and"),
        (replace(GOOD, target_kw=series(-1, 2)), "target_kw[0] is -1.0, expected a finite number and at least 0"),
        (replace(GOOD, reserve_fraction=1.0), "reserve_fraction is 1.0, expected a finite number within [0, 0.999]"),
        (replace(GOOD, resources=(A, A)), "resource id 'a' is used twice"),
        (replace(GOOD, nodes=(ROOT, ROOT)), "node id 'root' is used twice"),
        (replace(GOOD, nodes=()), "resource 'a' names unknown node 'root'"),
        (replace(GOOD, nodes=(node(3, parent="root"),)), "node 'root' is its own ancestor"),
        (replace(GOOD, nodes=(node(3, parent="sky"),)), "node 'root' hangs from unknown node 'sky'"),
        (
            replace(GOOD, resources=(replace(A, delivery_fraction=0.0),)),
            "resource 'a': delivery_fraction 0.0 is outside (0, 1.5]",
        ),
        (
            replace(GOOD, resources=(replace(A, forecast_kw=series(np.inf, 3)),)),
            "resource 'a' forecast_kw[0] is inf, expected a finite number",
        ),
        (
            replace(GOOD, resources=(replace(A, flexibility=replace(BATTERY, efficiency=0.0)),)),
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
