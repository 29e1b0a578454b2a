"""A group's registers to values in the project's units, all devices at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.kit.driver import Mask
from adapters.modbus.layout import DeviceGroup
from adapters.modbus.registers import RegisterType, decode
from adapters.modbus.roles import ROLES
from adapters.modbus.units import OF_ANOTHER, to_internal
from vpp.domain.flexibility import Series


@dataclass(frozen=True, slots=True)
class Conversion:
    """``value = raw * factor + offset``, in internal units; times another field's value where ``of`` is set."""

    factor: float
    offset: float
    of: str = ""


def conversion(group: DeviceGroup, name: str) -> Conversion:
    """How a field's raw values become internal ones."""
    one = group.register_map.fields[name]
    role = ROLES[name]
    if one.unit == OF_ANOTHER and role.of:
        return Conversion(one.scale * 0.01, one.offset * 0.01, role.of)
    unit = to_internal(role.quantity, one.unit)
    return Conversion(one.scale * unit, one.offset * unit)


def raw_values(group: DeviceGroup, name: str) -> NDArray[np.generic]:
    """What stands in the field's registers, shape (devices,), in the field's own type."""
    one = group.register_map.fields[name]
    column = group.columns[name]
    if one.type is RegisterType.BIT:
        return np.asarray(group.bits[:, column])
    word_order, byte_order = group.register_map.orders(name)
    words = group.words[:, column : column + one.type.words]
    raw = decode(words, one.type, word_order=word_order, byte_order=byte_order)
    return raw if one.bit is None else (raw.astype(np.uint16) >> one.bit) & 1


def values(group: DeviceGroup, name: str) -> Series:
    """The field in internal units, shape (devices,); zeros where the map has no such field."""
    one = group.register_map.fields.get(name)
    count = len(group.points)
    if one is None:
        return np.zeros(count)
    how = conversion(group, name)
    if one.constant is not None:
        plain = np.full(count, one.constant * how.factor / one.scale)
    else:
        plain = raw_values(group, name).astype(np.float64) * how.factor + how.offset
    return plain * values(group, how.of) if how.of else plain


def flags(group: DeviceGroup, name: str) -> Mask:
    """A yes or no per device; no where the map has no such field."""
    one = group.register_map.fields.get(name)
    count = len(group.points)
    if one is None:
        return np.zeros(count, dtype=bool)
    if one.constant is not None:
        return np.full(count, one.constant != 0.0)
    raw = raw_values(group, name)
    return raw != one.off if one.on is None else np.isin(raw, one.on)


def implausible(group: DeviceGroup, name: str) -> tuple[Mask, Mask]:
    """Which devices' values are no numbers, and which lie outside of the map's limits."""
    one = group.register_map.fields[name]
    count = len(group.points)
    if one.constant is not None or (not one.type.is_float and one.low is None and one.high is None):
        return np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    shown = raw_values(group, name).astype(np.float64) * one.scale + one.offset
    unknown = ~np.isfinite(shown)
    low = -np.inf if one.low is None else one.low
    high = np.inf if one.high is None else one.high
    return unknown, ~unknown & ((shown < low) | (shown > high))


def held_setpoints(group: DeviceGroup) -> Series:
    """Setpoint that each device says it holds, kW; ``nan`` where it runs free."""
    fields = group.register_map.fields
    name = "setpoint_read_back" if "setpoint_read_back" in fields else "setpoint"
    held = values(group, name)
    free = np.zeros(len(held), dtype=bool)
    if "enable" in fields:
        free |= ~flags(group, "enable")
    no_limit = fields[name].no_limit
    if no_limit is not None:
        free |= raw_values(group, name) == no_limit
    return np.where(free, np.nan, held)
