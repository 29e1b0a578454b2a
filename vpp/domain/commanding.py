"""From a plan to commands: what should be, per resource, for the remaining schedule."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.commands import Command, CommandMode
from vpp.domain.events import Direction
from vpp.domain.fleet import Fleet, ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.outcome import MATERIAL_KW
from vpp.domain.timegrid import INTERVAL

SETPOINT_STEP_KW = 0.001
ROUNDING_SLACK = 1e-6
CANCEL_NOTICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Issue:
    """What the commands of one revision have in common.

    Attributes:
        first_interval: Start of the first interval that the revision covers.
        valid_from: From when its first setpoint holds.
        release_after_s: Per resource.
    """

    revision: int
    epoch: int
    first_sequence: int
    first_interval: datetime
    valid_from: datetime
    release_after_s: Mapping[str, float]


def commands_for(
    record: EventRecord,
    fleet: Fleet,
    issue: Issue,
    *,
    response_kw: Mapping[str, Series],
    forecast_kw: Mapping[str, Series],
) -> list[Command]:
    """Commands that bring the fleet from what is in force to the plan.

    A resource whose remaining setpoints stay as they are gets none, so that no device is moved for nothing.

    Args:
        record: The event with what is in force.
        fleet: For ratings and kinds.
        issue: Common to all commands.
        response_kw: Planned response per resource and remaining interval; a missing resource means 0.
        forecast_kw: Expected power without a command over the same intervals, for every resource in question.
    """
    commands: list[Command] = []
    called = [r for r in forecast_kw if r in record.commands or np.any(response_kw.get(r, 0.0) > MATERIAL_KW)]
    for resource_id in called:
        forecast = forecast_kw[resource_id]
        response = response_kw.get(resource_id, np.zeros(len(forecast)))
        direction = record.declaration.direction
        mode = _mode(direction, fleet.resource(resource_id).kind)
        asked = forecast - direction.sign * response
        setpoints = _setpoints(mode, asked, response, fleet.resource(resource_id).rated_kw)
        if mode is CommandMode.AT_MOST:
            # A forecast above the rating would make a setpoint that binds nothing look like a call.
            forecast = np.where(response > MATERIAL_KW, forecast, np.minimum(forecast, setpoints))
        if _unchanged(record, resource_id, issue.first_interval, setpoints):
            continue
        sequence = issue.first_sequence + len(commands)
        commands.append(
            Command(
                command_id=f"{record.declaration.event_id}.{issue.revision}.{issue.epoch}.{sequence}",
                event_id=record.declaration.event_id,
                plan_revision=issue.revision,
                epoch=issue.epoch,
                sequence=sequence,
                resource_id=resource_id,
                mode=mode,
                schedule_start=issue.first_interval,
                setpoints_kw=setpoints,
                assumed_forecast_kw=tuple(round(float(x), 3) for x in forecast),
                valid_from=issue.valid_from,
                expires_at=record.declaration.end,
                release_after_s=issue.release_after_s.get(resource_id, 0.0),
            )
        )
    return commands


def release_commands(record: EventRecord, issue: Issue) -> list[Command]:
    """Commands that end the event early: what holds now goes on for a minute, then each resource's stagger begins.

    The minute is there because a gateway refuses a command that has expired on arrival.
    """
    commands: list[Command] = []
    for resource_id, history in record.commands.items():
        last = (record.in_force(resource_id, issue.first_interval) or history[-1]).command
        index = (issue.first_interval - last.schedule_start) // INTERVAL
        now = min(max(index, 0), len(last.setpoints_kw) - 1)
        sequence = issue.first_sequence + len(commands)
        commands.append(
            Command(
                command_id=f"{record.declaration.event_id}.{issue.revision}.{issue.epoch}.{sequence}",
                event_id=record.declaration.event_id,
                plan_revision=issue.revision,
                epoch=issue.epoch,
                sequence=sequence,
                resource_id=resource_id,
                mode=last.mode,
                schedule_start=issue.first_interval,
                setpoints_kw=last.setpoints_kw[now : now + 1],
                assumed_forecast_kw=last.assumed_forecast_kw[now : now + 1],
                valid_from=issue.valid_from,
                expires_at=issue.valid_from + CANCEL_NOTICE,
                release_after_s=issue.release_after_s.get(resource_id, 0.0),
            )
        )
    return commands


def _mode(direction: Direction, kind: ResourceKind) -> CommandMode:
    if kind is ResourceKind.STORAGE:
        return CommandMode.EXACTLY
    return CommandMode.AT_MOST if direction is Direction.CURTAIL else CommandMode.AT_LEAST


def _setpoints(mode: CommandMode, asked: Series, response: Series, rated_kw: float) -> tuple[float, ...]:
    """A setpoint per interval; where nothing is asked, one that binds nothing."""
    free = {CommandMode.AT_MOST: np.full(len(asked), rated_kw), CommandMode.AT_LEAST: np.zeros(len(asked))}
    if mode is not CommandMode.EXACTLY:
        asked = np.where(response > MATERIAL_KW, np.clip(asked, 0.0, rated_kw), free[mode])
    # Rounded up, a setpoint at the rating would lie above it and be refused.
    most = np.floor(rated_kw / SETPOINT_STEP_KW + ROUNDING_SLACK) * SETPOINT_STEP_KW
    rounded = np.round(asked / SETPOINT_STEP_KW) * SETPOINT_STEP_KW
    return tuple(float(x) for x in np.clip(rounded, -most, most))


def _unchanged(record: EventRecord, resource_id: str, first: datetime, setpoints: tuple[float, ...]) -> bool:
    for i, setpoint in enumerate(setpoints):
        issued = record.in_force(resource_id, first + i * INTERVAL)
        if issued is None:
            return False
        held = issued.command.setpoints_kw[(first + i * INTERVAL - issued.command.schedule_start) // INTERVAL]
        if abs(held - setpoint) > SETPOINT_STEP_KW:
            return False
    return True
