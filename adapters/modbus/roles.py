"""What the driver looks for in a register map: the fields by name, per kind of resource."""

from dataclasses import dataclass

from adapters.modbus.units import Quantity
from vpp.domain.fleet import ResourceKind


@dataclass(frozen=True, slots=True)
class Role:
    """One field that a map may have.

    Attributes:
        once: Read when the connection opens and now and then, unless the map says otherwise.
        of: Field that a unit of ``%`` refers to; empty where per cent has no such meaning.
        flag: Yes or no.
    """

    quantity: Quantity
    once: bool = False
    of: str = ""
    flag: bool = False


_FLAG = Role(Quantity.PLAIN, flag=True)

ROLES: dict[str, Role] = {
    "minute": Role(Quantity.TIME),
    "power": Role(Quantity.POWER),
    "energy": Role(Quantity.ENERGY),
    "energy_export": Role(Quantity.ENERGY),
    "local": _FLAG,
    "enable": _FLAG,
    "setpoint": Role(Quantity.POWER, of="rated"),
    "setpoint_read_back": Role(Quantity.POWER, of="rated"),
    "rated": Role(Quantity.POWER, once=True),
    "scheduled_on": _FLAG,
    "power_min": Role(Quantity.POWER, once=True),
    "plugged": _FLAG,
    "session_needed": Role(Quantity.ENERGY),
    "minutes_to_departure": Role(Quantity.TIME),
    "power_max": Role(Quantity.POWER),
    "temperature": Role(Quantity.TEMPERATURE),
    "temperature_setpoint": Role(Quantity.TEMPERATURE, once=True),
    "band": Role(Quantity.RISE, once=True),
    "retention": Role(Quantity.SHARE, once=True),
    "gain": Role(Quantity.GAIN, once=True),
    "soc": Role(Quantity.ENERGY, of="capacity"),
    "capacity": Role(Quantity.ENERGY, once=True),
    "efficiency": Role(Quantity.SHARE, once=True),
    # For people and other clients; the driver compares ``kind`` when it is checked and leaves the rest alone.
    "kind": Role(Quantity.PLAIN, once=True),
    "setpoint_least": Role(Quantity.POWER, once=True),
    "setpoint_most": Role(Quantity.POWER, once=True),
    "soc_min": Role(Quantity.ENERGY, once=True),
}
"""Every field name that a map may use."""

UNUSED = frozenset({"kind", "setpoint_least", "setpoint_most", "soc_min"})

COMMON = ("power", "energy", "setpoint", "rated")
_LINES = ("scheduled_on", "power_min")
_PILES = ("plugged", "session_needed", "minutes_to_departure", "power_max", "power_min")
_ZONES = ("temperature", "temperature_setpoint", "band", "retention", "gain", "power_max")
_BATTERIES = ("soc", "capacity", "efficiency")

NEEDED: dict[ResourceKind, tuple[str, ...]] = {
    ResourceKind.FACTORY_LINE: COMMON + _LINES,
    ResourceKind.FACTORY_PROCESS: COMMON + _LINES,
    ResourceKind.LIGHTING: COMMON + _LINES,
    ResourceKind.PUBLIC_CHARGING: COMMON + _PILES,
    ResourceKind.RESIDENTIAL_CHARGING: COMMON + _PILES,
    ResourceKind.COOLING: COMMON + _ZONES,
    ResourceKind.STORAGE: COMMON + _BATTERIES,
}
"""Fields that a map must have, as a register or as a constant, to serve a resource of that kind."""
OPTIONAL = ("minute", "energy_export", "local", "enable", "setpoint_read_back")
