"""Programme files: the shipped ones, and every refusal with file, key and expectation."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from vpp.domain.baseline import BaselineMethod
from vpp.domain.baseline_adjustment import AdjustmentKind
from vpp.domain.errors import ConfigError, MissingFigureError
from vpp.domain.events import Direction
from vpp.domain.fleet import CustomerClass, ResourceKind
from vpp.domain.performance import GradedEnergy
from vpp.domain.programs import Confidence
from vpp.domain.settlement import pay_energy_ratio
from vpp.domain.use_limits import UNLIMITED, UseTerms
from vpp.infra.program_files import load_program

PROGRAMS = Path(__file__).parents[3] / "configs" / "programs"
HUNDRED = GradedEnergy(Decimal(100), Decimal(100), Decimal(100), Decimal(1))


def changed(tmp_path: Path, change: Callable[[Any], object]) -> Path:
    """The demo programme with one change, in a file."""
    document = yaml.safe_load((PROGRAMS / "beichen-demo.yaml").read_text(encoding="utf-8"))
    change(document)
    path = tmp_path / "program.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def test_load_program__beichen_demo_is_complete_and_marks_what_is_assumed() -> None:
    program = load_program(PROGRAMS / "beichen-demo.yaml")

    assert program.id == "beichen-demo"
    assert program.payment.price_cny_per_kwh.confidence is Confidence.ASSUMED
    assert pay_energy_ratio(program.payment, HUNDRED, CustomerClass.INDUSTRY).amount_cny == Decimal(120)
    for customer_class in CustomerClass:
        for kind in ResourceKind:
            choice = program.baseline_choice(Direction.CURTAIL, customer_class, kind)
            assert choice.method.confidence is Confidence.ASSUMED
            choice.rule()


def test_load_program__limits_of_use_by_kind_class_and_default(tmp_path: Path) -> None:
    def tighter(document: Any) -> None:
        default = document["use"]["default"]
        document["use"]["classes"] = {"commerce": default | {"calls_per_day": default["calls_per_day"] | {"value": 1}}}
        document["use"]["kinds"] = {"storage": default | {"rest_h": default["rest_h"] | {"value": 0.25}}}

    program = load_program(changed(tmp_path, tighter))

    assert program.use_terms(CustomerClass.INDUSTRY, ResourceKind.FACTORY_LINE) == UseTerms(2, None, 60, 1.0)
    assert program.use_terms(CustomerClass.COMMERCE, ResourceKind.COOLING) == UseTerms(1, None, 60, 1.0)
    assert program.use_terms(CustomerClass.COMMERCE, ResourceKind.STORAGE) == UseTerms(2, None, 60, 0.25)


def test_load_program__without_limits_of_use_there_are_none() -> None:
    program = load_program(PROGRAMS / "tianjin-peak.yaml")

    assert program.use_terms(CustomerClass.INDUSTRY, ResourceKind.FACTORY_LINE) == UNLIMITED


@pytest.mark.parametrize(
    ("customer_class", "kind", "method", "adjustment", "cap"),
    [
        ("industry", "factory_line", "last5_normal_days", "multiplicative", 0.4),
        ("industry", "cooling", "top5_of_10", "additive", 0.4),
        ("commerce", "lighting", "top5_of_10", "additive", 0.4),
        ("charging_operator", "public_charging", "last5_normal_days", "additive", 0.4),
        ("commerce", "storage", "declared_schedule", "none", None),
    ],
)
def test_load_program__beichen_demo_chooses_baselines_by_evidence(
    customer_class: str, kind: str, method: str, adjustment: str, cap: float | None
) -> None:
    program = load_program(PROGRAMS / "beichen-demo.yaml")

    rule = program.baseline_choice(Direction.CURTAIL, CustomerClass(customer_class), ResourceKind(kind)).rule()

    assert rule.method is BaselineMethod(method)
    assert rule.adjustment.kind is AdjustmentKind(adjustment)
    assert rule.adjustment.cap_fraction == cap


def test_load_program__tianjin_peak_loads_and_refuses_to_settle() -> None:
    program = load_program(PROGRAMS / "tianjin-peak.yaml")

    with pytest.raises(MissingFigureError, match=r"'tianjin-peak' has no value for 'payment\.price_cny_per_kwh'"):
        pay_energy_ratio(program.payment, HUNDRED, CustomerClass.INDUSTRY)
    choice = program.baseline_choice(Direction.CURTAIL, CustomerClass.INDUSTRY, ResourceKind.FACTORY_LINE)
    with pytest.raises(MissingFigureError, match=r"'baseline\.curtail\.default\.method'"):
        choice.rule()
    with pytest.raises(MissingFigureError, match=r"'limits\.notice_minutes'"):
        program.limits.notice_minutes.required()


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (lambda d: d.pop("payment"), "payment", "is missing"),
        (lambda d: d.update(prize=1), "prize", "is not a known key"),
        (
            lambda d: d["payment"]["price_cny_per_kwh"].update(value=-1),
            "payment.price_cny_per_kwh.value",
            "Input should be greater than or equal to 0, got -1",
        ),
        (
            lambda d: d["payment"]["price_cny_per_kwh"].update(value=float("nan")),
            "payment.price_cny_per_kwh.value",
            "Input should be a finite number, got nan",
        ),
        (lambda d: d["payment"]["low_ratio"].pop("source"), "payment.low_ratio.source", "is missing"),
        (
            lambda d: d["payment"]["low_ratio"].update(value=None),
            "payment.low_ratio.confidence",
            "expected 'unknown' for a null value, got 'official'",
        ),
        (
            lambda d: d["use"]["default"]["rest_h"].update(value=-1),
            "use.default.rest_h.value",
            "Input should be greater than or equal to 0, got -1",
        ),
        (
            lambda d: d["limits"]["notice_minutes"].update(confidence="unknown"),
            "limits.notice_minutes.value",
            "expected null for an unknown figure, got 10",
        ),
        (
            lambda d: d["payment"]["low_ratio"].update(value=1.3),
            "payment.high_ratio.value",
            "1.2 is below payment.low_ratio 1.3",
        ),
        (
            lambda d: d["baseline"].pop("curtail"),
            "baseline.curtail",
            "is missing, each direction needs its baseline",
        ),
        (
            lambda d: d.update(valid={"first": "2026-09-01", "last": "2026-06-01"}),
            "valid.last",
            "2026-06-01 is before valid.first 2026-09-01",
        ),
    ],
)
def test_load_program__names_file_key_and_expectation(
    tmp_path: Path, change: Callable[[Any], object], key: str, expected: str
) -> None:
    path = changed(tmp_path, change)

    with pytest.raises(ConfigError) as caught:
        load_program(path)

    assert caught.value.key == key
    assert str(caught.value) == f"{path}: {key}: {expected}"


def test_load_program__unknown_method_lists_the_known_ones(tmp_path: Path) -> None:
    def change(document: Any) -> None:
        document["baseline"]["curtail"]["classes"]["industry"]["method"]["value"] = "mean"

    with pytest.raises(ConfigError, match=r"classes\.industry\.method\.value: .*'last5_normal_days', 'top5_of_10'"):
        load_program(changed(tmp_path, change))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id: [", "is not YAML"),
        ("- a list", "expected a mapping of keys, got list"),
    ],
)
def test_load_program__refuses_what_is_no_programme(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "program.yaml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError, match=expected):
        load_program(path)


def test_load_program__refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        load_program(tmp_path / "none.yaml")
