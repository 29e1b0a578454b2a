"""Figures and instants as the pages show them: Beijing time with its date, MW for the district, kW for participants.

What is unknown is a dash, never a zero; what was reached is cut off and never rounded up.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR
from typing import Any

from markupsafe import Markup

from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL
from vpp.reporting.figures import DASH, exact, finite, number, percent, percent_floor

KW_PER_MW = 1000.0
UNIT_SPACE = "\N{NO-BREAK SPACE}"


def megawatts(value_kw: object, digits: int = 2) -> str:
    """Power of the district with its unit, or a dash."""
    value = finite(value_kw)
    return DASH if value is None else f"{number(value / KW_PER_MW, digits)}{UNIT_SPACE}MW"


def megawatts_plain(value_kw: object) -> str:
    """Power of the district in MW without the unit, which stands above the column, or a dash."""
    value = finite(value_kw)
    return DASH if value is None else number(value / KW_PER_MW, 2)


def megawatts_reached_plain(value_kw: object) -> str:
    """As ``megawatts_reached``, without the unit."""
    value = finite(value_kw)
    return DASH if value is None else number(value / KW_PER_MW, 2, rounding=ROUND_FLOOR)


def megawatts_reached(value_kw: object) -> str:
    """Verified power of the district, cut off so that a miss never reads as its target."""
    shown = megawatts_reached_plain(value_kw)
    return shown if shown == DASH else f"{shown}{UNIT_SPACE}MW"


def megawatts_short(value_kw: object) -> str:
    """A shortfall of the district, rounded away from zero so that a miss never reads as nothing."""
    value = finite(value_kw)
    return DASH if value is None else f"{number(value / KW_PER_MW, 2, rounding=ROUND_CEILING)}{UNIT_SPACE}MW"


def kilowatts(value_kw: object, digits: int = 1) -> str:
    """Power of a participant or a resource with its unit, or a dash."""
    shown = number(finite(value_kw), digits)
    return shown if shown == DASH else f"{shown}{UNIT_SPACE}kW"


def kilowatt_hours(value_kwh: object, digits: int = 3) -> str:
    """Energy of a participant with its unit, as fine as Wh since statements are finer still, or a dash."""
    shown = number(value_kwh, digits)
    return shown if shown == DASH else f"{shown}{UNIT_SPACE}kWh"


def money(value_cny: object) -> str:
    """Yuan with two decimals and thousands separators, or a dash; never rounded: statements have two decimals."""
    shown = number(value_cny, 2)
    return shown if shown == DASH else f"\N{YEN SIGN}{UNIT_SPACE}{shown}"


def instant(value: datetime | None, form: str = "%Y-%m-%d %H:%M") -> str:
    """Date and time in Asia/Shanghai, or a dash."""
    return DASH if value is None else value.astimezone(DISTRICT_ZONE).strftime(form)


def second(value: datetime | None) -> str:
    """As ``instant``, to the second."""
    return instant(value, "%Y-%m-%d %H:%M:%S")


def clock_time(value: datetime | None) -> str:
    """Hour and minute in Asia/Shanghai, or a dash."""
    return instant(value, "%H:%M")


def window(start: datetime, end: datetime) -> str:
    """A span with its date; the end's date only where it differs."""
    same_day = start.astimezone(DISTRICT_ZONE).date() == end.astimezone(DISTRICT_ZONE).date()
    return f"{instant(start)}–{clock_time(end) if same_day else instant(end)}"


def interval(start: datetime) -> str:
    """``HH:MM–HH:MM`` of the interval that starts at ``start``."""
    return f"{clock_time(start)}–{clock_time(start + INTERVAL)}"


def field_instant(value: datetime) -> str:
    """As an ``<input type="datetime-local">`` wants it, in Asia/Shanghai."""
    return instant(value, "%Y-%m-%dT%H:%M")


def iso(value: datetime) -> str:
    """For ``<time datetime>``: ISO 8601 with the district's offset."""
    return value.astimezone(DISTRICT_ZONE).isoformat()


def whole(value: object) -> Markup:
    """Something that no line is broken in, such as a date."""
    return Markup('<span class="whole">{}</span>').format(value)


FILTERS: Mapping[str, Any] = {
    "mw": megawatts,
    "mw_plain": megawatts_plain,
    "mw_reached": megawatts_reached,
    "mw_reached_plain": megawatts_reached_plain,
    "mw_short": megawatts_short,
    "kw": kilowatts,
    "kwh": kilowatt_hours,
    "money": money,
    "instant": instant,
    "second": second,
    "clock": clock_time,
    "interval": interval,
    "field_instant": field_instant,
    "iso": iso,
    "number": number,
    "percent": percent,
    "percent_floor": percent_floor,
    "exact": exact,
    "whole": whole,
}
