"""Calls of on/off blocks placed so that together they hold a level: each fills where least is held so far."""

from dataclasses import dataclass

import numpy as np

from vpp.domain.columns import BlockColumns, Flags, Index
from vpp.domain.flexibility import Series
from vpp.domain.reservoirs import Windows


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
    gives most where least is held.

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
    response_kw = np.zeros_like(could_kw)
    held_kw = held_kw.copy()
    known: dict[_Terms, Flags] = {}
    for i in np.argsort(-could_kw.sum(axis=(0, 1)), kind="stable").tolist():
        terms = _terms(blocks.columns, i, windows.length)
        if terms.calls == 0 or terms.most == 0:
            continue
        if terms not in known:
            known[terms] = call_patterns(windows.length, terms.least, terms.most, terms.calls, terms.rest)
        gives_kw = worth[i] * could_kw[:, :, i]
        wanted = held_kw.max(axis=0) + gives_kw.max(axis=0) - held_kw
        patterns = known[terms]
        best = (patterns @ (gives_kw * wanted)).argmax(axis=0)
        called = patterns[best].T
        response_kw[:, :, i] = could_kw[:, :, i] * called
        held_kw += gives_kw * called
    return response_kw, held_kw


def call_patterns(length: int, least: int, most: int, calls: int, rest: int) -> Flags:
    """Ways of calling a block in a window: as long and as often as it may, begun at every interval.

    Args:
        length: Intervals of the window.
        least: Shortest call, <= ``length``.
        most: Longest call.
        calls: Calls that may begin, >= 1.
        rest: Intervals between two calls, >= 1.

    Returns:
        Shape (patterns, length).
    """
    most, calls = min(most, length), min(calls, length)
    patterns: list[Flags] = []
    for first in range(length - least + 1):
        pattern = np.zeros(length, dtype=np.bool_)
        at = first
        for _ in range(calls):
            run = min(most, length - at)
            if run < least:
                break
            pattern[at : at + run] = True
            at += run + rest
        patterns.append(pattern)
    return np.array(patterns)


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
