"""Register words to numbers and back: types, word order, byte order; numpy views, no loop over registers."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError

Words = NDArray[np.uint16]
"""Registers as they came over the wire, each high byte first (dtype '>u2')."""

WORD = np.dtype(">u2")


class RegisterType(StrEnum):
    """How a value lies in its registers."""

    U16 = "u16"
    I16 = "i16"
    U32 = "u32"
    I32 = "i32"
    U64 = "u64"
    I64 = "i64"
    F32 = "f32"
    F64 = "f64"
    BIT = "bit"

    @property
    def words(self) -> int:
        """Registers that it takes; a bit takes one coil or discrete input."""
        return 1 if self is RegisterType.BIT else int(self.value[1:]) // 16

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """In network order."""
        if self is RegisterType.BIT:
            return np.dtype(np.bool_)
        return np.dtype(f">{self.value[0]}{int(self.value[1:]) // 8}")

    @property
    def is_float(self) -> bool:
        """Whether it can hold ``nan``."""
        return self.value[0] == "f"

    @property
    def is_signed(self) -> bool:
        """Whether it can be negative."""
        return self.value[0] in "if"

    @property
    def limits(self) -> tuple[int, int] | None:
        """Smallest and largest raw value; ``None`` for floats."""
        if self.is_float:
            return None
        if self is RegisterType.BIT:
            return 0, 1
        bits = int(self.value[1:])
        return (-(1 << bits - 1), (1 << bits - 1) - 1) if self.is_signed else (0, (1 << bits) - 1)


class Order(StrEnum):
    """Which end comes first."""

    BIG = "big"
    LITTLE = "little"


def decode(words: Words, kind: RegisterType, *, word_order: Order, byte_order: Order) -> NDArray[np.generic]:
    """One number per row of ``words``, shape (rows, kind.words), dtype '>u2'."""
    ordered = words if word_order is Order.BIG else words[:, ::-1]
    packed = np.ascontiguousarray(ordered, dtype=WORD)
    if byte_order is Order.LITTLE:
        packed = packed.byteswap()
    return packed.view(kind.dtype)[:, 0]


def encode(value: float, kind: RegisterType, *, word_order: Order, byte_order: Order) -> list[int]:
    """The registers of one raw value, as the numbers that a write request carries.

    Raises:
        InputError: the value does not fit into the type.
    """
    limits = kind.limits
    if limits is not None and not limits[0] <= value <= limits[1]:
        raise InputError(f"raw value {value:g} does not fit into {kind.value} [{limits[0]}, {limits[1]}]")
    number = np.array([value if kind.is_float else int(value)], dtype=kind.dtype)
    words = np.frombuffer(number.tobytes(), dtype=WORD)
    if byte_order is Order.LITTLE:
        words = words.byteswap()
    if word_order is Order.LITTLE:
        words = words[::-1]
    return [int(word) for word in words]
