"""A small programme for tests, with every figure at hand."""

from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from vpp.domain.baseline import BaselineMethod
from vpp.domain.baseline_adjustment import AdjustmentKind
from vpp.domain.events import Direction
from vpp.domain.fleet import CustomerClass, ResourceKind
from vpp.domain.performance import CountNegative
from vpp.domain.programs import (
    BaselineChoice,
    BaselineChoices,
    CallLimits,
    Confidence,
    Eligibility,
    EnergyRatioPayment,
    Figure,
    Program,
)

V = TypeVar("V")


def figure(key: str, value: V | None) -> Figure[V]:
    confidence = Confidence.UNKNOWN if value is None else Confidence.ASSUMED
    return Figure("sample", key, value, "a test", confidence)


def choice(method: BaselineMethod, adjustment: AdjustmentKind = AdjustmentKind.NONE) -> BaselineChoice:
    return BaselineChoice(
        figure("baseline.method", method),
        figure("baseline.adjustment", adjustment),
        figure("baseline.cap_fraction", Decimal("0.2")),
        figure("baseline.window_h", Decimal(3)),
        figure("baseline.gap_h", Decimal(1)),
    )


def sample_terms(price: str | None = "1") -> EnergyRatioPayment:
    return EnergyRatioPayment(
        figure("payment.price_cny_per_kwh", None if price is None else Decimal(price)),
        figure("payment.low_ratio", Decimal("0.8")),
        figure("payment.low_factor", Decimal("0.2")),
        figure("payment.high_ratio", Decimal("1.2")),
        figure("payment.excess_factor", Decimal("0.1")),
        figure("payment.first_day_void_ratio", Decimal("0.5")),
        figure("payment.exempt_classes", frozenset({CustomerClass.RESIDENTIAL_CHARGING})),
        figure("payment.count_negative", CountNegative.NET),
        figure("payment.grading_unit", "day"),
    )


def sample_program(price: str | None = "1") -> Program:
    none = figure("eligibility", Decimal(0))
    return Program(
        "sample",
        "Sample",
        "样例",
        None,
        None,
        frozenset({Direction.CURTAIL}),
        Eligibility(none, none, none, none),
        CallLimits(figure("n", 30), figure("d", 2), figure("h", Decimal(4)), figure("s", 60)),
        {
            Direction.CURTAIL: BaselineChoices(
                choice(BaselineMethod.LAST5_NORMAL_DAYS, AdjustmentKind.MULTIPLICATIVE),
                {CustomerClass.COMMERCE: choice(BaselineMethod.TOP5_OF_10, AdjustmentKind.ADDITIVE)},
                {ResourceKind.STORAGE: choice(BaselineMethod.DECLARED_SCHEDULE)},
            )
        },
        sample_terms(price),
    )


def positive_only(program: Program) -> Program:
    count = figure("payment.count_negative", CountNegative.POSITIVE_ONLY)
    return replace(program, payment=replace(program.payment, count_negative=count))
