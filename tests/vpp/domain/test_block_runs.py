"""Runs of many calls at once, against following every sequence of calls of one row by itself."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vpp.domain.block_runs import BrokenRun, broken_runs
from vpp.domain.columns import BlockColumns, Flags

Reason = tuple[str, str]
Call = tuple[int, int, int]
"""Intervals that the running call has lasted (0 when off), calls begun so far, intervals rested since the last one."""

FIGURES = ("min_run", "max_run", "max_calls", "running", "min_rest")


def columns(rows: list[dict[str, int]]) -> BlockColumns:
    nothing = np.zeros((len(rows), 0))
    figures = {name: np.array([row[name] for row in rows], dtype=np.intp) for name in FIGURES}
    return BlockColumns(
        np.arange(len(rows)),
        nothing,
        nothing,
        np.zeros(len(rows)),
        np.zeros(len(rows)),
        figures["min_run"],
        figures["max_run"],
        figures["max_calls"],
        figures["running"],
        figures["min_rest"],
    )


def reference(f: dict[str, int], called: Flags, optional: Flags) -> tuple[int, set[Reason]] | None:
    """The interval in which no sequence of calls is left, with what stops each; ``None`` when one is left."""
    states: set[Call] = {(f["running"], 0, f["min_rest"])}
    for t in range(called.size):
        tried: list[Call | Reason] = []
        for state in states:
            if called[t] or optional[t]:
                tried.append(goes_on(f, state, called.size - t))
            if not called[t]:
                tried.append(goes_off(f, state))
        states = {step for step in tried if len(step) == 3}
        if not states:
            return t, {step for step in tried if len(step) == 2}
    return None


def goes_on(f: dict[str, int], state: Call, left: int) -> Call | Reason:
    run, begun, rested = state
    if run:
        if run < f["max_run"]:
            return run + 1, begun, 0
        return "max_run", f"call lasts {run + 1} intervals, above {f['max_run']}"
    if begun >= f["max_calls"]:
        return "max_calls", f"call {begun + 1} begins, above {f['max_calls']} calls"
    if rested < f["min_rest"]:
        return "min_rest", f"call begins after a rest of {rested} intervals, below {f['min_rest']}"
    if left < f["min_run"]:
        return "late_start", f"call begins {left} intervals before the end, below its minimum run of {f['min_run']}"
    return 1, begun + 1, 0


def goes_off(f: dict[str, int], state: Call) -> Call | Reason:
    run, begun, rested = state
    if 0 < run < f["min_run"]:
        return "min_run", f"call ends after {run} intervals, below {f['min_run']}"
    return 0, begun, 1 if run else min(rested + 1, f["min_rest"])


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[dict[str, int]], NDArray[np.intp]]:
    """Limits of some rows, and per row and interval 0 (off), 1 (no response, yet perhaps a call) or 2 (response)."""
    event, count = draw(st.integers(1, 9)), draw(st.integers(1, 6))
    row = st.fixed_dictionaries(
        {
            "min_run": st.integers(0, 4),
            "max_run": st.integers(0, 6),
            "max_calls": st.integers(0, 4),
            "running": st.one_of(st.just(0), st.integers(0, 8)),
            "min_rest": st.integers(1, 12),
        }
    )
    marks = st.lists(st.lists(st.integers(0, 2), min_size=event, max_size=event), min_size=count, max_size=count)
    return draw(st.lists(row, min_size=count, max_size=count)), np.array(draw(marks), dtype=np.intp)


@settings(max_examples=400, deadline=None)
@given(fleets())
def test_broken_runs__as_following_every_sequence_of_calls(fleet: tuple[list[dict[str, int]], Flags]) -> None:
    rows, marks = fleet
    called, optional = marks == 2, marks == 1
    found: dict[int, BrokenRun] = {broken.row: broken for broken in broken_runs(columns(rows), called, optional)}
    for i, row in enumerate(rows):
        expected = reference(row, called[i], optional[i])
        if expected is None:
            assert i not in found
        else:
            assert found[i].interval == expected[0]
            assert (found[i].limit, found[i].text) in expected[1]


def test_broken_runs__each_row_once_in_the_order_of_intervals() -> None:
    plain = {"min_run": 1, "max_run": 2, "max_calls": 1, "running": 0, "min_rest": 1}
    called = np.array([[1, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 0, 0]], dtype=np.bool_)
    found = list(broken_runs(columns([plain] * 4), called, np.zeros_like(called)))
    assert found == [
        BrokenRun(0, 2, "max_run", "call lasts 3 intervals, above 2"),
        BrokenRun(1, 2, "max_calls", "call 2 begins, above 1 calls"),
    ]
