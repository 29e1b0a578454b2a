"""Past use of resources, read from the book: calls, event days, and hours curtailed of hours that could have been."""

from collections.abc import Iterable
from datetime import date

import numpy as np

from vpp.domain.book import EventRecord
from vpp.domain.events import EventState
from vpp.domain.outcome import MATERIAL_KW, commanded_kw
from vpp.domain.timegrid import INTERVAL, INTERVAL_H, trading_day
from vpp.domain.use_limits import Call, Season


def calls_by_resource(records: Iterable[EventRecord], *, but: str = "") -> dict[str, list[Call]]:
    """Calls of all events but ``but``, per resource, as far as they were or still are commanded."""
    found: dict[str, list[Call]] = {}
    for record in records:
        if record.declaration.event_id == but:
            continue
        start = record.grid.start
        for resource_id, asked in commanded_kw(record).items():
            at = np.flatnonzero(asked > MATERIAL_KW)
            if len(at):
                call = Call(start + int(at[0]) * INTERVAL, start + (int(at[-1]) + 1) * INTERVAL)
                found.setdefault(resource_id, []).append(call)
    return found


def event_days(records: Iterable[EventRecord]) -> list[date]:
    """Trading day of every event that was not cancelled, one entry per event, in order; drafts are no events yet."""
    return sorted(
        trading_day(record.declaration.start)
        for record in records
        if record.state not in {EventState.CANCELLED, EventState.DRAFT}
    )


def use_hours(records: Iterable[EventRecord], season: Season) -> tuple[dict[str, float], dict[str, float]]:
    """Hours curtailed, and hours of the events it was committed to, per resource committed in any of the season."""
    curtailed: dict[str, float] = {}
    capable: dict[str, float] = {}
    for record in records:
        if record.commitment is None or trading_day(record.declaration.start) not in season:
            continue
        for resource_id in record.commitment.resource_ids:
            capable[resource_id] = capable.get(resource_id, 0.0) + len(record.grid) * INTERVAL_H
        for resource_id, asked in commanded_kw(record).items():
            hours = float(np.count_nonzero(asked > MATERIAL_KW)) * INTERVAL_H
            curtailed[resource_id] = curtailed.get(resource_id, 0.0) + hours
    return curtailed, capable
