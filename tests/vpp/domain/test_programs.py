"""Programme figures and the choice of baselines."""

from dataclasses import replace

import pytest

from tests.vpp.domain.program_samples import choice, figure, sample_program, sample_terms
from vpp.domain.baseline import BaselineMethod, BaselineRule
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError, MissingFigureError
from vpp.domain.events import Direction
from vpp.domain.fleet import CustomerClass, ResourceKind
from vpp.domain.programs import Confidence


@pytest.mark.parametrize(
    ("customer_class", "kind", "method"),
    [
        (CustomerClass.INDUSTRY, ResourceKind.FACTORY_LINE, BaselineMethod.LAST5_NORMAL_DAYS),
        (CustomerClass.COMMERCE, ResourceKind.COOLING, BaselineMethod.TOP5_OF_10),
        (CustomerClass.COMMERCE, ResourceKind.STORAGE, BaselineMethod.DECLARED_SCHEDULE),
    ],
)
def test_baseline_choice__kind_wins_over_class_over_default(
    customer_class: CustomerClass, kind: ResourceKind, method: BaselineMethod
) -> None:
    chosen = sample_program().baseline_choice(Direction.CURTAIL, customer_class, kind)

    assert chosen.method.value is method


def test_baseline_choice__refuses_another_direction() -> None:
    with pytest.raises(InputError, match="'sample' cannot be called for 'fill', only for: curtail"):
        sample_program().baseline_choice(Direction.FILL, CustomerClass.INDUSTRY, ResourceKind.COOLING)


def test_rule__from_figures() -> None:
    rule = choice(BaselineMethod.TOP5_OF_10, AdjustmentKind.ADDITIVE).rule()

    assert rule == BaselineRule(BaselineMethod.TOP5_OF_10, AdjustmentRule(AdjustmentKind.ADDITIVE, 0.2, 3.0, 1.0))


def test_rule__a_null_cap_means_none_unless_it_is_unknown() -> None:
    known = choice(BaselineMethod.TOP5_OF_10, AdjustmentKind.ADDITIVE)
    no_cap = replace(known, cap_fraction=replace(known.cap_fraction, value=None))
    unknown = replace(known, cap_fraction=replace(no_cap.cap_fraction, confidence=Confidence.UNKNOWN))

    assert no_cap.rule().adjustment.cap_fraction is None
    with pytest.raises(MissingFigureError, match=r"'sample' has no value for 'baseline\.cap_fraction'"):
        unknown.rule()


def test_required__names_programme_and_key() -> None:
    with pytest.raises(MissingFigureError, match=r"programme 'sample' has no value for 'limits\.notice_minutes'"):
        figure("limits.notice_minutes", None).required()


@pytest.mark.parametrize(
    "name",
    [
        "price_cny_per_kwh",
        "low_ratio",
        "low_factor",
        "high_ratio",
        "excess_factor",
        "exempt_classes",
        "count_negative",
    ],
)
def test_require_known__names_the_missing_figure(name: str) -> None:
    terms = sample_terms()
    terms.require_known()

    lacking = replace(terms, **{name: figure(f"payment.{name}", None)})

    with pytest.raises(MissingFigureError, match=rf"'sample' has no value for 'payment\.{name}'"):
        lacking.require_known()


def test_require_known__the_multi_day_figure_may_be_missing() -> None:
    replace(sample_terms(), first_day_void_ratio=figure("payment.first_day_void_ratio", None)).require_known()


@pytest.mark.parametrize("group", ["default", "by_class", "by_kind"])
def test_require_baselines__looks_at_every_choice(group: str) -> None:
    program = sample_program()
    program.require_baselines(Direction.CURTAIL)
    choices = program.baselines[Direction.CURTAIL]
    gap = replace(choices.default, method=figure(f"baseline.{group}.method", None))
    changed = {"default": gap, "by_class": {CustomerClass.COMMERCE: gap}, "by_kind": {ResourceKind.STORAGE: gap}}

    lacking = replace(program, baselines={Direction.CURTAIL: replace(choices, **{group: changed[group]})})  # type: ignore[arg-type]

    with pytest.raises(MissingFigureError, match=rf"'sample' has no value for 'baseline\.{group}\.method'"):
        lacking.require_baselines(Direction.CURTAIL)


def test_require_baselines__refuses_another_direction() -> None:
    with pytest.raises(InputError, match="'sample' cannot be called for 'fill', only for: curtail"):
        sample_program().require_baselines(Direction.FILL)
