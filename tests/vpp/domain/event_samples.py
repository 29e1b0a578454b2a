"""An event of one hour on the sample fleet, brought to any point of its life by facts alone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from vpp.domain.book import Book, EventRecord
from vpp.domain.commands import AckState, Command, CommandMode
from vpp.domain.events import Declaration, Direction, EventKind, EventStep
from vpp.domain.facts import (
    AckEntry,
    BaselinesFrozen,
    CommandsAcked,
    CommandsIssued,
    ControllerStarted,
    EventAdvanced,
    EventApproved,
    EventCommitted,
    EventDeclared,
    Fact,
    ParticipantsInvited,
    PlanIssued,
)
from vpp.domain.timegrid import INTERVAL

START = datetime(2026, 7, 22, 6, tzinfo=UTC)
END = START + 4 * INTERVAL
EARLY = START - timedelta(hours=2)
EVENT = "event-1"


def sample_declaration(**changes: object) -> Declaration:
    values: dict[str, object] = {
        "event_id": EVENT,
        "program_id": "sample",
        "kind": EventKind.ECONOMIC,
        "direction": Direction.CURTAIL,
        "start": START,
        "end": END,
        "target_percent": 5.0,
    }
    return Declaration(**(values | changes))  # type: ignore[arg-type]


def declared(
    kind: EventKind = EventKind.ECONOMIC, at: datetime = EARLY, direction: Direction = Direction.CURTAIL
) -> EventDeclared:
    return EventDeclared(
        at=at,
        event_id=EVENT,
        program_id="sample",
        kind=kind,
        direction=direction,
        start=START,
        end=END,
        target_percent=5.0,
        target_mw=None,
        scope_node_id=None,
        declared_by="operator",
    )


def approved(target_kw: float = 50.0) -> EventApproved:
    return EventApproved(
        at=EARLY,
        event_id=EVENT,
        reference_peak_kw=1_000.0,
        reference_peak_source="a test",
        reference_peak_date=date(2026, 7, 1),
        target_kw=(target_kw,) * 4,
    )


def invited(participants: Sequence[str] = ("factory", "mall", "store")) -> ParticipantsInvited:
    return ParticipantsInvited(
        at=EARLY, event_id=EVENT, participant_ids=tuple(participants), reply_by=EARLY + timedelta(minutes=25)
    )


def committed(resources: Sequence[str] = ("line-1", "line-2", "cool-1", "bat-1")) -> EventCommitted:
    return EventCommitted(at=EARLY, event_id=EVENT, resource_ids=tuple(resources), skipped={})


def frozen(baseline_kw: Mapping[str, Sequence[float]]) -> BaselinesFrozen:
    return BaselinesFrozen(
        at=EARLY,
        event_id=EVENT,
        grid_start=START,
        baseline_kw={r: tuple(kw) for r, kw in baseline_kw.items()},
        methods=dict.fromkeys(baseline_kw, "last5_normal_days none"),
        findings={},
        placebo={},
        day_baseline_kw={r: (max(kw),) * 96 for r, kw in baseline_kw.items()},
    )


def advanced(step: EventStep, at: datetime = START) -> EventAdvanced:
    return EventAdvanced(at=at, event_id=EVENT, step=step)


def planned(
    response_kw: Mapping[str, Sequence[float]], revision: int = 1, first: datetime = START, at: datetime = EARLY
) -> PlanIssued:
    count = (END - first) // INTERVAL
    return PlanIssued(
        at=at,
        event_id=EVENT,
        revision=revision,
        reason="a test",
        first_interval=first,
        response_kw={r: tuple(kw) for r, kw in response_kw.items()},
        forecast_kw={},
        aim_kw=(53.0,) * count,
        margin_kw=3.0,
        expected_kw=(53.0,) * count,
        offered_kw=(100.0,) * count,
        shortfall_kw=(0.0,) * count,
        binding=(),
        reasons={},
        outcome="planned",
        source="exact",
        status="Optimal",
        gap=0.0,
        before_kw=None,
        wall_s=0.1,
    )


def sample_command(
    resource_id: str,
    sequence: int,
    setpoints_kw: Sequence[float],
    forecast_kw: Sequence[float],
    *,
    first: datetime = START,
    mode: CommandMode = CommandMode.AT_MOST,
) -> Command:
    return Command(
        command_id=f"c{sequence}",
        event_id=EVENT,
        plan_revision=1,
        epoch=1,
        sequence=sequence,
        resource_id=resource_id,
        mode=mode,
        schedule_start=first,
        setpoints_kw=tuple(setpoints_kw),
        assumed_forecast_kw=tuple(forecast_kw),
        valid_from=first,
        expires_at=END,
        release_after_s=0.0,
    )


def issued(*commands: Command, gateway_id: str = "gw-1", at: datetime = EARLY) -> CommandsIssued:
    return CommandsIssued(at=at, event_id=EVENT, gateway_id=gateway_id, commands=commands)


def acked(seq: int, *acks: tuple[str, str, AckState], gateway_id: str = "gw-1") -> CommandsAcked:
    entries = tuple(AckEntry(command_id, resource_id, state) for command_id, resource_id, state in acks)
    return CommandsAcked(at=START, event_id=EVENT, gateway_id=gateway_id, seq=seq, acks=entries)


def committed_facts(kind: EventKind = EventKind.ECONOMIC, direction: Direction = Direction.CURTAIL) -> list[Fact]:
    first: list[Fact] = [ControllerStarted(at=EARLY, epoch=1), declared(kind, direction=direction), approved()]
    return [*first, *([] if kind is EventKind.EMERGENCY else [invited()]), committed()]


def record_of(
    *more: Fact, kind: EventKind = EventKind.ECONOMIC, direction: Direction = Direction.CURTAIL
) -> EventRecord:
    """A committed event, and what happened then."""
    return Book.replay([*committed_facts(kind, direction), *more]).event(EVENT)
