"""The demand-response event: what was declared, and the state table it lives by.

    draft -> approved -> invited -> committed -> active -> releasing -> verifying -> settled
                  (emergency: approved -> committed)         (drill: verifying -> certified, never settled)
    cancel before active -> cancelled;  cancel while active -> releasing, so that what was delivered is paid

Every other step is refused by name.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vpp.domain.errors import IllegalTransitionError, InputError
from vpp.domain.timegrid import INTERVAL, TimeGrid, format_instant

LONGEST_EVENT_INTERVALS = 96
LONGEST_ID = 64
LONGEST_REPLY = timedelta(minutes=25)


class EventKind(StrEnum):
    """Why the event is called."""

    ECONOMIC = "economic"
    EMERGENCY = "emergency"
    DRILL = "drill"


class Direction(StrEnum):
    """Whether load should fall (削峰) or rise (填谷)."""

    CURTAIL = "curtail"
    FILL = "fill"

    @property
    def sign(self) -> int:
        """1 or -1: less load counts as response when curtailing, more when filling."""
        return 1 if self is Direction.CURTAIL else -1


class EventState(StrEnum):
    """Where an event stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    INVITED = "invited"
    COMMITTED = "committed"
    ACTIVE = "active"
    RELEASING = "releasing"
    VERIFYING = "verifying"
    SETTLED = "settled"
    CERTIFIED = "certified"
    CANCELLED = "cancelled"


class EventStep(StrEnum):
    """What may be asked of an event."""

    APPROVE = "approve"
    INVITE = "invite"
    COMMIT = "commit"
    ACTIVATE = "activate"
    RELEASE = "release"
    CANCEL = "cancel"
    VERIFY = "verify"
    SETTLE = "settle"
    CERTIFY = "certify"


_TABLE: dict[EventState, dict[EventStep, EventState]] = {
    EventState.DRAFT: {EventStep.APPROVE: EventState.APPROVED, EventStep.CANCEL: EventState.CANCELLED},
    EventState.APPROVED: {
        EventStep.INVITE: EventState.INVITED,
        EventStep.COMMIT: EventState.COMMITTED,
        EventStep.CANCEL: EventState.CANCELLED,
    },
    EventState.INVITED: {EventStep.COMMIT: EventState.COMMITTED, EventStep.CANCEL: EventState.CANCELLED},
    EventState.COMMITTED: {EventStep.ACTIVATE: EventState.ACTIVE, EventStep.CANCEL: EventState.CANCELLED},
    EventState.ACTIVE: {EventStep.RELEASE: EventState.RELEASING, EventStep.CANCEL: EventState.RELEASING},
    EventState.RELEASING: {EventStep.VERIFY: EventState.VERIFYING},
    EventState.VERIFYING: {EventStep.SETTLE: EventState.SETTLED, EventStep.CERTIFY: EventState.CERTIFIED},
    EventState.SETTLED: {},
    EventState.CERTIFIED: {},
    EventState.CANCELLED: {},
}

FINAL_STATES = frozenset(state for state, steps in _TABLE.items() if not steps)


def steps_from(state: EventState, kind: EventKind) -> dict[EventStep, EventState]:
    """The steps that an event of ``kind`` may take from ``state``, with the state that each leads to."""
    steps = dict(_TABLE[state])
    if state is EventState.APPROVED:
        steps.pop(EventStep.INVITE if kind is EventKind.EMERGENCY else EventStep.COMMIT)
    if state is EventState.VERIFYING:
        steps.pop(EventStep.SETTLE if kind is EventKind.DRILL else EventStep.CERTIFY)
    return steps


def next_state(event_id: str, state: EventState, step: EventStep, kind: EventKind) -> EventState:
    """The state that ``step`` leads to.

    Raises:
        IllegalTransitionError: the table has no such step; names event, state, step and what is allowed.
    """
    allowed = steps_from(state, kind)
    if step not in allowed:
        raise IllegalTransitionError(f"event {event_id!r}", state, step, tuple(allowed))
    return allowed[step]


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a grid operator asks for.

    Attributes:
        target_percent: Share of the reference peak, in (0, 100]; exactly one of this and ``target_mw`` is given.
        target_mw: The same as MW, > 0.
        scope_node_id: Only resources below this node; ``None`` for the whole district.
    """

    event_id: str
    program_id: str
    kind: EventKind
    direction: Direction
    start: datetime
    end: datetime
    target_percent: float | None = None
    target_mw: float | None = None
    scope_node_id: str | None = None
    declared_by: str = "operator"

    def __post_init__(self) -> None:
        if not self.event_id or len(self.event_id) > LONGEST_ID:
            raise InputError(f"event id {self.event_id!r} must have 1 to {LONGEST_ID} characters")
        if self.end < self.start:
            window = f"end {format_instant(self.end)} lies before start {format_instant(self.start)}"
            raise InputError(f"event {self.event_id!r}: {window}")
        count = len(self.grid)
        if not 1 <= count <= LONGEST_EVENT_INTERVALS:
            window = f"{format_instant(self.start)} to {format_instant(self.end)}"
            raise InputError(
                f"event {self.event_id!r}: window {window} has {count} "
                f"15-minute intervals; 1 to {LONGEST_EVENT_INTERVALS} are allowed"
            )
        if (self.target_percent is None) == (self.target_mw is None):
            raise InputError(f"event {self.event_id!r}: give exactly one of target_percent and target_mw")
        if self.target_percent is not None and not 0 < self.target_percent <= 100:  # noqa: PLR2004 - percent
            raise InputError(f"event {self.event_id!r}: target {self.target_percent} % is not in (0, 100]")
        if self.target_mw is not None and not (math.isfinite(self.target_mw) and self.target_mw > 0):
            raise InputError(f"event {self.event_id!r}: target {self.target_mw} MW is not a positive number")

    @property
    def grid(self) -> TimeGrid:
        """The event's intervals."""
        return TimeGrid.between(self.start, self.end)

    def recovery_end(self, recovery_intervals: int) -> datetime:
        """End of the recovery that follows."""
        return self.end + recovery_intervals * INTERVAL

    def target_kw(self, reference_peak_kw: float) -> float:
        """Response asked for in every interval."""
        if self.target_mw is not None:
            return self.target_mw * 1000.0
        assert self.target_percent is not None  # noqa: S101 - held by __post_init__
        return self.target_percent / 100.0 * reference_peak_kw


def reply_deadline(invited_at: datetime, start: datetime) -> datetime:
    """Until when invitations to an event starting at ``start`` may be answered.

    Half of the time that is left, at most ``LONGEST_REPLY``: baselines, plan, commands and the people on site need the
    other half. Never after the start; at once when that has passed.
    """
    left = max(start - invited_at, timedelta())
    return invited_at + min(LONGEST_REPLY, left / 2)
