"""Whether a command that has arrived is to be followed; pure.

Per resource the highest ``(epoch, sequence)`` ever seen decides, so that duplicates, late copies, reordering and a
restored controller do no harm. What is refused or expired counts as seen.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.kit.resource_spec import ChargingTerms, ResourceSpec, StorageTerms
from vpp.domain.commands import Command, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import format_instant

LONGEST_AHEAD = timedelta(days=7)
_RATING_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Accept:
    """To be followed; an older command of the resource gives way."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Held already: its last ack is sent again and no device is touched."""


@dataclass(frozen=True, slots=True)
class Older:
    """Overtaken by a newer one: ignored."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expired:
    """Over before it arrived."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not to be followed.

    Attributes:
        remember: Whether its order counts as seen; not for a resource that this gateway does not have.
    """

    reason: str
    remember: bool = True


Decision = Accept | Duplicate | Older | Expired | Refuse


@dataclass(frozen=True, slots=True)
class Seen:
    """What the gateway remembers of the newest command of a resource."""

    order: tuple[int, int]
    command_id: str


def decide(
    command: Command, *, spec: ResourceSpec | None, seen: Seen | None, now: datetime, unable: str = ""
) -> Decision:
    """What to do with ``command``.

    Args:
        command: As received, finite numbers or not.
        spec: Its resource; ``None`` when the gateway has none of that id.
        seen: The newest command so far of that resource; ``None`` when there was none.
        now: Instant of arrival.
        unable: Why the resource cannot follow anything now (local control); empty when it can.
    """
    if spec is None:
        return Refuse(f"unknown resource {command.resource_id!r}", remember=False)
    if seen is not None and command.order == seen.order and command.command_id == seen.command_id:
        return Duplicate()
    if seen is not None and command.order <= seen.order:
        return Older(
            f"command {command.command_id!r} of epoch {command.epoch}, sequence {command.sequence} is not newer than "
            f"{seen.command_id!r} of epoch {seen.order[0]}, sequence {seen.order[1]}"
        )
    if now >= command.expires_at:
        return Expired(f"expired at {format_instant(command.expires_at)}, arrived at {format_instant(now)}")
    reason = (
        _right_to_command(spec)
        or unable
        or _schedule_problem(command, now)
        or _mode_problem(command, spec)
        or _power_problem(command, spec)
    )
    return Refuse(reason) if reason else Accept()


def _right_to_command(spec: ResourceSpec) -> str:
    if spec.protected:
        return f"resource {spec.id!r} belongs to a protected class and is never curtailed"
    if not spec.opted_in:
        return f"the owner of resource {spec.id!r} has not opted in"
    return ""


def _schedule_problem(command: Command, now: datetime) -> str:
    if not command.setpoints_kw:
        return "it has no setpoint"
    for name, instant in (("expires_at", command.expires_at), ("schedule_start", command.schedule_start)):
        if instant - now > LONGEST_AHEAD:
            return f"{name} {format_instant(instant)} is more than {LONGEST_AHEAD.days} days ahead"
    if not (math.isfinite(command.release_after_s) and command.release_after_s >= 0):
        return f"release_after_s {command.release_after_s} s is not a finite number >= 0"
    return ""


def _mode_problem(command: Command, spec: ResourceSpec) -> str:
    # A cap is all that a load can be held to; only a battery, and cars that wait, can be told to take more.
    early = isinstance(spec.terms, ChargingTerms) and spec.terms.early_start
    if command.mode is CommandMode.AT_LEAST and spec.kind is not ResourceKind.STORAGE and not early:
        return f"mode {command.mode.value!r} cannot be held by a resource of kind {spec.kind.value!r}"
    return ""


def _power_problem(command: Command, spec: ResourceSpec) -> str:
    lowest = -spec.rated_kw if isinstance(spec.terms, StorageTerms) and spec.terms.export_allowed else 0.0
    tolerance = _RATING_TOLERANCE * spec.rated_kw
    for index, setpoint in enumerate(command.setpoints_kw):
        if not math.isfinite(setpoint):
            return f"setpoint {setpoint} kW at index {index} is not a finite number"
        if not lowest - tolerance <= setpoint <= spec.rated_kw + tolerance:
            return f"setpoint {setpoint:g} kW at index {index} is outside [{lowest:g}, {spec.rated_kw:g}] kW"
    return ""
