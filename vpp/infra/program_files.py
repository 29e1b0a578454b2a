"""Programme files: YAML in, checked strictly at this edge, ``vpp.domain.programs`` out."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vpp.domain.baseline import BaselineMethod
from vpp.domain.baseline_adjustment import AdjustmentKind
from vpp.domain.errors import ConfigError
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
    UseChoices,
    UseLimits,
)

V = TypeVar("V")

Amount = Annotated[Decimal, Field(ge=0)]
Count = Annotated[int, Field(ge=0, strict=True)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Figure(_Strict, Generic[V]):
    value: V | None
    source: Annotated[str, Field(min_length=1)]
    confidence: Confidence


class _Validity(_Strict):
    first: date | None
    last: date | None


class _Eligibility(_Strict):
    industrial_min_kwh: _Figure[Amount]
    other_min_kwh: _Figure[Amount]
    aggregator_min_kwh: _Figure[Amount]
    aggregator_max_kwh: _Figure[Amount]


class _Limits(_Strict):
    notice_minutes: _Figure[Count]
    max_events_per_day: _Figure[Count]
    max_hours_per_event: _Figure[Amount]
    max_events_per_season: _Figure[Count]


class _Use(_Strict):
    calls_per_day: _Figure[Count]
    calls_per_week: _Figure[Count]
    calls_per_season: _Figure[Count]
    rest_h: _Figure[Amount]


class _Uses(_Strict):
    default: _Use
    classes: dict[CustomerClass, _Use] = {}
    kinds: dict[ResourceKind, _Use] = {}


class _BaselineChoice(_Strict):
    method: _Figure[BaselineMethod]
    adjustment: _Figure[AdjustmentKind]
    cap_fraction: _Figure[Amount]
    window_h: _Figure[Amount]
    gap_h: _Figure[Amount]


class _BaselineChoices(_Strict):
    default: _BaselineChoice
    classes: dict[CustomerClass, _BaselineChoice] = {}
    kinds: dict[ResourceKind, _BaselineChoice] = {}


class _Payment(_Strict):
    price_cny_per_kwh: _Figure[Amount]
    low_ratio: _Figure[Amount]
    low_factor: _Figure[Amount]
    high_ratio: _Figure[Amount]
    excess_factor: _Figure[Amount]
    first_day_void_ratio: _Figure[Amount]
    exempt_classes: _Figure[frozenset[CustomerClass]]
    count_negative: _Figure[CountNegative]
    grading_unit: _Figure[Annotated[str, Field(pattern="^day$")]]


class _ProgramFile(_Strict):
    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    name: str
    name_zh: str
    valid: _Validity
    directions: Annotated[frozenset[Direction], Field(min_length=1)]
    eligibility: _Eligibility
    limits: _Limits
    baseline: dict[Direction, _BaselineChoices]
    payment: _Payment
    use: _Uses | None = None


def load_program(path: Path) -> Program:
    """The programme in ``path``.

    Raises:
        ConfigError: names the file, the dotted key and what was expected there.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "", f"cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(str(path), "", f"is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(str(path), "", f"expected a mapping of keys, got {type(document).__name__}")
    try:
        return _Reader(str(path), _ProgramFile.model_validate(document)).program()
    except ValidationError as error:
        raise _config_error(path, error) from error


def _config_error(path: Path, error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    match first["type"]:
        case "missing":
            expected = "is missing"
        case "extra_forbidden":
            expected = "is not a known key"
        case _:
            expected = f"{first['msg']}, got {first['input']!r}"
    return ConfigError(str(path), key, expected)


class _Reader:
    """Turns the checked file into domain values, each figure with its dotted key."""

    def __init__(self, file: str, raw: _ProgramFile) -> None:
        self._file = file
        self._raw = raw

    def program(self) -> Program:
        raw = self._raw
        for direction in raw.directions:
            if direction not in raw.baseline:
                raise ConfigError(self._file, f"baseline.{direction}", "is missing, each direction needs its baseline")
        if raw.valid.first and raw.valid.last and raw.valid.last < raw.valid.first:
            raise ConfigError(self._file, "valid.last", f"{raw.valid.last} is before valid.first {raw.valid.first}")
        return Program(
            raw.id,
            raw.name,
            raw.name_zh,
            raw.valid.first,
            raw.valid.last,
            raw.directions,
            self._eligibility(raw.eligibility),
            self._limits(raw.limits),
            {direction: self._choices(f"baseline.{direction}", choices) for direction, choices in raw.baseline.items()},
            self._payment(raw.payment),
            None if raw.use is None else self._uses(raw.use),
        )

    def _figure(self, key: str, raw: _Figure[V], *, null_is_known: bool = False) -> Figure[V]:
        unknown = raw.confidence is Confidence.UNKNOWN
        if raw.value is None and not unknown and not null_is_known:
            raise ConfigError(
                self._file, f"{key}.confidence", f"expected 'unknown' for a null value, got {raw.confidence.value!r}"
            )
        if raw.value is not None and unknown:
            raise ConfigError(self._file, f"{key}.value", f"expected null for an unknown figure, got {raw.value!r}")
        return Figure(self._raw.id, key, raw.value, raw.source, raw.confidence)

    def _eligibility(self, raw: _Eligibility) -> Eligibility:
        return Eligibility(
            self._figure("eligibility.industrial_min_kwh", raw.industrial_min_kwh),
            self._figure("eligibility.other_min_kwh", raw.other_min_kwh),
            self._figure("eligibility.aggregator_min_kwh", raw.aggregator_min_kwh),
            self._figure("eligibility.aggregator_max_kwh", raw.aggregator_max_kwh),
        )

    def _limits(self, raw: _Limits) -> CallLimits:
        return CallLimits(
            self._figure("limits.notice_minutes", raw.notice_minutes),
            self._figure("limits.max_events_per_day", raw.max_events_per_day),
            self._figure("limits.max_hours_per_event", raw.max_hours_per_event),
            self._figure("limits.max_events_per_season", raw.max_events_per_season),
        )

    def _uses(self, raw: _Uses) -> UseChoices:
        return UseChoices(
            self._use("use.default", raw.default),
            {name: self._use(f"use.classes.{name}", use) for name, use in raw.classes.items()},
            {name: self._use(f"use.kinds.{name}", use) for name, use in raw.kinds.items()},
        )

    def _use(self, key: str, raw: _Use) -> UseLimits:
        return UseLimits(
            self._figure(f"{key}.calls_per_day", raw.calls_per_day),
            self._figure(f"{key}.calls_per_week", raw.calls_per_week),
            self._figure(f"{key}.calls_per_season", raw.calls_per_season),
            self._figure(f"{key}.rest_h", raw.rest_h),
        )

    def _choices(self, key: str, raw: _BaselineChoices) -> BaselineChoices:
        return BaselineChoices(
            self._choice(f"{key}.default", raw.default),
            {name: self._choice(f"{key}.classes.{name}", choice) for name, choice in raw.classes.items()},
            {name: self._choice(f"{key}.kinds.{name}", choice) for name, choice in raw.kinds.items()},
        )

    def _choice(self, key: str, raw: _BaselineChoice) -> BaselineChoice:
        return BaselineChoice(
            self._figure(f"{key}.method", raw.method),
            self._figure(f"{key}.adjustment", raw.adjustment),
            self._figure(f"{key}.cap_fraction", raw.cap_fraction, null_is_known=True),
            self._figure(f"{key}.window_h", raw.window_h),
            self._figure(f"{key}.gap_h", raw.gap_h),
        )

    def _payment(self, raw: _Payment) -> EnergyRatioPayment:
        low, high = raw.low_ratio.value, raw.high_ratio.value
        if low is not None and high is not None and low > high:
            raise ConfigError(self._file, "payment.high_ratio.value", f"{high} is below payment.low_ratio {low}")
        return EnergyRatioPayment(
            self._figure("payment.price_cny_per_kwh", raw.price_cny_per_kwh),
            self._figure("payment.low_ratio", raw.low_ratio),
            self._figure("payment.low_factor", raw.low_factor),
            self._figure("payment.high_ratio", raw.high_ratio),
            self._figure("payment.excess_factor", raw.excess_factor),
            self._figure("payment.first_day_void_ratio", raw.first_day_void_ratio),
            self._figure("payment.exempt_classes", raw.exempt_classes),
            self._figure("payment.count_negative", raw.count_negative),
            self._figure("payment.grading_unit", raw.grading_unit),
        )
