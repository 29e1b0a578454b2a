"""Energy registers as one count that only ever goes on: roll-over unwrapped, jumps found."""

import numpy as np

from adapters.kit.driver import Mask, Registers
from adapters.modbus.layout import DeviceGroup
from adapters.modbus.values import conversion, raw_values
from vpp.domain.flexibility import Series

_SLACK_WH = 1000.0
_SLACK_STEPS = 2.0


class EnergyRegister:
    """One energy field of one group.

    An unsigned register of 16 or 32 bits that falls by more than half its range has rolled over. One that falls by less
    was changed or garbled, and so was one that rises by more than the devices can draw: the device's reading does not
    count in that minute, and what it says then is taken as the new beginning.
    """

    def __init__(self, group: DeviceGroup, name: str, largest_kw: Series) -> None:
        """Nothing seen yet; ``largest_kw`` bounds what a device can draw, shape (devices,)."""
        one = group.register_map.fields[name]
        how = conversion(group, name)
        self._group, self._name = group, name
        self._constant = one.constant is not None
        self._factor, self._offset = how.factor, how.offset
        self._largest_kw = largest_kw
        self._may_fall = one.type.is_signed or one.scale < 0
        limits = one.type.limits
        self._range = float(limits[1] + 1) if limits is not None and one.type.words <= 2 and not self._may_fall else 0.0  # noqa: PLR2004
        count = len(group.points)
        self._raw = np.zeros(count)
        self._turns = np.zeros(count)
        self._minute = np.zeros(count)
        self._seen: Mask = np.zeros(count, dtype=bool)

    def read(self, fresh: Mask, minute: int) -> tuple[Registers, Mask, Mask]:
        """Registers in Wh, and which of the ``fresh`` devices' have fallen or jumped.

        Args:
            fresh: Devices that were read now, shape (devices,).
            minute: Minutes since 1970.
        """
        count = len(fresh)
        if self._constant:
            return np.zeros(count, dtype=np.int64), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        raw = raw_values(self._group, self._name).astype(np.float64)
        # A register that holds no number has been found before; it must not be remembered here.
        fresh = fresh & np.isfinite(raw)
        known = fresh & self._seen
        falls = known & (raw < self._raw)
        rolled = falls & (self._range > 0) & (self._raw - raw > self._range / 2)
        turns = self._turns + rolled
        # A minute of 0 is one before a restart: how long ago is not known, and any rise is believed.
        passed_h = np.maximum(minute - self._minute, 1.0) / 60.0
        rise_wh = (raw - self._raw + rolled * self._range) * self._factor
        most_wh = self._largest_kw * passed_h * 1000.0 + _SLACK_STEPS * abs(self._factor) + _SLACK_WH
        fallen = falls & ~rolled & (not self._may_fall)
        jumped = known & ~fallen & (np.abs(rise_wh) > most_wh)
        self._turns = np.where(fresh, turns, self._turns)
        self._raw = np.where(fresh, raw, self._raw)
        self._minute = np.where(fresh, float(minute), self._minute)
        self._seen |= fresh
        shown = (np.nan_to_num(raw) + self._turns * self._range) * self._factor + self._offset
        return np.rint(shown).astype(np.int64), fallen, jumped

    def remembered(self) -> dict[int, tuple[int, float]]:
        """Per device's row, how often its register has rolled over and its last raw value, where it can roll over."""
        if not self._range:
            return {}
        return {row: (int(self._turns[row]), float(self._raw[row])) for row in np.flatnonzero(self._seen).tolist()}

    def remind(self, row: int, turns: int, raw: float) -> None:
        """Takes up what was remembered before a restart; a roll-over since then is noticed."""
        if self._range and 0 <= raw < self._range and turns >= 0:
            self._turns[row], self._raw[row], self._seen[row] = turns, raw, True
