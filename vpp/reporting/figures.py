"""Numbers and instants as the report shows them; what is unknown is a dash, never a zero.

Nothing is rounded in the event's favour: attainment is cut off, a shortfall is rounded away from zero.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from vpp.domain.errors import InputError
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, parse_instant

DASH = "–"
_WIDE = Context(prec=400)
MEGAWATT_FROM_KW = 2000.0
"""Portfolios whose largest figure is below this are shown in kW."""


def finite(value: object) -> float | None:
    """``value`` as a finite float; ``None`` for anything that is not a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def exact(value: object) -> Decimal | None:
    """A finite number, or decimal text such as money, as ``Decimal``; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def known(values: object) -> list[float]:
    """The finite numbers of an array, gaps left out; empty for anything that is not an array."""
    if not isinstance(values, Sequence) or isinstance(values, str):
        return []
    return [number for number in map(finite, values) if number is not None]


def mean(values: object) -> float | None:
    """Mean of the known values, ``None`` when there are none."""
    numbers = known(values)
    return math.fsum(numbers) / len(numbers) if numbers else None


def number(value: object, digits: int = 0, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """``value`` with thousands separators and ``digits`` decimals, or a dash."""
    decimal = exact(value)
    if decimal is None:
        return DASH
    rounded = decimal.quantize(Decimal(1).scaleb(-digits), rounding=rounding, context=_WIDE)
    return f"{rounded or abs(rounded):,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def percent(value: object, digits: int = 1) -> str:
    """A figure in percent with its sign, or a dash."""
    shown = number(value, digits)
    return shown if shown == DASH else f"{shown}\N{NO-BREAK SPACE}%"


def percent_floor(value: object, digits: int = 2) -> str:
    """An attainment in percent, cut off and never rounded up, or a dash."""
    shown = number(value, digits, rounding=ROUND_FLOOR)
    return shown if shown == DASH else f"{shown}\N{NO-BREAK SPACE}%"


def instant(value: object, *, form: str = "%Y-%m-%d %H:%M") -> str:
    """ISO 8601 text in the district's zone, or a dash."""
    try:
        return parse_instant(value).astimezone(DISTRICT_ZONE).strftime(form)
    except InputError:
        return DASH


def clock(value: object) -> str:
    """Hour and minute in the district's zone, or a dash."""
    return instant(value, form="%H:%M")


def span(value: object, length: timedelta = INTERVAL) -> str:
    """``HH:MM–HH:MM`` of the interval that starts at ``value``, or a dash."""
    try:
        return f"{clock(value)}–{clock(parse_instant(value) + length)}"
    except InputError:
        return DASH


@dataclass(frozen=True, slots=True)
class PowerUnit:
    """The one unit in which a page shows power.

    Attributes:
        name: ``MW`` or ``kW``.
        kw: How many kW one unit is.
        digits: Decimals shown.
    """

    name: str
    kw: float
    digits: int

    def of(self, value_kw: object) -> float | None:
        """``value_kw`` in this unit, ``None`` when it is unknown."""
        value = finite(value_kw)
        return None if value is None else value / self.kw

    def show(self, value_kw: object) -> str:
        """``value_kw`` in this unit, without the unit's name, or a dash."""
        return number(self.of(value_kw), self.digits)

    def show_reached(self, value_kw: object) -> str:
        """A verified response, cut off so that a miss never reads as its target."""
        return number(self.of(value_kw), self.digits, rounding=ROUND_FLOOR)

    def show_gap(self, value_kw: object) -> str:
        """A shortfall, rounded away from zero so that a miss never reads as nothing."""
        return number(self.of(value_kw), self.digits, rounding=ROUND_CEILING)


def power_unit(values_kw: Iterable[object]) -> PowerUnit:
    """MW when the largest known figure reaches 2,000 kW, else kW."""
    largest = max((abs(value) for value in map(finite, values_kw) if value is not None), default=0.0)
    return PowerUnit("MW", 1000.0, 2) if largest >= MEGAWATT_FROM_KW else PowerUnit("kW", 1.0, 1)
