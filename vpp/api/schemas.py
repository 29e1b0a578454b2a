"""What all bodies and answers of the API are made of: strict instants, money as text, ids, pages."""

import math
import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from vpp.domain.errors import InputError
from vpp.domain.events import LONGEST_ID
from vpp.domain.timegrid import format_instant, parse_instant

T = TypeVar("T")
FIRST_YEAR, LAST_YEAR = 2000, 2100
LONGEST_TEXT = 500
LONGEST_THING = 128
MONEY = r"^\d{1,9}(\.\d{1,6})?$"
EXAMPLE_INSTANT = "2026-07-22T06:00:00Z"


def _strict_instant(value: object) -> datetime:
    """As ``parse_instant``, within years that calendars and zones can reckon with; for pydantic a ``ValueError``."""
    try:
        instant = parse_instant(value)
    except InputError as error:
        raise ValueError(str(error)) from error
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"instant {value!r} lies outside the years {FIRST_YEAR} to {LAST_YEAR}")
    return instant


def _money_text(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not re.fullmatch(MONEY, value):
        raise ValueError(f"money {value!r} is not decimal text such as '1.25'")
    return Decimal(value)


Instant = Annotated[
    datetime,
    BeforeValidator(_strict_instant),
    PlainSerializer(format_instant, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [EXAMPLE_INSTANT]}),
]
"""RFC 3339 with an offset going in, UTC with a ``Z`` coming out; numbers are refused."""

Plain = Annotated[
    Decimal,
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["12.5"]}),
]
"""An exact figure as decimal text, never in exponent form."""

PriceAsked = Annotated[
    Decimal,
    Field(ge=0, le=1000, max_digits=10, decimal_places=6),
    BeforeValidator(_money_text),
    WithJsonSchema({"type": "string", "pattern": MONEY, "examples": ["1.25"]}),
]
"""Money going in: decimal text."""

Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
ThingId = Annotated[str, Field(min_length=1, max_length=LONGEST_THING)]
NewEventId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Words = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
Series = list[float]
Gappy = list[float | None]


class Asked(BaseModel):
    """A request's body: nothing unknown in it."""

    model_config = ConfigDict(extra="forbid")


class Shown(BaseModel):
    """An answer, read off a read model."""

    model_config = ConfigDict(from_attributes=True)


class Page(Shown, Generic[T]):
    """Some of a list, and how to get on."""

    items: list[T]
    next_cursor: str | None = Field(description="For `cursor` of the next request; null on the last page.")


class ReasonShown(Shown):
    """A reason in words."""

    code: str = Field(examples=["not-needed"])
    text_en: str = Field(examples=["not called: cheaper resources were enough"])
    text_zh: str = Field(examples=["未调用：成本更低的资源已足够"])


def finite(value: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """``value`` as strict JSON: what is not a finite number becomes ``null``, never 0."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {key: finite(item) for key, item in value.items()}
        case list() | tuple():
            return [finite(item) for item in value]
        case _:
            return value
