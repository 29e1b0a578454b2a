"""Programmes: the rules that one enrols in, as data.

Every figure carries its source and a confidence; a figure that nobody has found is ``None`` and whoever needs it gets a
``MissingFigureError``. Nothing here is guessed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

from vpp.domain.baseline import BaselineMethod, BaselineRule
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError, MissingFigureError
from vpp.domain.events import Direction
from vpp.domain.fleet import CustomerClass, ResourceKind
from vpp.domain.performance import CountNegative
from vpp.domain.use_limits import UNLIMITED, UseTerms

V = TypeVar("V")


class Confidence(StrEnum):
    """How well a figure is founded."""

    OFFICIAL = "official"
    SECONDARY = "secondary"
    RECALLED = "recalled"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Figure(Generic[V]):
    """One figure of a programme.

    Attributes:
        program_id: Whose figure it is.
        key: Dotted path in the programme's file.
        value: ``None`` where it was not found.
        source: Where it comes from, in words.
    """

    program_id: str
    key: str
    value: V | None
    source: str
    confidence: Confidence

    def required(self) -> V:
        """The value.

        Raises:
            MissingFigureError: it is unknown; names programme and key.
        """
        if self.value is None:
            raise MissingFigureError(self.program_id, self.key)
        return self.value


@dataclass(frozen=True, slots=True)
class Eligibility:
    """Least and largest declared energy per call, kWh."""

    industrial_min_kwh: Figure[Decimal]
    other_min_kwh: Figure[Decimal]
    aggregator_min_kwh: Figure[Decimal]
    aggregator_max_kwh: Figure[Decimal]


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How often and how long one may be called, and how early one is told."""

    notice_minutes: Figure[int]
    max_events_per_day: Figure[int]
    max_hours_per_event: Figure[Decimal]
    max_events_per_season: Figure[int]


@dataclass(frozen=True, slots=True)
class UseLimits:
    """How often one resource may be called; a figure that is unknown limits nothing."""

    calls_per_day: Figure[int]
    calls_per_week: Figure[int]
    calls_per_season: Figure[int]
    rest_h: Figure[Decimal]

    def terms(self) -> UseTerms:
        """The same as plain figures."""
        return UseTerms(
            self.calls_per_day.value,
            self.calls_per_week.value,
            self.calls_per_season.value,
            float(self.rest_h.value or 0),
        )


@dataclass(frozen=True, slots=True)
class UseChoices:
    """Limits of use; a resource kind's own win over its class's, those over the default."""

    default: UseLimits
    by_class: Mapping[CustomerClass, UseLimits]
    by_kind: Mapping[ResourceKind, UseLimits]


@dataclass(frozen=True, slots=True)
class BaselineChoice:
    """A baseline rule as figures: any of them may be unknown.

    Attributes:
        cap_fraction: A value of ``None`` means "no cap", unless its confidence is ``UNKNOWN``.
    """

    method: Figure[BaselineMethod]
    adjustment: Figure[AdjustmentKind]
    cap_fraction: Figure[Decimal]
    window_h: Figure[Decimal]
    gap_h: Figure[Decimal]

    def rule(self) -> BaselineRule:
        """The rule to compute with.

        Raises:
            MissingFigureError: a figure that it needs is unknown.
        """
        method = self.method.required()
        kind = self.adjustment.required()
        if kind is AdjustmentKind.NONE:
            return BaselineRule(method)
        no_cap = self.cap_fraction.value is None and self.cap_fraction.confidence is not Confidence.UNKNOWN
        cap = None if no_cap else float(self.cap_fraction.required())
        return BaselineRule(
            method, AdjustmentRule(kind, cap, float(self.window_h.required()), float(self.gap_h.required()))
        )


@dataclass(frozen=True, slots=True)
class BaselineChoices:
    """Baselines of one direction; a resource kind's own choice wins over its class's, that over the default."""

    default: BaselineChoice
    by_class: Mapping[CustomerClass, BaselineChoice]
    by_kind: Mapping[ResourceKind, BaselineChoice]


@dataclass(frozen=True, slots=True)
class EnergyRatioPayment:
    """Tianjin's payment by the ratio of actual to declared energy of the day.

    Attributes:
        price_cny_per_kwh: Paid per kWh of full performance.
        low_ratio: Below it ``low_factor`` applies to all energy.
        high_ratio: The part above ``high_ratio x committed`` is paid at ``excess_factor``.
        first_day_void_ratio: In multi-day valley filling, a first day below it voids the whole event.
        exempt_classes: Paid on actual energy without any factor.
        count_negative: Whether intervals with response against the asked direction lower the energy.
        grading_unit: Over what the ratio is formed; only ``day`` exists so far.
    """

    price_cny_per_kwh: Figure[Decimal]
    low_ratio: Figure[Decimal]
    low_factor: Figure[Decimal]
    high_ratio: Figure[Decimal]
    excess_factor: Figure[Decimal]
    first_day_void_ratio: Figure[Decimal]
    exempt_classes: Figure[frozenset[CustomerClass]]
    count_negative: Figure[CountNegative]
    grading_unit: Figure[str]

    @property
    def clears_by_price(self) -> bool:
        """Whether bids compete by price; here one price is paid to all, so that a bid with a price has no meaning."""
        return False

    def require_known(self) -> None:
        """Nothing, or ``MissingFigureError`` naming the first figure that a day's settlement may need and lacks."""
        for figure in (
            self.price_cny_per_kwh,
            self.low_ratio,
            self.low_factor,
            self.high_ratio,
            self.excess_factor,
            self.exempt_classes,
            self.count_negative,
        ):
            figure.required()


@dataclass(frozen=True, slots=True)
class Program:
    """The rules of one demand-response programme.

    Attributes:
        valid_from: First day, ``None`` where unknown or open.
        valid_to: Last day, included.
        directions: What it may be called for.
        use: How often a resource may be called; ``None`` where the programme says nothing.
    """

    id: str
    name: str
    name_zh: str
    valid_from: date | None
    valid_to: date | None
    directions: frozenset[Direction]
    eligibility: Eligibility
    limits: CallLimits
    baselines: Mapping[Direction, BaselineChoices]
    payment: EnergyRatioPayment
    use: UseChoices | None = None

    def use_terms(self, customer_class: CustomerClass, kind: ResourceKind) -> UseTerms:
        """Limits of use of a resource of ``kind`` at a site of ``customer_class``."""
        if self.use is None:
            return UNLIMITED
        return (self.use.by_kind.get(kind) or self.use.by_class.get(customer_class) or self.use.default).terms()

    def baseline_choice(
        self, direction: Direction, customer_class: CustomerClass, kind: ResourceKind
    ) -> BaselineChoice:
        """The choice for a resource of ``kind`` at a site of ``customer_class``.

        Raises:
            InputError: the programme cannot be called in that direction.
        """
        self.require_direction(direction)
        choices = self.baselines[direction]
        return choices.by_kind.get(kind) or choices.by_class.get(customer_class) or choices.default

    def require_baselines(self, direction: Direction) -> None:
        """Nothing, or ``MissingFigureError`` when a baseline of ``direction`` cannot be computed; names the gap."""
        self.require_direction(direction)
        choices = self.baselines[direction]
        for choice in (choices.default, *choices.by_class.values(), *choices.by_kind.values()):
            choice.rule()

    def require_direction(self, direction: Direction) -> None:
        """Nothing, or ``InputError`` when the programme does not know the direction."""
        if direction not in self.directions:
            known = ", ".join(sorted(self.directions))
            raise InputError(f"programme {self.id!r} cannot be called for {direction.value!r}, only for: {known}")

    def require_valid_on(self, day: date) -> None:
        """Nothing, or ``InputError`` when ``day`` lies outside the programme's dates."""
        if (self.valid_from and day < self.valid_from) or (self.valid_to and day > self.valid_to):
            raise InputError(
                f"programme {self.id!r} is valid from {self.valid_from or 'ever'} "
                f"to {self.valid_to or 'further notice'}, not on {day.isoformat()}"
            )
