"""The state of all on/off calls while the greedy method walks through the event, one interval at a time."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from optimizer.kinds import BlockArrays
from vpp.domain.columns import Flags, Index
from vpp.domain.flexibility import Series

TINY_KW = 1e-9


@dataclass(slots=True, eq=False)
class CallState:
    """Runs and calls so far, shape (n,) each.

    Attributes:
        usable: Calls that the nodes admit.
        run: Intervals that the present call has lasted; 0 when off.
        rested: Intervals since the last call ended.
        calls_left: Calls that may still begin.
        earliest: First interval in which a call should begin, so that short calls take turns.
    """

    kind: BlockArrays
    usable: Flags
    run: Index
    rested: Index
    calls_left: Index
    earliest: Index

    @classmethod
    def begin(cls, kind: BlockArrays, *, usable: Flags, in_turns: bool) -> Self:
        """The state before the first interval.

        With ``in_turns``, calls that together are shorter than the event are spread over it by rank.
        """
        event = kind.available_kw.shape[1]
        lasts = np.maximum(kind.max_run * np.maximum(kind.max_calls, 1), 1)
        turns = -(-event // lasts)
        turn = np.arange(len(kind.index)) % np.maximum(turns, 1)
        earliest = np.minimum(turn * lasts, np.maximum(event - kind.min_run, 0)) if in_turns else 0 * turn
        rested = np.where(kind.running > 0, 0, event + kind.min_rest)
        return cls(
            kind, usable & ~kind.blocked.any(axis=1), kind.running.copy(), rested, kind.max_calls.copy(), earliest
        )

    def _must_stay(self) -> Flags:
        return (self.run > 0) & (self.run < self.kind.min_run)

    def forced_kw(self, t: int) -> Series:
        """Response that calls within their minimum run give in interval ``t``, at the least."""
        return np.where(self._must_stay(), self.kind.minimum_kw[:, t], 0.0)

    def offered_kw(self, t: int) -> Series:
        """Most response in interval ``t`` of calls that go on or could begin."""
        kind = self.kind
        goes_on = (self.run > 0) & (self.run < kind.max_run)
        fits = t + kind.min_run <= kind.available_kw.shape[1]
        begins = (self.run == 0) & (self.calls_left > 0) & fits & (self.rested >= kind.min_rest)
        begins &= (self.earliest <= t) & self.usable
        return np.where(goes_on | begins, kind.available_kw[:, t], 0.0)

    def step(self, t: int, asked_kw: Series) -> Series:
        """Carries out interval ``t`` and returns the responses; ``asked_kw`` is raised to each call's minimum."""
        kind = self.kind
        on = self._must_stay() | (asked_kw > TINY_KW)
        self.calls_left = self.calls_left - (on & (self.run == 0))
        self.run = np.where(on, self.run + 1, 0)
        self.rested = np.where(on, 0, self.rested + 1)
        return np.where(on, np.clip(asked_kw, kind.minimum_kw[:, t], kind.available_kw[:, t]), 0.0)
