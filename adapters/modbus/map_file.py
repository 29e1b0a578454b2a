"""What a register map says: where each field of one device lies, and how its value is made."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from adapters.kit.files import FileModel
from adapters.modbus.registers import Order, RegisterType
from adapters.modbus.roles import NEEDED, OPTIONAL, ROLES
from vpp.domain.fleet import ResourceKind

LAST_ADDRESS = 65_535
LARGEST_READ = 125
Address = Annotated[int, Field(ge=0, le=LAST_ADDRESS)]


class Table(StrEnum):
    """The four tables of a Modbus device."""

    HOLDING = "holding"
    INPUT = "input"
    COIL = "coil"
    DISCRETE = "discrete"

    @property
    def of_bits(self) -> bool:
        """Whether it holds single bits."""
        return self in {Table.COIL, Table.DISCRETE}

    @property
    def writable(self) -> bool:
        """Whether it can be written at all."""
        return self in {Table.HOLDING, Table.COIL}


class Access(StrEnum):
    """What the device lets us do with a field."""

    READ = "r"
    WRITE = "w"
    BOTH = "rw"


class Reading(StrEnum):
    """How often a field is read."""

    EACH_MINUTE = "each_minute"
    ONCE = "once"


class MapField(FileModel):
    """One field of a device.

    Attributes:
        constant: Value in ``unit`` for what the device does not say; then nothing else but ``unit`` and ``meaning``.
        address: Within the device's block, counted from 0.
        scale, offset: ``value = raw * scale + offset``, in ``unit``.
        bit: Bit of a 16-bit register, 0 the lowest.
        on, off: Raw values that mean yes (any but ``off`` when not given) and no; ``on[0]`` and ``off`` are written.
        low, high: Plausible values in ``unit``; outside of them the device counts as not read.
        no_limit: Raw value of a setpoint that means that the device runs free.
        codes: What raw values mean, for people.
    """

    constant: float | None = None
    function: Table = Table.HOLDING
    address: Address | None = None
    type: RegisterType = RegisterType.U16
    word_order: Order | None = None
    byte_order: Order | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str = "1"
    access: Access = Access.READ
    read: Reading | None = None
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    on: Annotated[tuple[int, ...], Field(min_length=1)] | None = None
    off: int = 0
    low: float | None = None
    high: float | None = None
    no_limit: int | None = None
    codes: dict[int, str] = Field(default_factory=dict)
    meaning: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "MapField":
        if self.constant is not None:
            if self.address is not None:
                raise ValueError(f"has constant {self.constant:g} and address {self.address}: one of the two")
            return self
        if self.address is None:
            raise ValueError("needs an address, or a constant")
        self._check_place()
        if self.scale == 0.0:
            raise ValueError("scale 0 would make every value the same")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}")
        limits = self.type.limits
        for name, raw in (("off", self.off), ("no_limit", self.no_limit), *(("on", one) for one in self.on or ())):
            if raw is not None and limits is not None and not limits[0] <= raw <= limits[1]:
                raise ValueError(f"{name} {raw} does not fit into {self.type.value} [{limits[0]}, {limits[1]}]")
        return self

    def _check_place(self) -> None:
        if self.function.of_bits != (self.type is RegisterType.BIT):
            raise ValueError(f"type {self.type.value!r} does not lie in table {self.function.value!r}")
        if self.end > LAST_ADDRESS + 1:
            raise ValueError(
                f"{self.type.value} at address {self.address} ends at {self.end - 1}, beyond {LAST_ADDRESS}"
            )
        if self.bit is not None and self.type is not RegisterType.U16:
            raise ValueError(f"bit {self.bit} can be picked from a u16 only, not from {self.type.value}")
        if self.access is not Access.READ and not self.function.writable:
            raise ValueError(f"access {self.access.value!r}, but table {self.function.value!r} cannot be written")

    @property
    def end(self) -> int:
        """First address behind it."""
        return (self.address or 0) + self.type.words

    @property
    def readable(self) -> bool:
        """Whether it can be read."""
        return self.constant is not None or self.access is not Access.WRITE


class ReadingRules(FileModel):
    """What the device bears.

    Attributes:
        max_registers: Longest answer that it gives.
        max_gap: Undefined registers between two fields that one request may read over; inside a ``stride`` all are.
    """

    max_registers: Annotated[int, Field(ge=1, le=LARGEST_READ)] = LARGEST_READ
    max_gap: Annotated[int, Field(ge=0, le=LARGEST_READ)] = 0


class RegisterMap(FileModel):
    """The map of one type of device.

    Attributes:
        stride: Registers from one device's block to the next, per table, where several devices share a unit.
        single_writes: One register is written with function 6 (and a coil with 5) in place of 16.
        stamp_counts_ends: ``minute`` names the minute by its end (else by its start).
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    word_order: Order = Order.BIG
    byte_order: Order = Order.BIG
    stride: dict[Table, Annotated[int, Field(ge=1, le=LAST_ADDRESS)]] = Field(default_factory=dict)
    reading: ReadingRules = ReadingRules()
    single_writes: bool = False
    stamp_counts_ends: bool = True
    fields: Annotated[dict[str, MapField], Field(min_length=1)]

    def once(self, name: str, kind: ResourceKind) -> bool:
        """Whether the field is read when the connection opens, rather than each minute."""
        field = self.fields[name]
        if field.read is not None:
            return field.read is Reading.ONCE
        return ROLES[name].once or (name == "power_max" and kind is ResourceKind.COOLING)

    def orders(self, name: str) -> tuple[Order, Order]:
        """Word order and byte order of a field."""
        field = self.fields[name]
        return field.word_order or self.word_order, field.byte_order or self.byte_order

    def used(self, kind: ResourceKind) -> tuple[str, ...]:
        """Names of the fields that a device of that kind needs or can use, those with registers only."""
        names = (*NEEDED[kind], *OPTIONAL)
        return tuple(name for name in names if name in self.fields and self.fields[name].constant is None)
