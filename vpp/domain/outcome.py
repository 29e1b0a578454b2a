"""The five figures of an event, defined once for tracking, settlement and report.

Per event interval and in kW: *committed* was accepted, *commanded* is asked by the commands in force, *acknowledged* is
the part of it acked ``applied``, *metered* is baseline minus reading, *verified* is metered from good readings only.
Metered and verified run over every resource from its first commanded interval on, so that what a resource gives back
after its own call still counts against the portfolio.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from vpp.domain.book import EventRecord, IssuedCommand
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL

MATERIAL_KW = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Waterfall:
    """The five figures, each of shape (T,)."""

    committed_kw: Series
    commanded_kw: Series
    acknowledged_kw: Series
    metered_kw: Series
    verified_kw: Series


def commanded_response_kw(issued: IssuedCommand, interval: datetime, direction: Direction) -> float:
    """Response that a command asks for in the interval starting at ``interval``; never negative.

    The assumed forecast less the setpoint when curtailing, the reverse when filling.
    """
    command = issued.command
    index = (interval - command.schedule_start) // INTERVAL
    less_kw = command.assumed_forecast_kw[index] - command.setpoints_kw[index]
    return max(0.0, direction.sign * less_kw)


def commanded_kw(record: EventRecord) -> Mapping[str, Series]:
    """Response asked of each resource ever commanded, per event interval, by the newest command covering it."""
    if record.asked_kw is None:
        record.asked_kw = {resource_id: _asked_kw(record, resource_id) for resource_id in record.commands}
    return record.asked_kw


def _asked_kw(record: EventRecord, resource_id: str) -> Series:
    values = np.zeros(len(record.grid))
    for t, (interval, issued) in enumerate(zip(record.grid, record.newest[resource_id], strict=True)):
        if issued is not None and interval < record.end:
            values[t] = commanded_response_kw(issued, interval, record.declaration.direction)
    return values


def graded_kw(record: EventRecord) -> dict[str, Series]:
    """Response that each resource is graded on, per event interval: what was asked from its start to its end.

    A call that comes or goes within an interval is staging or trimming and never lowers a participant's ratio: the
    smaller of what was asked at the start and what is asked by the newest command counts.
    """
    return {
        resource_id: np.minimum(asked, _asked_at_start_kw(record, resource_id))
        for resource_id, asked in commanded_kw(record).items()
    }


def _asked_at_start_kw(record: EventRecord, resource_id: str) -> Series:
    values = np.zeros(len(record.grid))
    for t, interval in enumerate(record.grid):
        for issued in reversed(record.commands[resource_id]):
            index = (interval - issued.command.schedule_start) // INTERVAL
            if issued.issued_at <= interval and 0 <= index < len(issued.command.setpoints_kw):
                values[t] = commanded_response_kw(issued, interval, record.declaration.direction)
                break
    return values


def called_from(commanded: Series) -> int | None:
    """Index of the first interval with a response asked, ``None`` when there is none."""
    asked = np.flatnonzero(commanded > MATERIAL_KW)
    return int(asked[0]) if len(asked) else None


def acknowledged_kw(record: EventRecord, commanded: Mapping[str, Series]) -> Series:
    """The commanded response whose command was acked ``applied`` (``expired`` after having been applied counts too)."""
    total = np.zeros(len(record.grid))
    for resource_id, asked in commanded.items():
        for t, interval in enumerate(record.grid):
            issued = record.in_force(resource_id, interval)
            if issued is not None and issued.applied:
                total[t] += asked[t]
    return total


def response_kw(baseline_kw: Series, power_kw: Series, direction: Direction) -> Series:
    """Change delivered in the asked direction; positive is good."""
    return baseline_kw - power_kw if direction is Direction.CURTAIL else power_kw - baseline_kw


def waterfall(
    record: EventRecord, *, power_kw: Mapping[str, Series], good: Mapping[str, np.ndarray], committed: Series
) -> Waterfall:
    """The five figures from what was metered.

    Args:
        record: The event, baselines frozen.
        power_kw: Mean power per called resource and event interval, shape (T,); ``nan`` where nothing was metered.
        good: Whether that mean rests on good readings only, shape (T,) of bool.
        committed: Accepted response per interval, shape (T,).
    """
    count = len(record.grid)
    asked = commanded_kw(record)
    metered, verified = np.zeros(count), np.zeros(count)
    for resource_id, resource_kw in power_kw.items():
        first = called_from(asked[resource_id])
        if first is None:
            continue
        response = response_kw(record.baseline_kw(resource_id)[:count], resource_kw, record.declaration.direction)
        counted = np.isfinite(response) & (np.arange(count) >= first)
        metered += np.where(counted, response, 0.0)
        verified += np.where(counted & good[resource_id], response, 0.0)
    commanded_total = np.sum(list(asked.values()), axis=0) if asked else np.zeros(count)
    return Waterfall(committed, commanded_total, acknowledged_kw(record, asked), metered, verified)


@dataclass(frozen=True, slots=True)
class Attainment:
    """Whether the target was met; nothing is rounded up."""

    min_percent: float
    mean_percent: float
    met: bool
    shortfall_kw: tuple[float, ...]


def attainment(verified_kw: Series, target_kw: Series, reference_peak_kw: float) -> Attainment:
    """``min_percent = 100 min(verified) / reference peak``; ``met`` when every interval reaches its own, unrounded."""
    share = 100.0 * verified_kw / reference_peak_kw
    return Attainment(
        float(share.min()),
        float(share.mean()),
        bool(np.all(verified_kw >= target_kw)),
        tuple(float(x) for x in np.maximum(0.0, target_kw - verified_kw)),
    )
