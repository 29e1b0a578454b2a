"""Commands and their acknowledgements: what should be, and how far it has come.

A command is compared by ``(epoch, sequence)`` per resource: the gateway keeps the highest seen on disk and ignores the
rest, so that duplicates, reordering and restored backups are harmless.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.errors import IllegalTransitionError


class CommandMode(StrEnum):
    """How the setpoint bounds the resource's power."""

    AT_MOST = "at_most"
    AT_LEAST = "at_least"
    EXACTLY = "exactly"


class AckState(StrEnum):
    """Stages of a command at the gateway."""

    RECEIVED = "received"
    ACCEPTED = "accepted"
    AWAITING_PERSON = "awaiting_person"
    APPLIED = "applied"
    REFUSED = "refused"
    EXPIRED = "expired"


ACK_TRANSITIONS: dict[AckState | None, frozenset[AckState]] = {
    None: frozenset(AckState),
    AckState.RECEIVED: frozenset(AckState) - {AckState.RECEIVED},
    AckState.ACCEPTED: frozenset({AckState.AWAITING_PERSON, AckState.APPLIED, AckState.REFUSED, AckState.EXPIRED}),
    AckState.AWAITING_PERSON: frozenset({AckState.APPLIED, AckState.REFUSED, AckState.EXPIRED}),
    AckState.APPLIED: frozenset({AckState.EXPIRED}),
    AckState.REFUSED: frozenset(),
    AckState.EXPIRED: frozenset(),
}


def advance_ack(command_id: str, state: AckState | None, new: AckState) -> AckState:
    """``new`` if the table allows it from ``state`` (``None``: not acknowledged yet).

    Raises:
        IllegalTransitionError: it does not.
    """
    allowed = ACK_TRANSITIONS[state]
    if new not in allowed:
        raise IllegalTransitionError(f"command {command_id!r}", state or "unacknowledged", new, tuple(sorted(allowed)))
    return new


@dataclass(frozen=True, slots=True)
class Command:
    """What one resource should do for the remaining schedule.

    Attributes:
        epoch: Rises at every start or restore of the controller.
        sequence: Rises per controller run; compared after ``epoch``.
        schedule_start: Start of the first interval that ``setpoints_kw`` covers.
        setpoints_kw: Power into the resource per 15-minute interval from ``schedule_start``.
        assumed_forecast_kw: Power that the controller expects without the command, same shape.
        valid_from: From when the first setpoint holds (may lie before ``schedule_start``: staging).
        expires_at: Event end; from then on the gateway releases on its own.
        release_after_s: The resource's own stagger behind ``expires_at``.
    """

    command_id: str
    event_id: str
    plan_revision: int
    epoch: int
    sequence: int
    resource_id: str
    mode: CommandMode
    schedule_start: datetime
    setpoints_kw: tuple[float, ...]
    assumed_forecast_kw: tuple[float, ...]
    valid_from: datetime
    expires_at: datetime
    release_after_s: float

    @property
    def order(self) -> tuple[int, int]:
        """What decides which of two commands for a resource is newer."""
        return self.epoch, self.sequence
