"""An event's figures as far as they are known: the five of the waterfall, live and final, and what one is paid.

Figures of a finished event are computed from raw readings once and kept; those of a live one are looked at again every
few minutes, and the running interval at every question.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.events import FINAL_STATES
from vpp.domain.flexibility import Series
from vpp.domain.outcome import acknowledged_kw, commanded_kw
from vpp.domain.settlement import Statement
from vpp.domain.timegrid import INTERVAL
from vpp.ports import Clock
from vpp.services.measuring import Measured
from vpp.services.recorder import Recorder
from vpp.services.settling import Settling
from vpp.services.tracking import Present, Tracking

KEPT_EVENTS = 16
LOOK_AGAIN = timedelta(minutes=5)
IN_STORE_AFTER = timedelta(minutes=2)
"""So long after an interval's end its last register is in the archive; until then the live picture is shown."""
MOMENT = timedelta(seconds=1)
Maybe = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Accounts:
    """What was measured of an event and what follows from it in money.

    Attributes:
        provisional: ``True`` until the event has ended.
    """

    measured: Measured
    statements: tuple[Statement, ...]
    provisional: bool


@dataclass(frozen=True, slots=True)
class WaterfallView:
    """The five figures per event interval; ``None`` stands where nothing has been metered yet.

    Attributes:
        phase: ``over``, ``running`` or ``ahead``, per interval.
        final: The event has ended: nothing will change any more.
        target_kw: ``None`` before approval.
    """

    event_id: str
    state: str
    as_of: datetime
    final: bool
    reference_peak_kw: float | None
    interval_starts: tuple[datetime, ...]
    phase: tuple[str, ...]
    target_kw: Maybe
    committed_kw: Maybe
    commanded_kw: Maybe
    acknowledged_kw: Maybe
    metered_kw: Maybe
    verified_kw: Maybe


class EventFigures:
    """Asks measuring, settling and tracking; keeps what is dear to compute."""

    def __init__(self, recorder: Recorder, settling: Settling, tracking: Tracking, clock: Clock) -> None:
        self._recorder = recorder
        self._settling = settling
        self._tracking = tracking
        self._clock = clock
        self._kept: OrderedDict[str, tuple[object, Accounts]] = OrderedDict()
        self._measuring = asyncio.Lock()

    async def accounts(self, event_id: str) -> Accounts | None:
        """Measured figures and statements; ``None`` before the baselines are frozen.

        Raises:
            UnknownThingError: no such event.
        """
        record = self._recorder.book.event(event_id)
        if record.baselines is None:
            return None
        async with self._measuring:
            key = self._key(record)
            kept = self._kept.get(event_id)
            if kept is None or kept[0] != key:
                measured = await self._settling.measure(event_id)
                statements = self._settling.statements_of(record, measured)
                kept = self._kept[event_id] = key, Accounts(measured, statements, record.live)
            self._kept.move_to_end(event_id)
            while len(self._kept) > KEPT_EVENTS:
                self._kept.popitem(last=False)
            return kept[1]

    def _key(self, record: EventRecord) -> object:
        """What the figures hang on: once the event has ended, on nothing that can still change."""
        if record.state in FINAL_STATES:
            return record.state
        stored = self._clock.now() - IN_STORE_AFTER
        return record.state, len(record.plans), stored.timestamp() // LOOK_AGAIN.total_seconds()

    async def waterfall(self, event_id: str) -> WaterfallView:
        """The five figures as far as they are known.

        Raises:
            UnknownThingError: no such event.
        """
        record = self._recorder.book.event(event_id)
        now = self._clock.now()
        accounts = await self.accounts(event_id)
        asked = commanded_kw(record)
        count = len(record.grid)
        commanded = np.sum(list(asked.values()), axis=0) if asked else np.zeros(count)
        metered, verified = _metered(record, accounts, now)
        for index, start in enumerate(record.grid):
            if start <= now and not _in_store(record, start, now):
                present = self._tracking.present(record, min(now, start + INTERVAL - MOMENT))
                if present is not None:
                    metered[index], verified[index] = present.metered_kw, present.verified_kw
        approved = record.reference_peak is not None
        return WaterfallView(
            event_id=event_id,
            state=record.state.value,
            as_of=now,
            final=record.state in FINAL_STATES,
            reference_peak_kw=record.reference_peak.reference_peak_kw if record.reference_peak else None,
            interval_starts=tuple(record.grid),
            phase=tuple(_phase(start, now) for start in record.grid),
            target_kw=_floats(record.target_kw) if approved else (None,) * count,
            committed_kw=_floats(Tracking.committed_kw(record)),
            commanded_kw=_floats(commanded),
            acknowledged_kw=_floats(acknowledged_kw(record, asked)),
            metered_kw=tuple(metered),
            verified_kw=tuple(verified),
        )

    def present(self, record: EventRecord, resource_ids: Collection[str] | None = None) -> Present | None:
        """The running interval's figures; of some resources only where they are given."""
        return self._tracking.present(record, self._clock.now(), resource_ids)


def _metered(
    record: EventRecord, accounts: Accounts | None, now: datetime
) -> tuple[list[float | None], list[float | None]]:
    """Metered and verified per interval; ``None`` for what is not over."""
    count = len(record.grid)
    if accounts is None:
        return [None] * count, [None] * count
    figures = accounts.measured.waterfall
    over = [_in_store(record, start, now) for start in record.grid]
    return (
        [float(kw) if done else None for kw, done in zip(figures.metered_kw, over, strict=True)],
        [float(kw) if done else None for kw, done in zip(figures.verified_kw, over, strict=True)],
    )


def _in_store(record: EventRecord, start: datetime, now: datetime) -> bool:
    """Whether the interval is over and all its registers have been stored."""
    return record.state in FINAL_STATES or start + INTERVAL + IN_STORE_AFTER <= now


def _phase(start: datetime, now: datetime) -> str:
    if now >= start + INTERVAL:
        return "over"
    return "running" if now >= start else "ahead"


def _floats(values: Series) -> Maybe:
    return tuple(float(x) for x in values)
