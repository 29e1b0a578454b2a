"""The ``network`` part of a scenario: lines that are fed from elsewhere after a fault, limits that hold for a while."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from simulator.district import District
from simulator.files import FileModel, ScenarioFileError

Reason = Annotated[str, Field(min_length=1)]


class TransferFile(FileModel):
    """A line that is fed from another node after a fault, and when the controller is told; local clock time."""

    node: str
    to: str
    at: time
    told_after_s: Annotated[float, Field(ge=0, le=900)] = 20.0
    reason: Reason


class NodeLimitFile(FileModel):
    """A node's import limit for a while, as the operator states it when the day begins; local clock times."""

    node: str
    start: time
    end: time
    import_limit_mw: Annotated[float, Field(gt=0)]
    reason: Reason


class NetworkFile(FileModel):
    """What happens to the network."""

    transfers: tuple[TransferFile, ...] = ()
    limits: tuple[NodeLimitFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Transfer:
    """A line that is fed from another node from ``at`` on; the controller is told at ``told_at``."""

    node_id: str
    parent_id: str
    at: datetime
    told_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class NodeLimit:
    """A node's import limit during ``[start, end)``, stated when the day begins."""

    node_id: str
    start: datetime
    end: datetime
    import_limit_kw: float
    reason: str


@dataclass(frozen=True, slots=True)
class NetworkEvents:
    """What happens to the network; transfers in order of time."""

    transfers: tuple[Transfer, ...] = ()
    limits: tuple[NodeLimit, ...] = ()


def network_events(
    told: NetworkFile, district: District, path: Path, instant: Callable[[time], datetime]
) -> NetworkEvents:
    """The same on UTC instants.

    Raises:
        ScenarioFileError: a node that the district does not have, or one that would hang below itself.
    """
    for index, moved in enumerate(told.transfers):
        for key in ("node", "to"):
            _require_node(district, path, f"network.transfers.{index}.{key}", getattr(moved, key))
        if district.below[district.node_index[moved.node], district.node_index[moved.to]]:
            expected = f"expected a node that does not hang below {moved.node!r}, found {moved.to!r}"
            raise ScenarioFileError(str(path), f"network.transfers.{index}.to", expected)
    for index, limit in enumerate(told.limits):
        _require_node(district, path, f"network.limits.{index}.node", limit.node)
    transfers = [_transfer(moved, instant(moved.at)) for moved in told.transfers]
    limits = [
        NodeLimit(limit.node, instant(limit.start), instant(limit.end), 1000.0 * limit.import_limit_mw, limit.reason)
        for limit in told.limits
    ]
    return NetworkEvents(tuple(sorted(transfers, key=lambda t: t.at)), tuple(limits))


def _transfer(told: TransferFile, at: datetime) -> Transfer:
    return Transfer(told.node, told.to, at, at + timedelta(seconds=told.told_after_s), told.reason)


def _require_node(district: District, path: Path, key: str, node_id: str) -> None:
    if node_id not in district.node_index:
        raise ScenarioFileError(str(path), key, f"expected a node of the district, found {node_id!r}")
