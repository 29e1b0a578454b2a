import json
from dataclasses import replace
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.optimizer.small_problem import curtailable, plan_of, problem, series
from vpp.domain.dispatch import (
    BindingLimit,
    DispatchPlan,
    DispatchProblem,
    Infeasible,
    Marginals,
    Planned,
    PlanningOutcome,
    TimedOut,
    Unreachable,
)
from vpp.domain.events import Direction
from vpp.infra.dispatch_plan_file import plan_file
from vpp.infra.dispatch_schema import PLAN_SCHEMA, render_schemas

LINE = BindingLimit("node:line:import", 1, "node line: import limit 900 kW binds at 14:15", 0.4)
ENERGY = BindingLimit("resource:a:energy", None, "resource a: its energy is used up")


def asked(target: float = 50.0) -> DispatchProblem:
    return problem({"a": curtailable(100.0, event=2, count=3, cost=1.0)}, target, event=2, recovery=1)


def plan() -> DispatchPlan:
    return replace(
        plan_of(asked(), a=[50, 50, 0]),
        source="coordinated",
        status="optimal",
        cost_cny=25.0,
        gap=0.02,
        objective_cny=30.0,
        bound_cny=29.4,
        delivery_mean_kw=series(55, 2),
        delivery_q05_kw=series(48, 2),
        joint_probability=0.93,
        marginals=Marginals(series(0.25, 2), series(0.0, 1), {"line": series([0, -0.1, 0], 3)}),
        binding=(LINE, ENERGY),
        reasons={"a": "cheaper"},
    )


def written(given: DispatchProblem, outcome: PlanningOutcome, *, explain: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plan_file(given, outcome, explain=explain).model_dump_json())
    jsonschema.validate(found, json.loads(render_schemas()[PLAN_SCHEMA]))
    return found


def test_plan_file__planned() -> None:
    found = written(asked(), Planned(plan()))
    assert (found["outcome"], found["source"], found["status"]) == ("planned", "coordinated", "optimal")
    assert (found["cost_cny"], found["objective_cny"], found["bound_cny"], found["gap"]) == (25.0, 30.0, 29.4, 0.02)
    assert (found["delivery_mean_kw"], found["delivery_q05_kw"]) == ([55.0, 55.0], [48.0, 48.0])
    assert found["joint_probability"] == 0.93
    assert found["marginals"] == {
        "target_cny_per_kw": [0.25, 0.25],
        "rebound_cny_per_kw": [0.0],
        "node_cny_per_kw": {"line": [0.0, -0.1, 0.0]},
    }
    assert found["binding"] == [
        {"name": LINE.name, "interval": 1, "text": LINE.text, "saves_cny_per_kw": 0.4},
        {"name": ENERGY.name, "interval": None, "text": ENERGY.text, "saves_cny_per_kw": None},
    ]
    assert (found["largest_kw"], found["reasons"], found["reason_texts"]) == (None, None, None)


def test_plan_file__explained() -> None:
    found = written(asked(), Planned(plan()), explain=True)
    assert found["reasons"] == {"a": "cheaper"}
    assert found["reason_texts"] == {
        "a": {
            "en": "called: it was among the cheapest ways to reach the target",
            "zh": "被调用：属于达到目标的较低成本资源",
        }
    }


@pytest.mark.parametrize(
    ("direction", "setpoint"), [(Direction.CURTAIL, [950.0, 950.0, 1000.0]), (Direction.FILL, [1050.0, 1050.0, 1000.0])]
)
def test_plan_file__setpoint_lies_in_the_asked_direction(direction: Direction, setpoint: list[float]) -> None:
    found = written(replace(asked(), direction=direction), Planned(plan()))
    assert found["response_kw"] == {"a": [50.0, 50.0, 0.0]}
    assert found["setpoint_kw"] == {"a": setpoint}


def test_plan_file__unknown_figures_are_null() -> None:
    found = written(asked(), Planned(plan_of(asked(), a=[50, 50, 0])))
    assert [found[key] for key in ("gap", "objective_cny", "bound_cny", "joint_probability", "marginals")] == [None] * 5
    assert (found["delivery_mean_kw"], found["delivery_q05_kw"], found["binding"]) == ([], [], [])


def test_plan_file__unreachable_names_what_stops_it() -> None:
    outcome = Unreachable(plan(), np.array([100.0, 90.0]), (ENERGY,))
    found = written(asked(500.0), outcome)
    assert (found["outcome"], found["largest_kw"]) == ("unreachable", [100.0, 90.0])
    assert [limit["name"] for limit in found["binding"]] == ["resource:a:energy"]


def test_plan_file__infeasible_and_timed_out() -> None:
    none = written(asked(), Infeasible("because", (ENERGY,)), explain=True)
    assert (none["outcome"], none["status"], none["response_kw"]) == ("infeasible", "because", {})
    assert (none["reason_texts"], none["bound_cny"]) == (None, None)
    late = written(asked(), TimedOut(plan(), "too late"))
    assert (late["outcome"], late["status"], late["reasons"]) == ("timed_out", "too late", None)
    assert [limit["name"] for limit in late["binding"]] == ["node:line:import", "resource:a:energy"]
