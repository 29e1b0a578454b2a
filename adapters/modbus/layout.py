"""Devices of one gateway in groups of one map and kind, each with the columns that its registers are kept in."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adapters.kit.driver import Indices
from adapters.modbus.map_file import LAST_ADDRESS, RegisterMap, Table
from adapters.modbus.settings import DeviceAddress, DeviceRange, Devices
from vpp.domain.errors import InputError
from vpp.domain.fleet import ResourceKind


@dataclass(frozen=True, slots=True)
class Point:
    """Where one device stands.

    Attributes:
        bases: First address of its block, per table.
    """

    host: str
    port: int
    unit: int
    bases: dict[Table, int]

    @property
    def server(self) -> tuple[str, int]:
        """Whom to connect to."""
        return self.host, self.port

    def __str__(self) -> str:
        base = self.bases[Table.HOLDING]
        return f"{self.host}:{self.port} unit {self.unit}" + (f" from {base}" if base else "")


@dataclass(frozen=True, slots=True)
class ResourceDevices:
    """A resource's devices as they are configured, in the order of the gateway's arrays.

    Attributes:
        rated_kw: Of the resource; bounds what one device can plausibly draw.
    """

    resource_id: str
    kind: ResourceKind
    rated_kw: float
    register_map: RegisterMap
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, eq=False)
class DeviceGroup:
    """Devices that share a map and a kind.

    Attributes:
        devices: Their indices in the gateway's arrays.
        columns: First column of each field in ``words`` or ``bits``.
        words: Registers last read, shape (devices, columns), network order.
        bits: Coils and discrete inputs last read.
    """

    register_map: RegisterMap
    kind: ResourceKind
    devices: Indices
    points: tuple[Point, ...]
    columns: dict[str, int]
    words: np.ndarray = field(repr=False)
    bits: np.ndarray = field(repr=False)


def points_of(devices: Devices, register_map: RegisterMap) -> tuple[Point, ...]:
    """The devices one by one.

    Raises:
        InputError: several devices of a unit without a stride, or a block that ends beyond the last address.
    """
    if isinstance(devices, DeviceRange):
        points = tuple(_in_range(devices, register_map, number) for number in range(devices.count))
    else:
        points = tuple(_alone(one) for one in devices)
    for point in points:
        for name, one in register_map.fields.items():
            if one.address is not None and point.bases[one.function] + one.end - 1 > LAST_ADDRESS:
                first = point.bases[one.function] + one.address
                raise InputError(f"device {point}: field {name!r} at address {first} lies beyond {LAST_ADDRESS}")
    return points


def _alone(device: DeviceAddress) -> Point:
    return Point(device.host, device.port, device.unit, dict.fromkeys(Table, device.base_address))


def _in_range(devices: DeviceRange, register_map: RegisterMap, number: int) -> Point:
    bases: dict[Table, int] = {}
    used = {one.function for one in register_map.fields.values() if one.address is not None}
    for table in Table:
        stride = devices.stride or register_map.stride.get(table, 0)
        if not stride and table in used and devices.count > 1:
            raise InputError(
                f"{devices.count} devices behind {devices.host}:{devices.port} unit {devices.unit}: "
                f"map {register_map.name!r} has no stride for table {table.value!r}, give one"
            )
        bases[table] = devices.base_address + number * stride
    return Point(devices.host, devices.port, devices.unit, bases)


def groups_of(resources: Sequence[ResourceDevices]) -> tuple[DeviceGroup, ...]:
    """All devices, grouped; no device is in two groups."""
    members: dict[tuple[int, ResourceKind], list[tuple[int, Point]]] = {}
    maps: dict[int, RegisterMap] = {}
    first = 0
    for resource in resources:
        maps[id(resource.register_map)] = resource.register_map
        rows = members.setdefault((id(resource.register_map), resource.kind), [])
        rows += [(first + number, point) for number, point in enumerate(resource.points)]
        first += len(resource.points)
    return tuple(_group(maps[map_key], kind, rows) for (map_key, kind), rows in members.items())


def _group(register_map: RegisterMap, kind: ResourceKind, rows: list[tuple[int, Point]]) -> DeviceGroup:
    columns: dict[str, int] = {}
    widths = {True: 0, False: 0}
    for name in register_map.used(kind):
        one = register_map.fields[name]
        columns[name] = widths[one.function.of_bits]
        widths[one.function.of_bits] += one.type.words
    return DeviceGroup(
        register_map,
        kind,
        np.array([device for device, _ in rows], dtype=np.int64),
        tuple(point for _, point in rows),
        columns,
        np.zeros((len(rows), widths[False]), dtype=">u2"),
        np.zeros((len(rows), widths[True]), dtype=bool),
    )
