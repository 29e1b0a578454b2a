"""Readings, frozen baselines and the export of a participant's energy data, which others get with its consent only."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from vpp.domain.access import Principal
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import ForbiddenError, InputError, UnknownThingError
from vpp.domain.facts import BaselinesFrozen
from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import TimeGrid, format_instant
from vpp.ports import Clock, MeterArchive
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

READINGS_MOST = timedelta(hours=24)
EXPORT_MOST = timedelta(days=31)
EXPORT_MOST_ROWS = 50_000
WH_PER_KWH = 1000
QUARTER = Decimal("0.25")
COLUMNS = ("participant_id", "resource_id", "interval_start", "energy_kwh", "baseline_kwh", "event_id")


@dataclass(frozen=True, slots=True)
class BaselineLine:
    """One resource's frozen baseline over an event and its recovery.

    Attributes:
        method: ``None`` where no sufficient baseline could be formed; ``findings`` say why.
    """

    event_id: str
    resource_id: str
    participant_id: str
    frozen_at: datetime
    method: str | None
    findings: tuple[str, ...]
    interval_starts: tuple[datetime, ...]
    baseline_kw: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """One resource and interval.

    Attributes:
        energy_kwh: Exact register difference; ``None`` where the meter has no good pair of registers.
        baseline_kwh: Of the event in whose window or recovery the interval lies.
    """

    participant_id: str
    resource_id: str
    interval_start: datetime
    energy_kwh: Decimal | None
    baseline_kwh: Decimal | None
    event_id: str | None


class EnergyData:
    """Reads archive and book; refuses what nobody consented to."""

    def __init__(self, recorder: Recorder, registry: Registry, archive: MeterArchive, clock: Clock) -> None:
        self._recorder = recorder
        self._registry = registry
        self._archive = archive
        self._clock = clock

    async def readings(self, resource_id: str, start: datetime, end: datetime) -> list[Reading]:
        """One resource's readings in ``[start, end)``, oldest first.

        Raises:
            UnknownThingError: no such resource.
            InputError: the window is empty or longer than a day.
        """
        self._registry.fleet.resource(resource_id)
        _require_window(start, end, READINGS_MOST)
        return await self._archive.readings([resource_id], start, end)

    def baselines(self, event_id: str) -> list[BaselineLine]:
        """Baselines of an event in order of registration; empty before they are frozen.

        Raises:
            UnknownThingError: no such event.
        """
        frozen = self._recorder.book.event(event_id).baselines
        if frozen is None:
            return []
        fleet = self._registry.fleet
        known = frozen.baseline_kw.keys() | frozen.findings.keys()
        return [
            self._baseline(event_id, frozen, resource_id) for resource_id in fleet.resources if resource_id in known
        ]

    def _baseline(self, event_id: str, frozen: BaselinesFrozen, resource_id: str) -> BaselineLine:
        values = frozen.baseline_kw.get(resource_id, ())
        return BaselineLine(
            event_id=event_id,
            resource_id=resource_id,
            participant_id=self._registry.fleet.participant_of(resource_id).id,
            frozen_at=frozen.at,
            method=frozen.methods.get(resource_id),
            findings=frozen.findings.get(resource_id, ()),
            interval_starts=tuple(TimeGrid(frozen.grid_start, len(values))),
            baseline_kw=values,
        )

    def require_consent(self, principal: Principal, participant_id: str) -> None:
        """Nothing, or a refusal unless the data is the principal's own or its owner consents to its export.

        Raises:
            UnknownThingError: no such participant.
            ForbiddenError: no consent is on record.
        """
        if participant_id not in self._registry.fleet.participants:
            raise UnknownThingError("participant", participant_id)
        if principal.participant_id == participant_id:
            return
        if (participant_id, ConsentScope.ENERGY_DATA) not in self._recorder.book.consents:
            raise ForbiddenError(
                f"participant {participant_id!r} has given no consent {ConsentScope.ENERGY_DATA.value!r}; "
                "without it nobody else may export its energy data"
            )

    async def export(self, participant_id: str, grid: TimeGrid) -> list[EnergyRow]:
        """Metered energy of all of a participant's resources, resource by resource, with baselines of its events.

        Raises:
            InputError: the window is empty, longer than 31 days, or has too many rows.
        """
        _require_window(grid.start, grid.end, EXPORT_MOST)
        meters = self._registry.fleet.by_participant.get(participant_id, ())
        if len(meters) * len(grid) > EXPORT_MOST_ROWS:
            raise InputError(
                f"{len(meters)} resources over {len(grid)} intervals are {len(meters) * len(grid)} rows; "
                f"at most {EXPORT_MOST_ROWS} can be exported at once"
            )
        energy = await self._archive.interval_energy(meters, grid)
        past = self._clock.now()
        rows: list[EnergyRow] = []
        for row, meter in enumerate(meters):
            baselines = self._baselines_of(meter, grid)
            for at, start in enumerate(grid):
                if start >= past:
                    break
                wh = energy.energy_wh[row, at]
                baseline_kwh, event_id = baselines.get(at, (None, None))
                kwh = Decimal(int(wh)) / WH_PER_KWH if np.isfinite(wh) else None
                rows.append(EnergyRow(participant_id, meter, start, kwh, baseline_kwh, event_id))
        return rows

    def _baselines_of(self, meter: str, grid: TimeGrid) -> dict[int, tuple[Decimal, str]]:
        """By index in ``grid``; a later event's baseline stands where two overlap."""
        found: dict[int, tuple[Decimal, str]] = {}
        for event_id, record in self._recorder.book.events.items():
            frozen = record.baselines
            values = frozen.baseline_kw.get(meter) if frozen else None
            if frozen is None or values is None:
                continue
            first = grid.index_of(frozen.grid_start)
            for at, kw in enumerate(values, start=first):
                if 0 <= at < len(grid):
                    found[at] = Decimal(round(kw * 1000)) / 1000 * QUARTER, event_id
        return found


def energy_csv(rows: Sequence[EnergyRow]) -> str:
    """The rows as CSV (RFC 4180) with a header; instants in UTC, an empty cell where nothing is known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(
            (
                _cell(row.participant_id),
                _cell(row.resource_id),
                format_instant(row.interval_start),
                "" if row.energy_kwh is None else f"{row.energy_kwh:f}",
                "" if row.baseline_kwh is None else f"{row.baseline_kwh:f}",
                _cell(row.event_id or ""),
            )
        )
    return text.getvalue()


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _require_window(start: datetime, end: datetime, most: timedelta) -> None:
    if not timedelta() < end - start <= most:
        raise InputError(
            f"window {format_instant(start)} to {format_instant(end)} must be longer than 0 and at most "
            f"{most.total_seconds() / 3600:g} h"
        )
