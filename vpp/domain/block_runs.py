"""Finds on/off calls whose runs, rests or number no sequence of calls explains; part of the plan's independent check.

An interval with response belongs to a call. One without may belong to a call only where the call's minimum is 0 kW
there, so several sequences may explain the same responses. Followed are all of them at once, each kept as the fewest
calls begun by then: whatever may follow more calls may follow fewer, too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vpp.domain.columns import BlockColumns, Flags

Calls = NDArray[np.int32]
NEVER = np.int32(2**30)


@dataclass(frozen=True, slots=True)
class BrokenRun:
    """The first interval in which no sequence of calls explains a row's responses, and what stops the last ones."""

    row: int
    interval: int
    limit: str
    text: str


@dataclass(slots=True, eq=False)
class _States:
    """What may be the case before interval ``t``: the fewest calls begun, ``NEVER`` where it cannot be.

    Attributes:
        carried: Whether the call that ran before the horizon may still go on, shape (n,).
        runs: A call begun in the horizon has lasted ``k + 1`` intervals, shape (R, n).
        waits: No call, and none may begin for ``w`` more intervals, shape (W, n).
    """

    carried: Flags
    runs: Calls
    waits: Calls

    def alive(self) -> Flags:
        """Rows that some sequence of calls still explains, shape (n,)."""
        found: Flags = self.carried | (self.runs.min(axis=0) < NEVER) | (self.waits.min(axis=0) < NEVER)
        return found


def broken_runs(block: BlockColumns, called: Flags, optional: Flags) -> Iterator[BrokenRun]:
    """Every row that breaks its runs, in the order of intervals.

    Args:
        block: The calls' limits, n rows.
        called: Where there is response, shape (n, T).
        optional: Where there is none, but a call may lie, shape (n, T).
    """
    rows = np.flatnonzero(called.any(axis=1) | (block.running_intervals > 0))
    if rows.size == 0:
        return
    rules = _Rules.of(block, rows, called.shape[1])
    on, off = (called | optional)[rows].T, ~called[rows].T
    states = rules.before_all()
    alive = states.alive()
    for t in range(called.shape[1]):
        after = rules.step(states, t, on[t], off[t])
        alive_after = after.alive()
        for i in np.flatnonzero(alive & ~alive_after).tolist():
            limit, text = rules.reason(states, t, i, ends=bool(off[t, i]))
            yield BrokenRun(int(rows[i]), t, limit, text)
        states, alive = after, alive_after


@dataclass(frozen=True, slots=True, eq=False)
class _Rules:
    """Limits of the rows in question, shape (n,) where not said otherwise.

    Attributes:
        goes_on: Whether a run of ``k + 1`` intervals may go on, shape (R, n).
        may_end: Whether it may end, shape (R, n).
        wait: Intervals to wait after the first one without a call.
    """

    event: int
    running: NDArray[np.intp]
    min_run: NDArray[np.intp]
    max_run: NDArray[np.intp]
    max_calls: NDArray[np.intp]
    min_rest: NDArray[np.intp]
    goes_on: Flags
    may_end: Flags
    wait: NDArray[np.intp]

    @classmethod
    def of(cls, block: BlockColumns, rows: NDArray[np.intp], event: int) -> "_Rules":
        """The limits of ``rows``; lengths beyond the event's are not told apart."""
        min_run, max_run, min_rest = block.min_run[rows], block.max_run[rows], block.min_rest[rows]
        lengths = np.arange(1, max(1, min(int(max_run.max()), event)) + 1)[:, None]
        return cls(
            event=event,
            running=block.running_intervals[rows],
            min_run=min_run,
            max_run=max_run,
            max_calls=block.max_calls[rows],
            min_rest=min_rest,
            goes_on=lengths < max_run,
            may_end=lengths >= min_run,
            wait=np.clip(min_rest, 1, event + 1) - 1,
        )

    def before_all(self) -> _States:
        """Either a call runs since before the horizon, or one may begin at once."""
        carried = self.running > 0
        runs = np.full(self.goes_on.shape, NEVER)
        waits = np.full((int(self.wait.max()) + 1, carried.size), NEVER)
        waits[0, ~carried] = 0
        return _States(carried, runs, waits)

    def step(self, states: _States, t: int, on: Flags, off: Flags) -> _States:
        """What may be the case after interval ``t``, which may lie within (``on``) or outside (``off``) a call."""
        lasted = self.running + t
        begins = on & (states.waits[0] < self.max_calls) & (self.event - t >= self.min_run)
        runs = np.empty_like(states.runs)
        runs[0] = np.where(begins, states.waits[0] + 1, NEVER)
        runs[1:] = np.where(self.goes_on[:-1] & on, states.runs[:-1], NEVER)
        ended = np.where(self.may_end, states.runs, NEVER).min(axis=0)
        ended[states.carried & (lasted >= self.min_run)] = 0
        waits = np.full_like(states.waits, NEVER)
        waits[:-1] = states.waits[1:]
        waits[0] = np.minimum(waits[0], states.waits[0])
        columns = np.arange(self.wait.size)
        waits[self.wait, columns] = np.minimum(waits[self.wait, columns], ended)
        waits[:, ~off] = NEVER
        return _States(states.carried & on & (lasted < self.max_run), runs, waits)

    def reason(self, states: _States, t: int, i: int, *, ends: bool) -> tuple[str, str]:
        """What stops the longest run of row ``i``, or where there is none, the call that has rested longest."""
        lasting = np.flatnonzero(states.runs[:, i] < NEVER)
        lasted = int(self.running[i]) + t if states.carried[i] else int(lasting.max(initial=-1)) + 1
        if ends:
            return "min_run", f"call ends after {lasted} intervals, below {self.min_run[i]}"
        if lasted:
            return "max_run", f"call lasts {lasted + 1} intervals, above {self.max_run[i]}"
        wait = int(np.flatnonzero(states.waits[:, i] < NEVER)[0])
        begun = int(states.waits[wait, i])
        if begun >= self.max_calls[i]:
            return "max_calls", f"call {begun + 1} begins, above {self.max_calls[i]} calls"
        if wait:
            rested = int(self.wait[i]) + 1 - wait
            return "min_rest", f"call begins after a rest of {rested} intervals, below {self.min_rest[i]}"
        least = f"below its minimum run of {self.min_run[i]}"
        return "late_start", f"call begins {self.event - t} intervals before the end, {least}"
