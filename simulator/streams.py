"""Random streams that are pure functions of (seed, thing, purpose, position).

Nothing is drawn in sequence, so that a command to one device can never change what another one sees: the run with an
event and its no-event twin share every exogenous number.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

# Increment and multipliers of the SplitMix64 generator (Steele, Lea, Flood, OOPSLA 2014).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def key_of(name: str) -> int:
    """A 64-bit key of a name, the same on every machine."""
    data = name.encode()
    return (zlib.crc32(data) << 32) | zlib.crc32(data[::-1], 0x5A5A5A5A)


def keys_of(names: Sequence[str]) -> Keys:
    """Keys of many names, shape (n,)."""
    return np.array([key_of(name) for name in names], dtype=np.uint64)


def _mix(values: Keys) -> Keys:
    mixed = values + _STEP
    mixed ^= mixed >> np.uint64(30)
    mixed *= _MIX_1
    mixed ^= mixed >> np.uint64(27)
    mixed *= _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return mixed


class Streams:
    """All random numbers of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._base = np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)

    def uniform(self, keys: Keys, purpose: str, count: int, *, first: int = 0) -> Floats:
        """Numbers in (0, 1), shape (len(keys), count), for positions ``first .. first + count - 1``."""
        root = _mix(self._base ^ np.uint64(key_of(purpose)))
        rows = _mix(keys ^ root)
        positions = np.arange(first, first + count, dtype=np.uint64) * _STEP
        bits = _mix(rows[:, None] + positions[None, :])
        return ((bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    def normal(self, keys: Keys, purpose: str, count: int, *, first: int = 0) -> Floats:
        """Standard normal numbers, shape (len(keys), count)."""
        radius = np.sqrt(-2.0 * np.log(self.uniform(keys, purpose + "/radius", count, first=first)))
        return radius * np.cos(2.0 * np.pi * self.uniform(keys, purpose + "/angle", count, first=first))

    def integers(self, keys: Keys, purpose: str, count: int, *, below: int, first: int = 0) -> NDArray[np.int64]:
        """Integers in ``[0, below)``, shape (len(keys), count)."""
        return (self.uniform(keys, purpose, count, first=first) * below).astype(np.int64)

    def scalar(self, name: str, purpose: str, *, position: int = 0) -> float:
        """One number in (0, 1) for one named thing."""
        return float(self.uniform(keys_of([name]), purpose, 1, first=position)[0, 0])
