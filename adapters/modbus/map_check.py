"""Register maps: YAML in, checked strictly at this edge; every message names file, key, value and limit."""

from itertools import pairwise
from pathlib import Path

from adapters.kit.files import read_yaml
from adapters.modbus.map_file import Access, MapField, RegisterMap, Table
from adapters.modbus.roles import NEEDED, ROLES
from adapters.modbus.units import OF_ANOTHER, to_internal
from vpp.domain.errors import ConfigError, InputError
from vpp.domain.fleet import ResourceKind


def load_map(path: Path) -> RegisterMap:
    """The map in ``path``.

    Raises:
        ConfigError: names the file, the dotted key and what was expected there.
    """
    made = read_yaml(path, RegisterMap)
    for name, field in made.fields.items():
        _check_field(path, made, name, field)
    _check_overlaps(path, made)
    if "setpoint" in made.fields:
        _check_setpoint(path, made, made.fields["setpoint"])
    if "enable" in made.fields:
        _check_enable(path, made.fields["enable"])
    return made


def check_serves(path: Path, made: RegisterMap, kind: ResourceKind) -> None:
    """Whether the map has all that a resource of ``kind`` needs.

    Raises:
        ConfigError: names the fields that are missing.
    """
    missing = [name for name in NEEDED[kind] if name not in made.fields]
    if missing:
        raise ConfigError(
            str(path), "fields", f"{', '.join(missing)} missing for a resource of kind {kind.value!r} (or a constant)"
        )
    for name in made.used(kind):
        if name != "setpoint" and not made.fields[name].readable:
            raise ConfigError(str(path), f"fields.{name}.access", "'w', but it must be read")
    if kind is ResourceKind.STORAGE:
        for name in ("power", "setpoint"):
            field = made.fields[name]
            if field.constant is None and not field.type.is_signed and field.offset == 0.0:
                raise ConfigError(
                    str(path), f"fields.{name}.type", f"{field.type.value} cannot be negative; a battery discharges"
                )


def _check_field(path: Path, made: RegisterMap, name: str, field: MapField) -> None:
    role = ROLES.get(name)
    if role is None:
        raise ConfigError(str(path), f"fields.{name}", f"is not a known field ({', '.join(ROLES)})")
    if field.unit == OF_ANOTHER and role.of:
        if role.of not in made.fields:
            raise ConfigError(str(path), f"fields.{name}.unit", f"'%' is of {role.of!r}, which the map does not have")
        return
    try:
        to_internal(role.quantity, field.unit)
    except InputError as error:
        raise ConfigError(str(path), f"fields.{name}.unit", str(error)) from error


def _check_overlaps(path: Path, made: RegisterMap) -> None:
    for table in Table:
        placed = sorted(
            (field.address, field.end, name)
            for name, field in made.fields.items()
            if field.address is not None and field.function is table
        )
        for (start, end, name), (other_start, other_end, other) in pairwise(placed):
            # The same register under two names is meant: two bits of one word, or a rating that is a limit too.
            if other_start < end and (start, end) != (other_start, other_end):
                raise ConfigError(
                    str(path),
                    f"fields.{other}.address",
                    f"{other_start} overlaps {name!r}, which takes {start} to {end - 1} of table {table.value!r}",
                )
        stride = made.stride.get(table)
        if stride is not None and placed and max(end for _, end, _ in placed) > stride:
            last = max(end for _, end, _ in placed)
            raise ConfigError(str(path), f"stride.{table.value}", f"{stride} is below the block's length {last}")


def _check_setpoint(path: Path, made: RegisterMap, setpoint: MapField) -> None:
    key = "fields.setpoint"
    if setpoint.constant is not None or setpoint.access is Access.READ:
        raise ConfigError(str(path), f"{key}.access", "expected 'rw' or 'w': a setpoint is written")
    if setpoint.function.of_bits:
        raise ConfigError(str(path), f"{key}.function", f"{setpoint.function.value!r} cannot hold a power")
    if not setpoint.readable and "setpoint_read_back" not in made.fields:
        raise ConfigError(str(path), f"{key}.access", "'w' needs a field 'setpoint_read_back': writes are verified")
    if "enable" not in made.fields and setpoint.no_limit is None:
        raise ConfigError(
            str(path), f"{key}.no_limit", "is missing: without a field 'enable' nothing else releases a device"
        )


def _check_enable(path: Path, enable: MapField) -> None:
    if enable.constant is not None or enable.access is not Access.BOTH:
        raise ConfigError(str(path), "fields.enable.access", "expected 'rw': it is written and read back")
    if enable.bit is not None:
        raise ConfigError(str(path), "fields.enable.bit", "a bit of a shared register cannot be written on its own")
    if (enable.on or (1,))[0] == enable.off:
        raise ConfigError(str(path), "fields.enable.on", f"{enable.off} means off")
