"""What every device has been told, and whether it takes what it is told now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.district import District
from simulator.faults import Faults
from simulator.protocols.register_map import NUMPY_TYPES, RegisterMap

ILLEGAL_ADDRESS, ILLEGAL_VALUE, DEVICE_FAILURE = 2, 3, 4
"""Exception codes of the Modbus Application Protocol V1.1b3, section 7."""

Ints = NDArray[np.int64]


class RefusedWriteError(Exception):
    """A write is answered with a Modbus exception.

    Attributes:
        code: The exception code.
    """

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        super().__init__(reason)


Changes = Mapping[int, Mapping[str, int]]
"""New raw values by device of a unit, then by field."""


def parse_write(layout: RegisterMap, device_count: int, address: int, words: Sequence[int]) -> Changes:
    """The fields that a write of ``words`` from ``address`` on sets.

    Raises:
        RefusedWriteError: outside of the devices' blocks or read-only (2), or half of a value (3).
    """
    stride = layout.stride["holding"]
    changes: dict[int, dict[str, int]] = {}
    position = 0
    while position < len(words):
        device, offset = divmod(address + position, stride)
        if device >= device_count:
            raise RefusedWriteError(
                ILLEGAL_ADDRESS, f"register {address + position}: the unit ends at {device_count * stride - 1}"
            )
        name, field = layout.holding_at.get(offset, ("", None))
        if field is None or field.access != "rw":
            raise RefusedWriteError(
                ILLEGAL_ADDRESS, f"register {address + position}: {name or 'nothing'} to be read only"
            )
        if offset != field.address or position + field.words > len(words):
            raise RefusedWriteError(ILLEGAL_VALUE, f"register {address + position}: half of {name}")
        raw = np.array(words[position : position + field.words], dtype=">u2").view(NUMPY_TYPES[field.type])
        changes.setdefault(device, {})[name] = int(raw[0])
        position += field.words
    return changes


@dataclass(frozen=True, slots=True)
class Held:
    """What one device shall hold from now on."""

    enabled: bool
    local: bool
    setpoint_w: int


class Panel:
    """Setpoint, release and local switch of every device of a district.

    Attributes:
        enabled: Whether the setpoint holds, shape (devices,).
        local: Whether somebody on site has taken the device over, shape (devices,).
        setpoint_w: Whole W, shape (devices,).
        least_w, most_w: What may be written, shape (devices,).
    """

    def __init__(self, district: District, faults: Faults) -> None:
        """Everything free and under remote control."""
        devices = district.devices
        count = len(devices.ids)
        self.enabled = np.zeros(count, dtype=bool)
        self.local = np.zeros(count, dtype=bool)
        self.setpoint_w: Ints = np.zeros(count, dtype=np.int64)
        largest_kw = devices.rated_kw.copy()
        cooling, storage = devices.kind_slices["cooling"], devices.kind_slices["storage"]
        largest_kw[cooling] = np.fmax(largest_kw[cooling], devices.zones.capacity_kw)
        self.most_w: Ints = np.ceil(largest_kw * 1000.0).astype(np.int64)
        self.least_w: Ints = np.zeros(count, dtype=np.int64)
        self.least_w[storage] = -np.ceil(devices.batteries.power_kw * 1000.0).astype(np.int64)
        self._refuses = faults.refuses[devices.resource_index]
        self._ignores = faults.ignores[devices.resource_index]

    def decide(self, row: int, change: Mapping[str, int]) -> Held:
        """What a device holds once ``change`` has been written to it; an ignoring one holds what it held.

        Raises:
            RefusedWriteError: a value that it does not take (3); it refuses, or is under local control (4).
        """
        self._check_values(row, change)
        was_local = bool(self.local[row])
        local = bool(change.get("local", was_local))
        enabled = bool(change.get("enable", self.enabled[row]))
        setpoint_w = change.get("setpoint", int(self.setpoint_w[row]))
        commanded = change.get("enable") == 1 or ("setpoint" in change and change.get("enable") != 0)
        if commanded and local:
            raise RefusedWriteError(DEVICE_FAILURE, f"device {row} is under local control")
        if commanded and self._refuses[row]:
            raise RefusedWriteError(DEVICE_FAILURE, f"device {row} is locked by its owner")
        if self._ignores[row]:
            return Held(bool(self.enabled[row]), local, int(self.setpoint_w[row]))
        return Held(enabled and not local, local, setpoint_w)

    def _check_values(self, row: int, change: Mapping[str, int]) -> None:
        for name in ("enable", "local"):
            if change.get(name, 0) not in {0, 1}:
                raise RefusedWriteError(ILLEGAL_VALUE, f"{name} {change[name]} of device {row} is neither 0 nor 1")
        setpoint_w = change.get("setpoint", 0)
        least, most = int(self.least_w[row]), int(self.most_w[row])
        if not least <= setpoint_w <= most:
            raise RefusedWriteError(
                ILLEGAL_VALUE, f"setpoint {setpoint_w} W of device {row} is outside [{least}, {most}] W"
            )

    def hold(self, row: int, held: Held) -> bool:
        """Notes what a device holds; whether that is anything new."""
        now = Held(bool(self.enabled[row]), bool(self.local[row]), int(self.setpoint_w[row]))
        self.enabled[row], self.local[row], self.setpoint_w[row] = held.enabled, held.local, held.setpoint_w
        return held != now
