import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

SCHEMA_FILE = Path(__file__).parents[3] / "configs" / "wire" / "v1" / "report.schema.json"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema__accepts_the_example(
    validator: jsonschema.Draft202012Validator, build_report: Callable[[], dict[str, Any]]
) -> None:
    assert [error.message for error in validator.iter_errors(build_report())] == []


def test_schema__requires_every_key_of_the_example(
    validator: jsonschema.Draft202012Validator, build_report: Callable[[], dict[str, Any]]
) -> None:
    for key in build_report():
        report = build_report()
        del report[key]
        assert [error.message for error in validator.iter_errors(report)] == [f"'{key}' is a required property"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("log_hash",), "short"),
        (("interval_starts",), ["2026-07-22T14:00:00"]),
        (("event", "direction"), "down"),
        (("target_kw",), ["50"]),
        (("settlement", "total_payment_cny"), "12.345"),
        (("fairness", "gini"), 1.2),
        (("invariants", "facts"), 1),
    ],
)
def test_schema__refuses(
    validator: jsonschema.Draft202012Validator,
    build_report: Callable[[], dict[str, Any]],
    path: tuple[str, ...],
    value: object,
) -> None:
    report = build_report()
    place = report
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value

    assert not validator.is_valid(report)


def test_schema__money_may_be_exact_text_and_figures_may_be_missing(
    validator: jsonschema.Draft202012Validator, build_report: Callable[[], dict[str, Any]]
) -> None:
    report = build_report()
    report["settlement"]["total_payment_cny"] = "187113.26"
    report["truth"] = None
    report["waterfall"]["verified_kw"][3] = None
    report["event"]["states"][0] = "draft"

    assert [error.message for error in validator.iter_errors(report)] == []
