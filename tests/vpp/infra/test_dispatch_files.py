import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from optimizer import plan_dispatch
from tests.optimizer.small_problem import curtailable, problem, random_problem
from vpp.domain.dispatch import Infeasible, TimedOut
from vpp.domain.errors import ConfigError
from vpp.infra.dispatch_files import plan_file, problem_file, read_problem
from vpp.infra.dispatch_schema import PLAN_SCHEMA, PROBLEM_SCHEMA, render_schemas

SCHEMAS = Path(__file__).parents[3] / "configs" / "wire" / "v1"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "problem.json"
    path.write_text(text, encoding="utf-8")
    return path


def sample() -> dict[str, Any]:
    asked = problem({"a": curtailable(100.0, event=2, count=3, cost=1.0)}, 50.0, event=2, recovery=1)
    found: dict[str, Any] = json.loads(problem_file(asked).model_dump_json())
    return found


@pytest.mark.parametrize("name", [PROBLEM_SCHEMA, PLAN_SCHEMA])
def test_render_schemas__published_files_are_up_to_date(name: str) -> None:
    assert (SCHEMAS / name).read_text(encoding="utf-8") == render_schemas()[name], (
        "run: python -m vpp.infra.dispatch_schema configs/wire/v1"
    )


@pytest.mark.parametrize("seed", range(8))
def test_read_problem__reads_what_was_written(tmp_path: Path, seed: int) -> None:
    asked = random_problem(seed)
    text = problem_file(asked).model_dump_json()
    jsonschema.validate(json.loads(text), json.loads(render_schemas()[PROBLEM_SCHEMA]))
    found = read_problem(written(tmp_path, text))
    assert problem_file(found) == problem_file(asked)
    assert np.array_equal(found.nodes[0].import_limit_kw, asked.nodes[0].import_limit_kw)


def test_read_problem__limits_may_be_left_out(tmp_path: Path) -> None:
    given = sample()
    del given["nodes"][0]["import_limit_kw"]
    given["nodes"][0]["export_limit_kw"] = [None, 5, 0.5]
    found = read_problem(written(tmp_path, json.dumps(given)))
    assert found.nodes[0].import_limit_kw.tolist() == [np.inf] * 3
    assert found.nodes[0].export_limit_kw.tolist() == [np.inf, 5.0, 0.5]


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("target_kw",), [1.0], "target_kw: 1 values: expected 2"),
        (("target_kw", 1), "50", 'target_kw.1: "50": Input should be a valid number'),
        (("target_kw", 0), -1.0, "target_kw.0: -1.0: Input should be greater than or equal to 0"),
        (("target_kw", 0), True, "target_kw.0: true: Input should be a valid number"),
        (("surprise",), 1, "surprise: 1: Extra inputs are not permitted"),
        (("start",), "2026-07-20T14:00:00", 'start: "2026-07-20T14:00:00": Value error, instant'),
        (("start",), "2026-07-20T14:07:00+08:00", "grid start 2026-07-20T06:07:00Z is not on a 15-minute boundary"),
        (("event_intervals",), 9, "event_intervals 9 is above intervals 3"),
        (("resources", 0, "forecast_kw"), [1, 2], "resources.0.forecast_kw: 2 values: expected 3"),
        (("resources", 0, "flexibility", "segment_1_kw"), [], "flexibility.segment_1_kw: 0 values: expected 3"),
        (("resources", 0, "delivery_fraction"), 2, "resources.0.delivery_fraction: 2: Input should be less than or"),
    ],
)
def test_read_problem__names_file_key_value_and_expectation(
    tmp_path: Path, keys: tuple[str | int, ...], value: object, message: str
) -> None:
    given: Any = sample()
    place = given
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path = written(tmp_path, json.dumps(given))
    with pytest.raises(ConfigError) as caught:
        read_problem(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_read_problem__refuses_not_a_number(tmp_path: Path) -> None:
    text = json.dumps(sample()).replace("50.0", "NaN", 1)
    with pytest.raises(ConfigError, match=r"target_kw\.0: NaN: Input should be a finite number"):
        read_problem(written(tmp_path, text))


@pytest.mark.parametrize(("text", "message"), [("{", "Invalid JSON"), ("[]", "Input should be an object")])
def test_read_problem__not_a_problem(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_problem(written(tmp_path, text))


def test_read_problem__missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.json: cannot be read"):
        read_problem(tmp_path / "none.json")


@pytest.mark.parametrize("target", [50.0, 500.0])
def test_plan_file__follows_its_schema(target: float) -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=3, cost=1.0)}, target, event=2, recovery=1)
    outcome = plan_dispatch(asked)
    answer = json.loads(plan_file(asked, outcome, explain=True).model_dump_json())
    jsonschema.validate(answer, json.loads(render_schemas()[PLAN_SCHEMA]))
    assert answer["outcome"] == ("planned" if target == 50.0 else "unreachable")
    assert answer["setpoint_kw"]["a"] == pytest.approx([1000 - min(target, 100)] * 2 + [1000])
    assert answer["reasons"] == {"a": "cheaper"}
    assert (answer["largest_kw"] is None) == (target == 50.0)


def test_plan_file__infeasible_and_timed_out() -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    none = plan_file(asked, Infeasible("because", ()), explain=True)
    assert (none.outcome, none.status, none.response_kw) == ("infeasible", "because", {})
    outcome = plan_dispatch(asked)
    assert not isinstance(outcome, Infeasible)
    late = plan_file(asked, TimedOut(outcome.plan, "too late"), explain=False)
    assert (late.outcome, late.status, late.reasons) == ("timed_out", "too late", None)
