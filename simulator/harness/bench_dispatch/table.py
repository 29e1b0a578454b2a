"""Measures the whole table: our rows, the peers, and what was asked of each figure."""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.harness.bench_dispatch.figures import machine_facts
from simulator.harness.bench_dispatch.flexmeasures import PeerError, peer_python
from simulator.harness.bench_dispatch.measured import Measured, measure
from simulator.harness.bench_dispatch.plan import Group, Options, ours, peers
from simulator.harness.bench_dispatch.promises import promise_verdicts
from simulator.harness.bench_dispatch.storage_rows import StorageRun, against_flexmeasures
from simulator.harness.bench_dispatch.verdicts import Fleets, Verdict, fleet_verdicts, storage_verdicts

Say = Callable[[str], None]
PROMISES = ("deadline", "delivered")


@dataclass(frozen=True, slots=True)
class Table:
    """Everything that was measured; ``promises`` are the rows about deadlines and uncertain delivery."""

    machine: dict[str, object]
    fleets: Fleets
    storages: tuple[StorageRun, ...]
    promises: tuple[Measured, ...]
    notes: tuple[str, ...]

    def verdicts(self) -> list[Verdict]:
        """Figures against their limits."""
        return [*fleet_verdicts(self.fleets), *storage_verdicts(self.storages), *promise_verdicts(self.promises)]

    def times_s(self) -> dict[str, dict[int, float]]:
        """Median seconds per number of resources, per method."""
        found: dict[str, dict[int, float]] = {}
        for row in self.fleets.rows:
            if row.times_s and "resources" in row.row.arguments:
                name = row.row.name.split(", ", 1)[1]
                found.setdefault(name, {})[int(row.row.arguments["resources"])] = row.median_s
        return found

    def as_json(self) -> dict[str, Any]:
        """The file of figures; what is not known is null."""
        said = {
            "bench": "dispatch",
            "machine": self.machine,
            "rows": [row.as_json() for row in self.fleets.rows],
            "storages": [run.as_json() for run in self.storages],
            "promises": [row.as_json() for row in self.promises],
            "verdicts": [verdict.as_json() for verdict in self.verdicts()],
            "notes": list(self.notes),
        }
        return {key: _without_nan(value) for key, value in said.items()}


def measure_table(options: Options, say: Say) -> Table:
    """Measures every row that ``options`` ask for, one after the other; ``say`` gets a line for each."""
    machine, notes = machine_facts(), []
    rows = [_told(measure(row), say) for row in ours(options)]
    storages = [StorageRun(row) for row in rows if row.row.measurement == "scheduled"]
    promises = [row for row in rows if row.row.measurement in PROMISES]
    fleets = [row for row in rows if row.row.measurement not in {"scheduled", *PROMISES}]
    if options.peers:
        median_s = {
            (row.row.arguments["resources"], row.row.arguments["blocks"]): row.median_s
            for row in fleets
            if row.times_s and row.row.measurement == "planned"
        }
        fleets += [_told(measure(row), say) for row in peers(options, median_s)]
        notes += _flexmeasures(options, storages, say) if storages else []
    else:
        notes.append("peers were left out")
    notes += [f"{group} was left out" for group in Group if group not in options.groups]
    return Table(machine, Fleets(tuple(fleets)), tuple(storages), tuple(promises), tuple(notes))


def _flexmeasures(options: Options, storages: list[StorageRun], say: Say) -> list[str]:
    """Runs FlexMeasures on every site; gives back why it could not."""
    with _folder(options) as folder:
        try:
            python = peer_python(folder)
        except PeerError as problem:
            say(f"FlexMeasures is left out: {problem}")
            return [f"FlexMeasures is left out: {problem}"]
        for run in storages:
            against_flexmeasures(run, python, repeat=options.repeat)
            for back_end, ratio in run.ratios().items():
                say(f"{run.storages} storages, FlexMeasures ({back_end}): {ratio:.0f} times longer than ours")
    return [f"FlexMeasures ({name}): {why}" for run in storages for name, why in run.failures.items()]


@contextmanager
def _folder(options: Options) -> Iterator[Path]:
    if options.peer_folder is not None:
        yield options.peer_folder
        return
    with tempfile.TemporaryDirectory(prefix="vpp-bench-peer-") as folder:
        yield Path(folder)


def _told(measured: Measured, say: Say) -> Measured:
    if measured.problem:
        say(f"{measured.row.name}: no figure, {measured.problem}")
    else:
        say(f"{measured.row.name}: {measured.median_s:.3f} s, {measured.peak_rss_mb:.0f} MB")
    return measured


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return value
