import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.modbus.registers import Order, RegisterType, decode, encode
from vpp.domain.errors import InputError

NUMBERS = [kind for kind in RegisterType if kind is not RegisterType.BIT]


@st.composite
def typed_values(draw: st.DrawFn) -> tuple[RegisterType, float]:
    kind = draw(st.sampled_from(NUMBERS))
    if kind.limits is None:
        return kind, draw(st.floats(width=32 if kind is RegisterType.F32 else 64, allow_nan=False))
    return kind, draw(st.integers(*kind.limits))


@given(typed_values(), st.sampled_from(Order), st.sampled_from(Order))
def test_decode__gives_back_what_was_encoded(value: tuple[RegisterType, float], word: Order, byte: Order) -> None:
    kind, number = value
    words = encode(number, kind, word_order=word, byte_order=byte)
    assert len(words) == kind.words
    assert all(0 <= one <= 0xFFFF for one in words)
    back = decode(np.array([words, words], dtype=">u2"), kind, word_order=word, byte_order=byte)
    assert back.tolist() == [number, number]


@pytest.mark.parametrize(
    ("word", "byte", "words"),
    [
        (Order.BIG, Order.BIG, [0x1234, 0x5678]),
        (Order.LITTLE, Order.BIG, [0x5678, 0x1234]),
        (Order.BIG, Order.LITTLE, [0x3412, 0x7856]),
        (Order.LITTLE, Order.LITTLE, [0x7856, 0x3412]),
    ],
)
def test_encode__the_four_orders(word: Order, byte: Order, words: list[int]) -> None:
    assert encode(0x12345678, RegisterType.U32, word_order=word, byte_order=byte) == words


def test_encode__float_as_struct_packs_it() -> None:
    high, low = struct.unpack(">HH", struct.pack(">f", 21.5))
    assert encode(21.5, RegisterType.F32, word_order=Order.BIG, byte_order=Order.BIG) == [high, low]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (RegisterType.U16, 65536, r"raw value 65536 does not fit into u16 \[0, 65535\]"),
        (RegisterType.I16, -32769, r"raw value -32769 does not fit into i16 \[-32768, 32767\]"),
        (RegisterType.U32, -1, r"raw value -1 does not fit into u32 \[0, 4294967295\]"),
    ],
)
def test_encode__what_does_not_fit_is_refused(kind: RegisterType, value: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(value, kind, word_order=Order.BIG, byte_order=Order.BIG)
