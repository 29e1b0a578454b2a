"""A store on disk: everything that is needed to rebuild an event's report and statements years later.

ledger.sqlite     the facts                     archive.sqlite   the readings
access.sqlite     users, sessions, API keys     controller.lock  held by the running controller
fleet.json        who was registered            programs/*.yaml  the rules as they were
network.json      the day's flow forecast       epoch            outside of what a backup of the ledger restores
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from vpp.domain.errors import ConfigError, InputError, StoreError
from vpp.domain.fleet import Fleet, Node, Participant, Resource, Site
from vpp.domain.flexibility import Series
from vpp.domain.programs import Program
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.infra.program_files import load_program

T = TypeVar("T")
DAY_INTERVALS = timedelta(days=1) // INTERVAL


class _FleetFile(msgspec.Struct):
    nodes: list[Node]
    participants: list[Participant]
    sites: list[Site]
    resources: list[Resource]


class _FlowFile(msgspec.Struct):
    start: datetime
    flow_kw: dict[str, list[float]]


@dataclass(frozen=True, slots=True)
class StoreFolder:
    """Paths of one store."""

    path: Path

    def create(self) -> None:
        """Makes the folder; existing content stays.

        Raises:
            StoreError: it cannot be made.
        """
        try:
            (self.path / "programs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{self.path}: the store folder cannot be made ({error.strerror})") from error

    def create_new(self) -> None:
        """Makes the folder for a run of its own; an earlier run's store is kept under the next free number.

        Raises:
            StoreError: it cannot be made, or the earlier one not moved.
        """
        if (self.path / "ledger.sqlite").exists():
            kept = next(path for number in count(1) if not (path := self._numbered(number)).exists())
            try:
                self.path.rename(kept)
            except OSError as error:
                raise StoreError(f"{self.path}: the earlier store cannot be moved ({error.strerror})") from error
        self.create()

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    @property
    def ledger_url(self) -> str:
        """Address of the ledger."""
        return f"sqlite:///{self.path / 'ledger.sqlite'}"

    @property
    def archive_url(self) -> str:
        """Address of the meter archive."""
        return f"sqlite:///{self.path / 'archive.sqlite'}"

    @property
    def access_url(self) -> str:
        """Address of users, sessions and API keys."""
        return f"sqlite:///{self.path / 'access.sqlite'}"

    @property
    def epoch_path(self) -> Path:
        """File of the controller's epoch."""
        return self.path / "epoch"

    def require(self) -> None:
        """Nothing, or ``ConfigError`` when no store lies here."""
        for name in ("ledger.sqlite", "archive.sqlite", "fleet.json"):
            if not (self.path / name).is_file():
                raise ConfigError(str(self.path), name, "expected a store folder with this file in it")

    def save_setup(self, fleet: Fleet, program_files: Sequence[Path], flow: Mapping[str, Series], at: datetime) -> None:
        """Writes the registered fleet, the rules and the flow forecast (15-minute intervals from ``at`` on)."""
        parts = _FleetFile(
            list(fleet.nodes.values()),
            list(fleet.participants.values()),
            list(fleet.sites.values()),
            list(fleet.resources.values()),
        )
        _write(self.path / "fleet.json", msgspec.json.encode(parts))
        flows = _FlowFile(at, {node_id: [float(x) for x in values] for node_id, values in flow.items()})
        _write(self.path / "network.json", msgspec.json.encode(flows))
        for file in program_files:
            _write(self.path / "programs" / file.name, file.read_bytes())

    def fleet(self) -> Fleet:
        """The fleet that was registered.

        Raises:
            ConfigError: the file is missing or was damaged.
        """
        parts = self._decode("fleet.json", _FleetFile)
        try:
            return Fleet.of(
                nodes=parts.nodes, participants=parts.participants, sites=parts.sites, resources=parts.resources
            )
        except InputError as error:
            raise ConfigError(
                str(self.path / "fleet.json"), "", f"expected the file that a run wrote: {error}"
            ) from error

    def programs(self) -> dict[str, Program]:
        """The rules, by programme id."""
        loaded = [load_program(file) for file in sorted((self.path / "programs").glob("*.yaml"))]
        return {program.id: program for program in loaded}

    def network(self) -> "FlowForecast":
        """The flow forecast of the day."""
        flows = self._decode("network.json", _FlowFile)
        return FlowForecast(flows.start, {node_id: np.array(values) for node_id, values in flows.flow_kw.items()})

    def _decode(self, name: str, shape: type[T]) -> T:
        file = self.path / name
        try:
            return msgspec.json.decode(file.read_bytes(), type=shape)
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(str(file), "", f"expected the file that a run wrote: {error}") from error


class FlowForecast:
    """Flows from a file (``vpp.ports.NetworkForecasts``)."""

    def __init__(self, start: datetime, flow_kw: Mapping[str, Series]) -> None:
        self._start = start
        self._flow_kw = flow_kw

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, Series]:
        """Per node, shape (len(grid),); outside the file, its nearest day repeats by the time of day.

        Where the file holds less than a day, a time of day that it lacks has its last value.
        """
        flows: dict[str, Series] = {}
        for node_id, values in self._flow_kw.items():
            first = TimeGrid(self._start, len(values)).index_of(grid.start)
            asked = np.arange(first, first + len(grid))
            last_day = max(len(values) - DAY_INTERVALS, 0)
            behind = last_day + (asked - last_day) % DAY_INTERVALS
            kept = np.where(asked < 0, asked % DAY_INTERVALS, np.where(asked >= len(values), behind, asked))
            flows[node_id] = values[np.minimum(kept, len(values) - 1)]
        return flows


def _write(path: Path, content: bytes) -> None:
    """Replaces ``path`` at once, so that a stop in the middle leaves the old file."""
    part = path.with_suffix(path.suffix + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
