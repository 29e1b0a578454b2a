"""What a gateway remembers of the commands of one resource, as it stands on its disk; and the pure timing rules."""

from datetime import datetime, timedelta

import msgspec

from adapters.kit.resource_spec import LoadTerms, ResourceSpec
from vpp.domain.commands import AckState, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import INTERVAL
from vpp.wire.messages import WireAck, WireCommand

_SAME_SETPOINT_KW = 1e-6


class Holding(msgspec.Struct):
    """A command that is followed, or will be.

    Attributes:
        state: Last ack sent for it.
        deadline: Until when a person may confirm; ``None`` when nobody is asked or the answer was yes.
        interval: Index into the schedule that ``targets_kw`` belong to.
        targets_kw: One setpoint per device of the resource; empty where the devices run free.
    """

    command: WireCommand
    state: AckState
    deadline: datetime | None = None
    interval: int | None = None
    targets_kw: list[float] | None = None


class ResourceState(msgspec.Struct):
    """All of one resource.

    Attributes:
        active: Followed now.
        pending: Newer than ``active``, but waits for a person or for its ``valid_from``.
        confirmed: The last command that a person said yes to.
        run_started_at: Since when the power has been held below the forecast without a break.
        calls: Runs begun on ``calls_day``.
    """

    last_ack: WireAck | None = None
    active: Holding | None = None
    pending: Holding | None = None
    confirmed: WireCommand | None = None
    run_started_at: datetime | None = None
    calls: int = 0
    calls_day: str = ""


FREE_TOLERANCE_KW = 0.001


def interval_index(command: WireCommand, now: datetime) -> int:
    """Index of the setpoint that holds at ``now``; the first before the schedule, the last behind it."""
    index = (now - command.schedule_start) // INTERVAL
    return min(max(index, 0), len(command.setpoints_kw) - 1)


def release_at(command: WireCommand, spec: ResourceSpec, run_started_at: datetime | None) -> datetime:
    """When the gateway lets go on its own: event end plus stagger, but not within a line's minimum run."""
    instant = command.expires_at + timedelta(seconds=command.release_after_s)
    if run_started_at is not None and spec.kind is ResourceKind.FACTORY_LINE and isinstance(spec.terms, LoadTerms):
        instant = max(instant, run_started_at + spec.terms.min_run * INTERVAL)
    return instant


def binds_nothing(command: WireCommand, index: int, spec: ResourceSpec) -> bool:
    """Whether the setpoint of that interval lets the resource do what it likes: its devices run free then.

    Sharing out the rated power instead would still hold single devices back.
    """
    if command.mode is CommandMode.AT_LEAST:
        return spec.kind is not ResourceKind.STORAGE and command.setpoints_kw[index] <= FREE_TOLERANCE_KW
    return command.mode is CommandMode.AT_MOST and command.setpoints_kw[index] >= spec.rated_kw - FREE_TOLERANCE_KW


def curtails(command: WireCommand, index: int) -> bool:
    """Whether the setpoint asks for less than the controller expects without it."""
    if command.mode is CommandMode.AT_LEAST:
        return False
    return command.setpoints_kw[index] < command.assumed_forecast_kw[index] - _SAME_SETPOINT_KW


def same_setpoint(old: Holding, command: WireCommand, now: datetime) -> bool:
    """Whether ``command`` asks now for what ``old`` has the devices at already."""
    if old.targets_kw is None or old.interval is None:
        return False
    before = old.command.setpoints_kw[old.interval]
    return abs(before - command.setpoints_kw[interval_index(command, now)]) <= _SAME_SETPOINT_KW


def asks_no_more(command: WireCommand, confirmed: WireCommand, now: datetime) -> bool:
    """Whether a person's yes to ``confirmed`` covers ``command``: same event, from now on nowhere less power.

    For ``at_least``, nowhere more.
    """
    if command.event_id != confirmed.event_id or command.expires_at > confirmed.expires_at:
        return False
    instant = max(now, command.schedule_start)
    while instant < command.expires_at:
        allowed = confirmed.setpoints_kw[interval_index(confirmed, instant)]
        asked = command.setpoints_kw[interval_index(command, instant)]
        further = asked - allowed if command.mode is CommandMode.AT_LEAST else allowed - asked
        if further > _SAME_SETPOINT_KW:
            return False
        instant += INTERVAL
    return True
