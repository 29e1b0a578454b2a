"""The work of ``vpp baseline``: files and words in, a file of baselines and a summary out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from vpp.domain.baseline import AVERAGING, BaselineMethod, BaselineRule, BaselineTable, Insufficient, estimate_baselines
from vpp.domain.baseline_adjustment import AdjustmentKind, AdjustmentRule
from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours
from vpp.domain.timegrid import DISTRICT_ZONE, parse_instant
from vpp.domain.working_days import WorkingDays, days_between, weekends_only
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.meter_files import MeterReadings, history_of, local_starts, read_meters, write_baselines


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was told, in its words.

    Attributes:
        cap_fraction: Largest adjustment as a fraction; ``None`` for no cap.
        window_h: Length of the adjustment window, in hours.
        gap_h: Time between window and event, in hours.
    """

    method: str
    event_start: str
    event_end: str
    timezone: str
    holidays: Path | None
    exclude_days: Path | None
    adjustment: str
    cap_fraction: float | None
    window_h: float
    gap_h: float


@dataclass(frozen=True, slots=True)
class _Request:
    start: datetime
    end: datetime
    zone: ZoneInfo
    rule: BaselineRule
    holidays: tuple[date, ...] | None
    excluded_days: tuple[date, ...]


def baselines_of_file(asked: Asked, meters: Path, out: Path, *, as_json: bool) -> str:
    """Writes the baselines of ``meters`` to ``out`` and gives a summary for people, or as JSON.

    Raises:
        InputError: an option or a file cannot be used; nothing was written.
    """
    request = _request(asked)
    readings = read_meters(meters)
    starts = _event_starts(request, readings)
    table = _estimate(request, readings, starts)
    write_baselines(out, table.meter_ids, starts, table.kw, table.sufficient)
    return _summary(table, readings, request, as_json=as_json)


def _request(asked: Asked) -> _Request:
    adjustment = AdjustmentRule(_adjustment(asked.adjustment), asked.cap_fraction, asked.window_h, asked.gap_h)
    return _Request(
        parse_instant(asked.event_start),
        parse_instant(asked.event_end),
        _zone(asked.timezone),
        BaselineRule(_method(asked.method), adjustment),
        None if asked.holidays is None else read_dates(asked.holidays),
        () if asked.exclude_days is None else read_dates(asked.exclude_days),
    )


def read_dates(path: Path) -> tuple[date, ...]:
    """Dates of ``path``, one ``YYYY-MM-DD`` per line; empty lines and what follows a ``#`` are skipped.

    Raises:
        InputError: the file cannot be read or a line is no date; names file, line and value.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    dates: list[date] = []
    for number, line in enumerate(lines, start=1):
        text = line.split("#", 1)[0].strip()
        if not text:
            continue
        try:
            dates.append(date.fromisoformat(text))
        except ValueError:
            raise InputError(f"{path}: line {number}: {text!r} is not a date, expected YYYY-MM-DD") from None
    return tuple(dates)


def _method(name: str) -> BaselineMethod:
    known = [method.value for method in AVERAGING]
    if name not in known:
        raise InputError(f"--method {name!r} is not known, expected one of: {', '.join(known)}")
    return BaselineMethod(name)


def _adjustment(name: str) -> AdjustmentKind:
    known = [kind.value for kind in AdjustmentKind]
    if name not in known:
        raise InputError(f"--adjustment {name!r} is not known, expected one of: {', '.join(known)}")
    return AdjustmentKind(name)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(f"--timezone {name!r} is not known, expected an IANA name such as Asia/Shanghai") from None


def _event_starts(request: _Request, readings: MeterReadings) -> tuple[datetime, ...]:
    if request.end <= request.start:
        raise InputError(
            f"--event-end {request.end.isoformat()} is not after --event-start {request.start.isoformat()}"
        )
    step = timedelta(minutes=readings.step_minutes)
    first, last = request.start.astimezone(request.zone), (request.end - step).astimezone(request.zone)
    whole = (request.end - request.start) % step == timedelta(0)
    if not whole or (first.hour * 60 + first.minute) % readings.step_minutes or first.second or first.microsecond:
        raise InputError(
            f"event {request.start.isoformat()} to {request.end.isoformat()} is not made of whole "
            f"{readings.step_minutes}-minute intervals, the step of {readings.file}"
        )
    if first.date() != last.date():
        raise InputError(
            f"event passes midnight in {request.zone.key} ({first.date()} to {last.date()}): "
            "ask for each day's part apart"
        )
    return local_starts(request.start, request.end, readings.step_minutes, request.zone)


def _estimate(request: _Request, readings: MeterReadings, starts: Sequence[datetime]) -> BaselineTable:
    history = history_of(readings, request.zone, excluded_days=request.excluded_days)
    day = starts[0].date()
    minutes = np.array([start.hour * 60 + start.minute for start in starts], dtype=np.intp)
    event = EventHours(day, minutes // readings.step_minutes)
    calendar = _calendar(request, days_between(min(day, history.days[0]), max(day, history.days[-1])))
    return estimate_baselines(history, calendar, event, request.rule)


def _calendar(request: _Request, days: Sequence[date]) -> WorkingDays:
    if request.holidays is not None:
        return weekends_only(days, request.holidays)
    if request.zone.key == DISTRICT_ZONE.key:
        return chinese_working_days(days)
    return weekends_only(days)


def _summary(table: BaselineTable, readings: MeterReadings, request: _Request, *, as_json: bool) -> str:
    total = len(table.meter_ids)
    good = int(table.sufficient.sum())
    if not as_json:
        lines = [
            f"{good} of {total} sites have a baseline ({table.rule.method}, adjustment {request.rule.adjustment.kind})"
        ]
        return "\n".join([*lines, *table.findings])
    insufficient = {
        site: outcome.reason
        for site, outcome in zip(table.meter_ids, table, strict=True)
        if isinstance(outcome, Insufficient)
    }
    return json.dumps(
        {
            "method": table.rule.method,
            "adjustment": request.rule.adjustment.kind,
            "cap_fraction": request.rule.adjustment.cap_fraction,
            "event_day": table.event.day.isoformat(),
            "step_minutes": readings.step_minutes,
            "sites": total,
            "sufficient": good,
            "insufficient": insufficient,
            "missing_rows": readings.missing_rows,
            "repeated_rows": readings.repeated_rows,
            "findings": list(table.findings),
        },
        ensure_ascii=False,
        indent=2,
    )
