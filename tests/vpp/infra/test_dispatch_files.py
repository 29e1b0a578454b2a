import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from tests.optimizer.small_problem import block, curtailable, problem, random_problem, series
from vpp.domain.dispatch import DispatchProblem
from vpp.domain.errors import ConfigError
from vpp.domain.events import Direction
from vpp.domain.flexibility import Block
from vpp.infra.dispatch_files import problem_file, read_problem
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


def every_key() -> DispatchProblem:
    asked = problem({"a": block(100.0, event=2, count=3, min_rest=3)}, 50.0, event=2, recovery=1)
    offer = replace(asked.resources[0], delivery_sd=0.2, delivery_class="factory", use_price_cny_per_kwh=0.4)
    return replace(
        asked,
        resources=(offer,),
        direction=Direction.FILL,
        coverage=0.9,
        common_sd={"factory": 0.05, "": 0.01},
        energy_price_cny_per_kwh=series([0.5, -0.1, 0.4], 3),
    )


def test_read_problem__keeps_direction_spreads_and_prices(tmp_path: Path) -> None:
    found = read_problem(written(tmp_path, problem_file(every_key()).model_dump_json()))
    assert (found.direction, found.coverage, found.common_sd) == (Direction.FILL, 0.9, {"factory": 0.05, "": 0.01})
    assert found.energy_price_cny_per_kwh is not None
    assert found.energy_price_cny_per_kwh.tolist() == [0.5, -0.1, 0.4]
    (offer,) = found.resources
    assert (offer.delivery_sd, offer.delivery_class, offer.use_price_cny_per_kwh) == (0.2, "factory", 0.4)
    assert isinstance(offer.flexibility, Block)
    assert offer.flexibility.min_rest == 3


def test_read_problem__new_keys_may_be_left_out(tmp_path: Path) -> None:
    given = sample()
    for key in ("direction", "coverage", "common_sd", "energy_price_cny_per_kwh"):
        del given[key]
    for key in ("delivery_sd", "delivery_class", "use_price_cny_per_kwh"):
        del given["resources"][0][key]
    found = read_problem(written(tmp_path, json.dumps({**given, "reserve_fraction": 0})))
    assert (found.direction, found.coverage, found.common_sd) == (Direction.CURTAIL, 0.95, {})
    assert found.energy_price_cny_per_kwh is None
    assert (found.resources[0].delivery_sd, found.resources[0].use_price_cny_per_kwh) == (0.0, 0.0)


def test_problem_file__says_nothing_of_a_reserve() -> None:
    assert "reserve_fraction" not in sample()


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
        (
            ("reserve_fraction",),
            0.15,
            "reserve_fraction: 0.15: Value error, a fixed reserve is no longer held: coverage",
        ),
        (("direction",), "up", "direction: \"up\": Input should be 'curtail' or 'fill'"),
        (("coverage",), 0.4, "coverage: 0.4: Input should be greater than or equal to 0.5"),
        (("coverage",), 1, "coverage: 1: Input should be less than 1"),
        (("common_sd",), {"factory": -0.1}, "common_sd.factory: -0.1: Input should be greater than or equal to 0"),
        (("energy_price_cny_per_kwh",), [0.5], "energy_price_cny_per_kwh: 1 values: expected 3"),
        (("resources", 0, "delivery_sd"), -1, "resources.0.delivery_sd: -1: Input should be greater than or equal"),
        (("resources", 0, "delivery_class"), 7, "resources.0.delivery_class: 7: Input should be a valid string"),
        (("resources", 0, "use_price_cny_per_kwh"), "1", 'use_price_cny_per_kwh: "1": Input should be a valid number'),
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


def test_read_problem__rest_between_calls_is_at_least_one_interval(tmp_path: Path) -> None:
    given = json.loads(problem_file(every_key()).model_dump_json())
    given["resources"][0]["flexibility"]["min_rest"] = 0
    with pytest.raises(ConfigError, match=r"min_rest: 0: Input should be greater than or equal to 1"):
        read_problem(written(tmp_path, json.dumps(given)))


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
