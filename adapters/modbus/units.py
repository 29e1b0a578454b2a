"""The one place where a register map's units become the project's: kW, Wh, minutes, degrees, shares."""

from enum import StrEnum

from vpp.domain.errors import InputError


class Quantity(StrEnum):
    """What a field measures; its internal unit stands in ``UNITS`` with factor 1."""

    POWER = "power"
    ENERGY = "energy"
    TIME = "time"
    TEMPERATURE = "temperature"
    RISE = "temperature difference"
    SHARE = "share"
    GAIN = "rise per power"
    PLAIN = "number without unit"


OF_ANOTHER = "%"
"""A setpoint in per cent of the rated power, or a state of charge in per cent of the capacity."""

UNITS: dict[Quantity, dict[str, float]] = {
    Quantity.POWER: {"kW": 1.0, "W": 1e-3, "MW": 1e3},
    Quantity.ENERGY: {"Wh": 1.0, "kWh": 1e3, "MWh": 1e6},
    Quantity.TIME: {"min": 1.0, "s": 1.0 / 60.0, "h": 60.0},
    Quantity.TEMPERATURE: {"degC": 1.0, "°C": 1.0},
    Quantity.RISE: {"K": 1.0, "degC": 1.0, "°C": 1.0},
    Quantity.SHARE: {"1": 1.0, "%": 0.01},
    Quantity.GAIN: {"K/kW": 1.0, "K/MW": 1e-3},
    Quantity.PLAIN: {"1": 1.0},
}
"""Factor from each unit to the internal one."""


def to_internal(quantity: Quantity, unit: str) -> float:
    """Internal units per ``unit``.

    Raises:
        InputError: not a unit of that quantity.
    """
    known = UNITS[quantity]
    if unit not in known:
        raise InputError(f"unit {unit!r} is not one of a {quantity.value} ({', '.join(known)})")
    return known[unit]
