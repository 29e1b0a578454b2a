"""What a participant gave, gets and draws: its statements, its contribution to an event, its load against baseline."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.errors import UnknownThingError
from vpp.domain.events import EventKind
from vpp.domain.flexibility import Series
from vpp.domain.outcome import commanded_kw
from vpp.domain.settlement import Statement
from vpp.domain.timegrid import INTERVAL_H, TimeGrid, day_grid, trading_day
from vpp.ports import Clock, MeterArchive
from vpp.services.event_figures import EventFigures
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

WH_PER_KWH = 1000.0
MINUTES_SHOWN = 45
MINUTE = timedelta(minutes=1)
Maybe = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A statement and how far it may be relied on.

    Attributes:
        provisional: The event goes on; nothing is owed yet.
        issued_sha256: Digest of all of the event's statements as recorded; ``None`` before settlement.
    """

    statement: Statement
    provisional: bool
    issued_sha256: str | None


@dataclass(frozen=True, slots=True)
class LoadView:
    """A participant's load on the present trading day, summed over its resources; kW.

    Attributes:
        interval_starts: The day's intervals.
        actual_kw: By register differences; ``None`` ahead, and where a meter is missing.
        baseline_kw: Frozen for ``event_id``, the event that runs, or else the day's latest; ``None`` without one.
        asked_kw: Response asked of it in that event.
        minute_starts: The latest minutes.
        minute_kw: Means of these; ``None`` where a meter is missing.
    """

    participant_id: str
    as_of: datetime
    event_id: str | None
    interval_starts: tuple[datetime, ...]
    actual_kw: Maybe
    baseline_kw: Maybe
    asked_kw: Maybe
    minute_starts: tuple[datetime, ...]
    minute_kw: Maybe


class Contributions:
    """Reads figures, book and archive; decides nothing."""

    def __init__(
        self, recorder: Recorder, registry: Registry, figures: EventFigures, archive: MeterArchive, clock: Clock
    ) -> None:
        self._recorder = recorder
        self._registry = registry
        self._figures = figures
        self._archive = archive
        self._clock = clock

    async def statements(self, event_id: str) -> list[StatementLine]:
        """Statements of everybody who was called; none before the baselines are frozen, and none for a drill.

        Raises:
            UnknownThingError: no such event.
            MissingFigureError: the programme lacks a figure.
        """
        record = self._recorder.book.event(event_id)
        if record.declaration.kind is EventKind.DRILL:
            return []
        accounts = await self._figures.accounts(event_id)
        issued = record.statements[-1].digest if record.statements else None
        found = accounts.statements if accounts else ()
        return [StatementLine(statement, record.live, issued) for statement in found]

    async def statement(self, event_id: str, participant_id: str) -> StatementLine:
        """One participant's, or ``UnknownThingError`` when it has none."""
        for line in await self.statements(event_id):
            if line.statement.participant_id == participant_id:
                return line
        raise UnknownThingError("statement", f"{event_id}/{participant_id}")

    async def load(self, participant_id: str) -> LoadView:
        """Today's load so far against the baseline, and the latest minutes.

        Raises:
            UnknownThingError: no such participant.
        """
        if participant_id not in self._registry.fleet.participants:
            raise UnknownThingError("participant", participant_id)
        meters = self._registry.fleet.by_participant.get(participant_id, ())
        now = self._clock.now()
        grid = day_grid(trading_day(now))
        energy = await self._archive.interval_energy(meters, grid)
        record = self._event_of_today(now)
        baseline = None if record is None else self._day_baseline_kw(record, meters, len(grid))
        last = now.replace(second=0, microsecond=0)
        minutes = [last - (MINUTES_SHOWN - i) * MINUTE for i in range(MINUTES_SHOWN)]
        return LoadView(
            participant_id=participant_id,
            as_of=now,
            event_id=None if record is None or baseline is None else record.declaration.event_id,
            interval_starts=tuple(grid),
            actual_kw=_maybe(energy.energy_wh.sum(axis=0) / WH_PER_KWH / INTERVAL_H) if meters else (None,) * len(grid),
            baseline_kw=(None,) * len(grid) if baseline is None else _maybe(baseline),
            asked_kw=(None,) * len(grid) if record is None or baseline is None else _asked(record, meters, grid),
            minute_starts=tuple(minutes),
            minute_kw=_maybe(await self._minutes_kw(meters, minutes)),
        )

    def _event_of_today(self, now: datetime) -> EventRecord | None:
        """The event that runs, or else the latest of the trading day with baselines."""
        today = [
            record
            for record in self._recorder.book.events.values()
            if record.baselines is not None and trading_day(record.declaration.start) == trading_day(now)
        ]
        running = [r for r in today if r.declaration.start <= now < r.declaration.recovery_end(1)]
        found = running or today
        return found[-1] if found else None

    @staticmethod
    def _day_baseline_kw(record: EventRecord, meters: tuple[str, ...], count: int) -> Series | None:
        days = record.baselines.day_baseline_kw if record.baselines else {}
        own = [np.asarray(days[meter]) for meter in meters if meter in days]
        return None if not own or len(own[0]) != count else np.asarray(np.sum(own, axis=0))

    async def _minutes_kw(self, meters: tuple[str, ...], minutes: list[datetime]) -> Series:
        column = {minute + MINUTE: i for i, minute in enumerate(minutes)}
        row = {meter: i for i, meter in enumerate(meters)}
        power = np.full((len(meters), len(minutes)), np.nan)
        for reading in await self._archive.readings(meters, minutes[0] + MINUTE, minutes[-1] + 2 * MINUTE):
            if reading.at in column:
                power[row[reading.meter_id], column[reading.at]] = reading.power_kw
        return np.asarray(power.sum(axis=0)) if len(meters) else np.full(len(minutes), np.nan)


def _asked(record: EventRecord, meters: tuple[str, ...], grid: TimeGrid) -> Maybe:
    values = np.zeros(len(grid))
    first = grid.index_of(record.declaration.start)
    for resource_id, asked in commanded_kw(record).items():
        if resource_id in meters:
            last = min(first + len(asked), len(grid))
            values[first:last] += asked[: last - first]
    return _maybe(values)


def _maybe(values: Series) -> Maybe:
    return tuple(float(x) if np.isfinite(x) else None for x in values)
