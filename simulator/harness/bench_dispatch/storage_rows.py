"""Batteries behind one meter: ours and FlexMeasures' schedules of the same sites."""

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from simulator.harness.bench_dispatch.flexmeasures import BACK_ENDS, PeerError, peer_answers
from simulator.harness.bench_dispatch.measured import Measured, measure
from simulator.harness.bench_dispatch.storage_cases import storage_site

PEER_TIMEOUT_S = 1800.0


@dataclass(slots=True)
class StorageRun:
    """One number of batteries.

    Attributes:
        ours: Measured before the peers.
        after: Measured again after the peers, since machines have moods; empty where there were no peers.
        peers: Per back end, what ``peer_answers`` gives.
        failures: Per back end, why there is no answer.
    """

    ours: Measured
    after: list[Measured] = field(default_factory=list)
    peers: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def storages(self) -> int:
        """How many batteries."""
        return int(self.ours.row.arguments["storages"])

    @property
    def problems(self) -> list[str]:
        """What is wrong with our schedules."""
        found: list[str] = [self.ours.problem] if self.ours.problem else []
        return found + [
            problem
            for row in (self.ours, *self.after)
            for answer in row.answers
            for problem in answer.get("problems", ())
        ]

    @property
    def median_s(self) -> float:
        """Of all our runs; ``nan`` without any."""
        times = [seconds for row in (self.ours, *self.after) for seconds in row.times_s]
        return median(times) if times else float("nan")

    def ratios(self) -> dict[str, float]:
        """How many times longer each back end took, by medians."""
        return {name: median(said["times_s"]) / self.median_s for name, said in self.peers.items()}

    def apart(self, back_end: str) -> float:
        """Relative difference of the costs, each computed from its schedule in plain arithmetic."""
        theirs = float(self.peers[back_end]["arithmetic_cny"])
        return abs(float(self.ours.answer.get("objective_cny", float("nan"))) - theirs) / abs(theirs)

    def as_json(self) -> dict[str, Any]:
        """As it stands in the file of figures."""
        return {
            "storages": self.storages,
            "ours": [row.as_json() for row in (self.ours, *self.after)],
            "median_s": self.median_s,
            "peers": self.peers,
            "failures": self.failures,
            "ratios": self.ratios(),
        }


def against_flexmeasures(run: StorageRun, python: Path, *, repeat: int) -> None:
    """Adds FlexMeasures' answers to ``run``, or why there is none; its back end through Pyomo runs once."""
    site = storage_site(run.storages, seed=int(run.ours.row.arguments["seed"]))
    for back_end in BACK_ENDS:
        times = repeat if back_end == BACK_ENDS[0] else 1
        try:
            run.peers[back_end] = peer_answers(python, site, back_end=back_end, repeat=times, timeout_s=PEER_TIMEOUT_S)
        except PeerError as problem:
            run.failures[back_end] = str(problem)
    run.after.append(measure(run.ours.row))
