"""Measures one row of the table in a process of its own, so that memory and compiling count for that row alone."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

Answers = list[dict[str, Any]]
"""What each repeat of a measurement came to; the keys depend on the measurement."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row to measure: a measurement of ``measurements.MEASUREMENTS`` with its arguments.

    Attributes:
        name: Says what is solved and how, such as ``10000 divisible, coordinated``.
        timeout_s: After which the process is killed and the row says so.
    """

    name: str
    measurement: str
    arguments: Mapping[str, Any]
    repeat: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """A row's figures.

    Attributes:
        problem: Why there are none; empty where there are.
        times_s: Seconds of each repeat.
        prepare_s: Making the case.
        first_s: The first call on a small case: loading and compiling what later calls find ready.
        peak_rss_mb: Of the whole process, the case included.
        answers: One per repeat.
    """

    row: Row
    problem: str = ""
    times_s: Sequence[float] = ()
    prepare_s: float = float("nan")
    first_s: float = float("nan")
    peak_rss_mb: float = float("nan")
    answers: Answers = field(default_factory=list)

    @property
    def median_s(self) -> float:
        """``nan`` where nothing was measured."""
        return median(self.times_s) if self.times_s else float("nan")

    @property
    def answer(self) -> dict[str, Any]:
        """Of the last repeat; empty where nothing was measured."""
        return self.answers[-1] if self.answers else {}

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file of figures."""
        return {
            "name": self.row.name,
            "measurement": self.row.measurement,
            "arguments": dict(self.row.arguments),
            "problem": self.problem,
            "times_s": list(self.times_s),
            "median_s": self.median_s,
            "prepare_s": self.prepare_s,
            "first_s": self.first_s,
            "peak_rss_mb": self.peak_rss_mb,
            "answers": self.answers,
        }


def measure(row: Row) -> Measured:
    """Runs ``row`` in a process of its own."""
    order = json.dumps({"measurement": row.measurement, "arguments": dict(row.arguments), "repeat": row.repeat})
    command = [sys.executable, "-m", "simulator.harness.bench_dispatch.measurements", order]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=row.timeout_s, check=False)  # noqa: S603
    except subprocess.TimeoutExpired:
        return Measured(row, f"no answer within {row.timeout_s:g} s")
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        return Measured(row, last[0])
    said = json.loads(done.stdout.splitlines()[-1])
    return Measured(
        row,
        "",
        said["times_s"],
        said["prepare_s"],
        said["first_s"],
        said["peak_rss_mb"],
        said["answers"],
    )
