"""Calls of on/off blocks placed so that together they hold a level: each fills where least is held so far."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.columns import BlockColumns, Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.reservoirs import Windows

SWEEPS = 2
"""Blocks are placed one after the other, then once more with all the others in place."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """On/off resources with what they could give of late; ``columns`` says how they may be called.

    Attributes:
        available_kw: Shape (n, T), 0 where the block must not be called.
    """

    columns: BlockColumns
    available_kw: Series

    @property
    def index(self) -> Index:
        """Positions among all resources, shape (n,)."""
        return self.columns.index


@dataclass(frozen=True, slots=True)
class _Terms:
    """How a block may be called within a window, in intervals."""

    least: int
    most: int
    calls: int
    rest: int


def place_calls(
    blocks: Blocks, windows: Windows, *, held_kw: Series, worth: Series, allowed: Flags
) -> tuple[Series, Series]:
    """Responses of all blocks, and what is held with them.

    The largest are placed first. Of the patterns that a block's runs and rests allow, each window takes the one that
    gives most and lifts the lowest intervals.

    Args:
        blocks: Blocks.
        windows: Windows.
        held_kw: Expected response held so far, shape (d, W).
        worth: Expected kW per kW of each block, shape (n,).
        allowed: Which blocks may be called in which window, shape (W, n).

    Returns:
        Responses (d, W, n), and the expected response held with them (d, W).
    """
    could_kw = windows.within(blocks.available_kw) * allowed
    too_little = windows.within(blocks.available_kw) < windows.within(blocks.columns.minimum_kw)
    could_kw *= ~too_little.any(axis=0)
    could_kw *= _free(blocks.columns, windows)
    gives_kw = could_kw * worth
    called = np.zeros(could_kw.shape, dtype=np.bool_)
    held_kw = held_kw.copy()
    known: dict[_Terms, Flags] = {}
    order = np.argsort(-could_kw.sum(axis=(0, 1)), kind="stable").tolist()
    for _ in range(SWEEPS):
        for i in order:
            terms = _terms(blocks.columns, i, windows.length)
            if terms.calls == 0 or terms.most == 0:
                continue
            if terms not in known:
                known[terms] = call_patterns(windows.length, terms.least, terms.most, terms.calls, terms.rest)
            held_kw -= gives_kw[:, :, i] * called[:, :, i]
            called[:, :, i] = _best(known[terms], gives_kw[:, :, i], held_kw)
            held_kw += gives_kw[:, :, i] * called[:, :, i]
    return could_kw * called, held_kw


def _best(patterns: Flags, gives_kw: Series, held_kw: Series) -> Flags:
    """The pattern that gives most and leaves what is held most even: least squares below a level beyond all reach."""
    level_kw = held_kw.max(axis=0) + gives_kw.max(axis=0)
    gain = gives_kw * (2.0 * (level_kw - held_kw) - gives_kw)
    return np.asarray(patterns[(patterns @ gain).argmax(axis=0)].T)


def call_patterns(length: int, least: int, most: int, calls: int, rest: int) -> Flags:
    """Ways of calling a block in a window: calls as long as may be, begun at every interval, evenly parted.

    Args:
        length: Intervals of the window.
        least: Shortest call, <= ``length``.
        most: Longest call.
        calls: Calls that may begin, >= 1.
        rest: Intervals between two calls, >= 1.

    Returns:
        Shape (patterns, length), no pattern twice.
    """
    most, calls = min(most, length), min(calls, length)
    patterns: dict[bytes, Flags] = {}
    for first in range(length - least + 1):
        for pause in range(rest, max(length - first - most, rest) + 1):
            pattern = np.zeros(length, dtype=np.bool_)
            at = first
            for _ in range(calls):
                run = min(most, length - at)
                if run < least:
                    break
                pattern[at : at + run] = True
                at += run + pause
            patterns.setdefault(pattern.tobytes(), pattern)
    return np.array(list(patterns.values()))


def _terms(columns: BlockColumns, i: int, length: int) -> _Terms:
    """A call shorter than its shortest run fills the whole window, as in the planner's problem."""
    return _Terms(
        least=min(max(int(columns.min_run[i]), 1), length),
        most=min(int(columns.max_run[i]), length),
        calls=min(int(columns.max_calls[i]), length),
        rest=max(int(columns.min_rest[i]), 1),
    )


def _free(columns: BlockColumns, windows: Windows) -> Flags:
    """Windows that begin once a call that is running now has ended at the latest and rested, shape (W, n)."""
    left = np.where(
        columns.running_intervals > 0, np.maximum(columns.max_run - columns.running_intervals, 0) + columns.min_rest, 0
    )
    return np.asarray(windows.starts[:, None] >= left)
