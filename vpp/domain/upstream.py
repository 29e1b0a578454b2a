"""Calls of a higher-level platform, and what it is told of them.

Provincial platforms' interfaces are not public: this is the least that any of them must be able to say and hear. A call
becomes a draft like an operator's own; a person approves it or does not.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vpp.domain.errors import InputError
from vpp.domain.events import Declaration, Direction, EventKind
from vpp.domain.timegrid import format_instant

CALL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,47}")
PROGRAM_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
LONGEST_NODE_ID = 128
EVENT_PREFIX = "up-"
SPEAKER_PREFIX = "upstream:"


class CallStatus(StrEnum):
    """What a platform is told of its call; ``conflict``: the id stood for another call already, which stands."""

    RECEIVED = "received"
    REFUSED = "refused"
    CONFLICT = "conflict"
    APPROVED = "approved"
    CANCELLED = "cancelled"
    SETTLED = "settled"
    CERTIFIED = "certified"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCall:
    """One call: what is asked, over which window.

    Attributes:
        call_id: The platform's own, 1 to 48 letters, digits, dots, hyphens and underscores; means this call for ever.
        program_id: 1 to 64 lower-case letters, digits and hyphens.
        target_percent: Of the reference peak; exactly one of this and ``target_mw``.
        scope_node_id: Only below this node, 1 to 128 printable characters; ``None`` for the whole district.

    Raises:
        InputError: one of the ids is none; names it and the limit.
    """

    call_id: str
    program_id: str
    direction: Direction
    start: datetime
    end: datetime
    kind: EventKind = EventKind.ECONOMIC
    target_percent: float | None = None
    target_mw: float | None = None
    scope_node_id: str | None = None

    def __post_init__(self) -> None:
        if not CALL_ID.fullmatch(self.call_id):
            raise InputError(
                f"call id {self.call_id!r} must have 1 to 48 characters from A-Z a-z 0-9 . _ - and begin with a letter "
                "or digit"
            )
        if not PROGRAM_ID.fullmatch(self.program_id):
            raise InputError(
                f"program id {self.program_id!r:.80} must have 1 to 64 characters from a-z 0-9 - and begin with a "
                "letter or digit"
            )
        node_id = self.scope_node_id
        # Nodes have names of the grid's own, in any script. Lone surrogates and NUL are not printable either.
        if node_id is not None and not (1 <= len(node_id) <= LONGEST_NODE_ID and node_id.isprintable()):
            raise InputError(f"scope node id {node_id!r:.80} must have 1 to {LONGEST_NODE_ID} printable characters")

    @property
    def event_id(self) -> str:
        """The event that it becomes."""
        return EVENT_PREFIX + self.call_id

    def declaration(self, upstream: str) -> Declaration:
        """The draft that the call asks for.

        Raises:
            InputError: window or target is none that an event can have; names value and limit.
        """
        return Declaration(
            event_id=self.event_id,
            program_id=self.program_id,
            kind=self.kind,
            direction=self.direction,
            start=self.start,
            end=self.end,
            target_percent=self.target_percent,
            target_mw=self.target_mw,
            scope_node_id=self.scope_node_id,
            declared_by=SPEAKER_PREFIX + upstream,
        )

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over all that it says, the same however it was written down."""
        said = (
            self.call_id,
            self.program_id,
            self.kind.value,
            self.direction.value,
            format_instant(self.start),
            format_instant(self.end),
            repr(self.target_percent),
            repr(self.target_mw),
            self.scope_node_id or "",
        )
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Calls that came in together; they are given again until the whole delivery is taken.

    Attributes:
        ref: By which its receiver knows it, such as a file's name.
    """

    ref: str
    calls: tuple[UpstreamCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What became of a call.

    Attributes:
        at: When it became so.
        event_id: ``None`` for a call that became no event.
        message: Why, where there is a reason; empty otherwise.
    """

    call_id: str
    status: CallStatus
    at: datetime
    event_id: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One event interval, means in kW; responses are positive in the direction asked for.

    Attributes:
        response_kw: Baseline less reading, from readings of good quality only (*verified*).
    """

    start: datetime
    target_kw: float
    commanded_kw: float
    response_kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseCurve:
    """What an event has delivered so far.

    Attributes:
        final: Whether the event is settled and the figures will not change; provisional otherwise.
    """

    call_id: str
    event_id: str
    at: datetime
    final: bool
    points: tuple[CurvePoint, ...]

    @property
    def name(self) -> str:
        """``curve-<n>`` after the n-th interval, or ``curve-final``."""
        return "curve-final" if self.final else f"curve-{len(self.points)}"
