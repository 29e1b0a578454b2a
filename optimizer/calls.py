"""The state of all on/off calls while the greedy method walks through the event, one interval at a time."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from optimizer.kinds import BlockArrays, Count, Flags, Index
from vpp.domain.flexibility import Series

TINY_KW = 1e-9


@dataclass(slots=True, eq=False)
class CallState:
    """Runs and calls so far, shape (n,) each.

    Attributes:
        delivery: Expected over asked response.
        usable: Calls that the nodes admit.
        run: Intervals that the present call has lasted; 0 when off.
        calls_left: Calls that may still begin.
        earliest: First interval in which a call should begin, so that short calls take turns.
    """

    kind: BlockArrays
    delivery: Series
    usable: Flags
    run: Count
    calls_left: Count
    earliest: Count

    @classmethod
    def begin(cls, kind: BlockArrays, delivery: Series, *, usable: Flags, in_turns: bool) -> Self:
        """The state before the first interval.

        With ``in_turns``, calls that together are shorter than the event are spread over it by rank.
        """
        event = kind.available_kw.shape[1]
        lasts = np.maximum(kind.max_run * np.maximum(kind.max_calls, 1), 1)
        turns = -(-event // lasts)
        turn = np.arange(len(kind.index)) % np.maximum(turns, 1)
        earliest = np.minimum(turn * lasts, np.maximum(event - kind.min_run, 0)) if in_turns else 0 * turn
        return cls(kind, delivery, usable, kind.running.copy(), kind.max_calls.copy(), earliest)

    def _must_stay(self) -> Flags:
        return (self.run > 0) & (self.run < self.kind.min_run)

    def forced_kw(self, t: int) -> Series:
        """Response that calls within their minimum run give in interval ``t``, at the least."""
        return np.where(self._must_stay(), self.kind.minimum_kw[:, t], 0.0)

    def offered_kw(self, t: int) -> Series:
        """Most response in interval ``t`` of calls that go on or could begin."""
        kind = self.kind
        goes_on = (self.run > 0) & (self.run < kind.max_run)
        begins = (self.run == 0) & (self.calls_left > 0) & kind.may_start[:, t] & (self.earliest <= t) & self.usable
        return np.where(goes_on | begins, kind.available_kw[:, t], 0.0)

    def step(self, t: int, asked_kw: Series, room_kw: Series, order: Index) -> Series:
        """Carries out interval ``t`` and returns the responses.

        Args:
            t: The interval.
            asked_kw: Wanted response, shape (n,); a call is raised to its minimum.
            room_kw: Expected response that may still be committed in ``t`` and each later event interval.
            order: Rows, cheapest first.
        """
        kind = self.kind
        stays = self._must_stay()
        on = stays | (asked_kw > TINY_KW)
        wanted_kw = np.where(on, np.clip(asked_kw, kind.minimum_kw[:, t], kind.available_kw[:, t]), 0.0)
        on &= stays | self._fits(t, stays, wanted_kw, room_kw, order)
        begins = on & (self.run == 0)
        self.calls_left = self.calls_left - begins
        self.run = np.where(on, self.run + 1, 0)
        return np.where(on, wanted_kw, 0.0)

    def _fits(self, t: int, stays: Flags, wanted_kw: Series, room_kw: Series, order: Index) -> Flags:
        """Which calls fit under ``room_kw`` over their minimum runs, those that must stay first."""
        kind = self.kind
        ahead = np.arange(len(room_kw))
        least = np.maximum(kind.min_run - self.run, 1)
        use_kw = np.where(ahead[None, :] < least[:, None], kind.minimum_kw[:, t:], 0.0)
        use_kw[:, 0] = wanted_kw
        use_kw *= self.delivery[:, None] * (wanted_kw > 0.0)[:, None]
        sequence = np.concatenate([order[stays[order]], order[~stays[order]]])
        total_kw = np.cumsum(use_kw[sequence], axis=0)
        fits = np.zeros(len(stays), dtype=np.bool_)
        fits[sequence] = (total_kw <= room_kw[None, :] + TINY_KW).all(axis=1)
        return fits
