"""Register maps as the simulated devices serve them, read from ``configs/modbus``.

A map of one's own may move fields, change types and scales; names and meanings are those of the shipped files. Keys
that only a reader of registers needs are left to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from simulator.district import AdapterKind
from simulator.files import FileModel, read_model
from simulator.protocols.errors import MapError

Words = NDArray[np.uint16]
Function = Literal["holding", "input"]
TypeName = Literal["u16", "i16", "u32", "i32", "u64", "i64", "f32"]

NUMPY_TYPES: Mapping[TypeName, str] = {
    "u16": ">u2", "i16": ">i2", "u32": ">u4", "i32": ">i4", "u64": ">u8", "i64": ">i8", "f32": ">f4"
}  # fmt: skip
LIMITS: Mapping[str, tuple[int, int]] = {
    name: (int(np.iinfo(kind).min), int(np.iinfo(kind).max)) for name, kind in NUMPY_TYPES.items() if name != "f32"
}
WORDS = {name: np.dtype(kind).itemsize // 2 for name, kind in NUMPY_TYPES.items()}
WRITTEN = ("enable", "setpoint", "local")
_ALL = ("minute", "power", "energy", *WRITTEN, "kind", "rated", "power_min", "setpoint_least", "setpoint_most")
FIELDS_OF: Mapping[AdapterKind, frozenset[str]] = {
    "factory": frozenset({*_ALL, "scheduled_on"}),
    "charging": frozenset({*_ALL, "plugged", "session_needed", "power_max", "minutes_to_departure"}),
    "commercial": frozenset(
        {*_ALL, "scheduled_on", "temperature", "temperature_setpoint", "band", "retention", "gain", "power_max"}
    ),
    "storage": frozenset({*_ALL, "soc", "capacity", "soc_min", "efficiency"}),
}


class FieldFile(FileModel):
    """One field of a device's block; see ``docs/modbus.md``."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    function: Function
    address: Annotated[int, Field(ge=0, lt=1000)]
    type: TypeName
    scale: Annotated[float, Field(gt=0)] = 1.0
    access: Literal["r", "rw"] = "r"

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return WORDS[self.type]

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.words


class StrideFile(FileModel):
    """Registers from one device's block to the next one's."""

    holding: Annotated[int, Field(ge=1, le=1000)]
    input: Annotated[int, Field(ge=1, le=1000)]


class MapFile(FileModel):
    """One file of ``configs/modbus``."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    name: str
    word_order: Literal["big"] = "big"
    byte_order: Literal["big"] = "big"
    stride: StrideFile
    fields: dict[str, FieldFile]


@dataclass(frozen=True)
class RegisterMap:
    """A map that fits what a kind of simulated device has."""

    kind: AdapterKind
    stride: Mapping[Function, int]
    fields: Mapping[str, FieldFile]

    @cached_property
    def holding_at(self) -> Mapping[int, tuple[str, FieldFile]]:
        """Name and field by each address of a device's holding block that belongs to one."""
        return {
            address: (name, field)
            for name, field in self.fields.items()
            if field.function == "holding"
            for address in range(field.address, field.end)
        }

    def put(self, words: Words, name: str, values: NDArray[Any]) -> None:
        """Writes values of all devices into their registers.

        Args:
            words: Shape (devices, stride) of the field's function, native byte order.
            name: The field; what lies beyond its type's range is shown as the range's end.
            values: In the field's unit, shape (devices,).
        """
        field = self.fields[name]
        if field.type == "f32":
            raw = values / field.scale
        else:
            raw = values if field.scale == 1.0 and values.dtype.kind in "iu" else np.rint(values / field.scale)
            # float64 cannot hold the largest 64-bit numbers, and no register of ours comes near them.
            if field.words < WORDS["u64"]:
                raw = np.clip(raw, *LIMITS[field.type])
        block = np.ascontiguousarray(raw.astype(NUMPY_TYPES[field.type])).view(">u2").reshape(len(values), field.words)
        words[:, field.address : field.end] = block


def load_map(folder: Path, kind: AdapterKind) -> RegisterMap:
    """The map of one kind of gateway.

    Raises:
        ScenarioFileError: unreadable or wrong; names file and key.
        MapError: it lacks a field, two fields overlap, a block is longer than its stride, or a field that devices are
            controlled by cannot be written.
    """
    path = folder / f"{kind}.yaml"
    told = read_model(path, MapFile)
    missing = sorted(FIELDS_OF[kind] - told.fields.keys())
    if missing:
        raise MapError(f"{path}: fields: {kind} devices also need {', '.join(missing)}")
    unknown = sorted(told.fields.keys() - FIELDS_OF[kind])
    if unknown:
        raise MapError(f"{path}: fields: {kind} devices do not have {', '.join(unknown)}")
    strides: dict[Function, int] = {"holding": told.stride.holding, "input": told.stride.input}
    taken: dict[tuple[str, int], str] = {}
    for name, field in told.fields.items():
        if field.end > strides[field.function]:
            raise MapError(
                f"{path}: fields.{name}: registers {field.address} to {field.end - 1} do not fit "
                f"the {field.function} stride of {strides[field.function]}"
            )
        for address in range(field.address, field.end):
            other = taken.setdefault((field.function, address), name)
            if other != name:
                raise MapError(f"{path}: fields.{name}: register {address} belongs to {other!r} already")
    for name in WRITTEN:
        if told.fields[name].function != "holding" or told.fields[name].access != "rw":
            raise MapError(f"{path}: fields.{name}: expected function holding and access rw")
    return RegisterMap(kind, strides, told.fields)
