"""What is written to a device so that it holds a setpoint, or is released."""

import math
from dataclasses import dataclass

from adapters.modbus.layout import DeviceGroup
from adapters.modbus.map_file import MapField, RegisterMap, Table
from adapters.modbus.registers import encode
from adapters.modbus.values import conversion

_SAME_STEP = 1e-6


@dataclass(frozen=True, slots=True)
class Write:
    """One write: registers from ``address`` on, or one coil."""

    table: Table
    address: int
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A setpoint that a device can hold.

    Attributes:
        raw: As it is written.
        power_kw: What ``raw`` means.
    """

    raw: float
    power_kw: float


def step_kw(group: DeviceGroup, rated_kw: float) -> float:
    """Power between two neighbouring values of the setpoint register; 0 for floats."""
    if group.register_map.fields["setpoint"].type.is_float:
        return 0.0
    how = conversion(group, "setpoint")
    return abs(how.factor) * (rated_kw if how.of else 1.0)


def target(group: DeviceGroup, setpoint_kw: float, *, rated_kw: float, least_kw: float, cap: bool) -> Target:
    """The value to write for ``setpoint_kw``.

    Args:
        group: The device's group.
        setpoint_kw: Wanted power.
        rated_kw: Of the device; per cent are of it.
        least_kw: Below it the device stops; a cap is not rounded below it.
        cap: The setpoint is the most that the device may draw: rounded down, not to the nearest.
    """
    one = group.register_map.fields["setpoint"]
    how = conversion(group, "setpoint")
    scale = rated_kw if how.of else 1.0
    factor, offset = how.factor * scale, how.offset * scale
    exact = (setpoint_kw - offset) / factor if factor else 0.0
    if one.type.is_float:
        return Target(exact, setpoint_kw)
    if not cap:
        raw = round(exact)
    else:
        # The power that is less lies at the lower raw value unless the scale is negative.
        down, up = (math.floor, math.ceil) if factor > 0 else (math.ceil, math.floor)
        raw = down(exact + math.copysign(_SAME_STEP, factor))
        if raw * factor + offset < least_kw - _SAME_STEP <= setpoint_kw:
            raw = up(exact - math.copysign(_SAME_STEP, factor))
    return Target(raw, raw * factor + offset)


def writes_to_hold(group: DeviceGroup, row: int, raw: float) -> list[Write]:
    """Setpoint, then enable; in one request where they are neighbours.

    Raises:
        InputError: the value does not fit into the register.
    """
    fields = group.register_map.fields
    setpoint = _write(group.register_map, "setpoint", raw)
    enable = fields.get("enable")
    writes = [setpoint] if enable is None else [setpoint, _write(group.register_map, "enable", _on(enable))]
    return [_at(group, row, write) for write in _joined(writes)]


def writes_to_release(group: DeviceGroup, row: int) -> list[Write]:
    """Enable off, or the value that means no limit."""
    fields = group.register_map.fields
    enable = fields.get("enable")
    if enable is not None:
        return [_at(group, row, _write(group.register_map, "enable", enable.off))]
    return [_at(group, row, _write(group.register_map, "setpoint", fields["setpoint"].no_limit or 0))]


def _on(enable: MapField) -> int:
    return 1 if enable.on is None else enable.on[0]


def _write(register_map: RegisterMap, name: str, raw: float) -> Write:
    one = register_map.fields[name]
    address = one.address or 0
    if one.function is Table.COIL:
        return Write(Table.COIL, address, (int(raw),))
    word_order, byte_order = register_map.orders(name)
    return Write(Table.HOLDING, address, tuple(encode(raw, one.type, word_order=word_order, byte_order=byte_order)))


def _joined(writes: list[Write]) -> list[Write]:
    if len(writes) != 2 or any(write.table is not Table.HOLDING for write in writes):  # noqa: PLR2004
        return writes
    first, second = sorted(writes, key=lambda write: write.address)
    if first.address + len(first.words) == second.address:
        return [Write(Table.HOLDING, first.address, first.words + second.words)]
    return writes


def _at(group: DeviceGroup, row: int, write: Write) -> Write:
    return Write(write.table, group.points[row].bases[write.table] + write.address, write.words)
