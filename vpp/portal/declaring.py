"""The form that declares an event: its defaults, and what the programme would say to the values as they stand.

The API decides; this only says it early, field by field, in the language of the page.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vpp.api.door import Door
from vpp.domain.events import LONGEST_EVENT_INTERVALS, Direction, EventKind, EventState
from vpp.domain.programs import Program
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, ceil_interval, floor_interval, trading_day
from vpp.portal.formats import field_instant, instant

AHEAD = timedelta(minutes=15)
LENGTH = timedelta(hours=1)
HOUR = timedelta(hours=1)
TARGET_PERCENT = "5"
MOST_PERCENT = 100.0
Flaw = tuple[str, dict[str, object]]
"""Key of a text and what fills its placeholders."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The form's values as text, as they were typed."""

    program_id: str
    kind: str
    direction: str
    start: str
    end: str
    target_percent: str
    target_mw: str
    scope_node_id: str

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """The window, if both ends are instants and whole intervals lie between them."""
        start, end = read_local(self.start), read_local(self.end)
        if start is None or end is None or end <= start or end - start > LONGEST_EVENT_INTERVALS * INTERVAL:
            return None
        return (start, end) if floor_interval(start) == start and floor_interval(end) == end else None

    def target_kw(self, peak_kw: float) -> float | None:
        """What is asked for per interval, if it can be read."""
        percent, megawatts = read_number(self.target_percent), read_number(self.target_mw)
        if megawatts is not None:
            return megawatts * 1000.0
        return None if percent is None else percent / 100.0 * peak_kw


def asked_of(query: Mapping[str, str], door: Door) -> Asked:
    """What the address asks for; what it leaves out has its default."""
    start = ceil_interval(door.clock.now() + AHEAD)
    programs = list(door.programs)
    given = "start" in query
    return Asked(
        program_id=query.get("program_id", _usual_program(door, programs)),
        kind=query.get("kind", EventKind.ECONOMIC.value),
        direction=query.get("direction", Direction.CURTAIL.value),
        start=query.get("start", field_instant(start)),
        end=query.get("end", "" if given else field_instant(start + LENGTH)),
        target_percent=query.get("target_percent", "" if query.get("target_mw") else TARGET_PERCENT),
        target_mw=query.get("target_mw", ""),
        scope_node_id=query.get("scope_node_id", ""),
    )


def _usual_program(door: Door, programs: list[str]) -> str:
    """That of the last event, else the first one that knows all it needs to pay."""
    for record in reversed(door.recorder.book.events.values()):
        return record.declaration.program_id
    complete = [p for p in programs if door.programs[p].payment.price_cny_per_kwh.value is not None]
    return (complete or programs or [""])[0]


def flaws_of(asked: Asked, door: Door) -> dict[str, Flaw]:
    """By field, what stands against declaring it."""
    program = door.programs.get(asked.program_id)
    found = _window_flaws(asked, door, program)
    if program is None:
        found["program_id"] = ("declare.flaw.program", {})
    elif asked.direction not in program.directions:
        found["direction"] = ("declare.flaw.direction", {})
    percent, megawatts = read_number(asked.target_percent), read_number(asked.target_mw)
    if (percent is None) == (megawatts is None):
        found["target_percent"] = ("declare.flaw.one_target", {})
    elif percent is not None and not 0 < percent <= MOST_PERCENT:
        found["target_percent"] = ("declare.flaw.percent", {"value": asked.target_percent})
    elif megawatts is not None and megawatts <= 0:
        found["target_mw"] = ("declare.flaw.megawatts", {"value": asked.target_mw})
    return found


def _window_flaws(asked: Asked, door: Door, program: Program | None) -> dict[str, Flaw]:
    start, end = read_local(asked.start), read_local(asked.end)
    flaw = _start_flaw(start, door.clock.now())
    if start is None or flaw is not None:
        return {"start": flaw} if flaw is not None else {}
    flaw = _end_flaw(start, end)
    if end is None or flaw is not None:
        return {"end": flaw} if flaw is not None else {}
    return {} if program is None else _limit_flaws(asked, door, program, (start, end))


def _start_flaw(start: datetime | None, now: datetime) -> Flaw | None:
    if start is None:
        return ("declare.flaw.no_start", {})
    if start <= now:
        return ("declare.flaw.past", {"now": instant(now)})
    return None if floor_interval(start) == start else ("declare.flaw.quarter", {})


def _end_flaw(start: datetime, end: datetime | None) -> Flaw | None:
    if end is None or end <= start:
        return ("declare.flaw.no_end", {})
    if floor_interval(end) != end:
        return ("declare.flaw.quarter", {})
    longest = LONGEST_EVENT_INTERVALS * INTERVAL
    return ("declare.flaw.too_long", {"hours": f"{longest / HOUR:g}"}) if end - start > longest else None


def _limit_flaws(asked: Asked, door: Door, program: Program, span: tuple[datetime, datetime]) -> dict[str, Flaw]:
    start, end = span
    limits, ahead_min = program.limits, (start - door.clock.now()).total_seconds() / 60
    notice, longest_h = limits.notice_minutes.value, limits.max_hours_per_event.value
    if notice is not None and asked.kind != EventKind.EMERGENCY.value and ahead_min < notice:
        return {"start": ("declare.flaw.notice", {"ahead": f"{ahead_min:.0f}", "notice": notice})}
    hours = (end - start) / HOUR
    if longest_h is not None and hours > longest_h:
        return {"end": ("declare.flaw.too_long", {"hours": f"{longest_h:g}"})}
    day = trading_day(start)
    same_day = sum(
        trading_day(record.declaration.start) == day and record.state is not EventState.CANCELLED
        for record in door.recorder.book.events.values()
    )
    most = limits.max_events_per_day.value
    if most is not None and same_day >= most:
        return {"start": ("declare.flaw.per_day", {"count": same_day, "most": most})}
    return {}


def read_local(text: str) -> datetime | None:
    """The instant of an ``<input type="datetime-local">``, which is Beijing time; ``None`` for anything else."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if local.tzinfo is not None else local.replace(tzinfo=DISTRICT_ZONE).astimezone(UTC)


def read_number(text: str) -> float | None:
    """A finite number, ``None`` for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
