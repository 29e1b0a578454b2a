"""What must hold of an event however often its controller or gateways were killed on the way."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import numpy as np

from adapters.kit.store import Stream
from simulator.harness.assembly import EVENT_ID
from tests.e2e.field import MINUTE, Field, StoredRow, stored_rows
from tests.e2e.virtual_district import District, Life
from vpp.domain.book import Book, EventRecord
from vpp.domain.events import EventState
from vpp.domain.facts import ControllerStarted, ReadingsStored
from vpp.domain.timegrid import INTERVAL
from vpp.infra.store.archive import SqlMeterArchive


async def assert_sound(district: District, life: Life, left_behind: Sequence[Sequence[StoredRow]]) -> None:
    """The event is settled with its target met, no fact and no reading is lost, no device was moved twice."""
    # Ten seconds behind a minute its readings are stored; a late message may take a few more.
    now = district.clock.now() + 2 * MINUTE
    assert await district.run_until(now.replace(second=30, microsecond=0))
    record = life.controller.recorder.book.event(EVENT_ID)
    assert record.state is EventState.SETTLED
    measured = await life.controller.settling.measure(EVENT_ID)
    assert (measured.waterfall.verified_kw >= record.target_kw).all()
    report = await life.controller.views.report(EVENT_ID)
    assert set(report["invariants"].values()) == {"ok"}
    assert life.ledger.verify() is None
    rows = stored_rows(district.store)
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    for before in left_behind:
        assert rows[: len(before)] == before
    facts = [stored.fact async for stored in life.ledger.read()]
    epochs = [fact.epoch for fact in facts if isinstance(fact, ControllerStarted)]
    assert epochs == list(range(1, len(left_behind) + 2))
    counted = sum(fact.count for fact in facts if isinstance(fact, ReadingsStored))
    book = life.controller.recorder.book
    await assert_no_reading_lost(district, life.archive, counted)
    through = {g: store.next_seq(Stream.TELEMETRY) - 1 for g, store in district.gateway_stores.items()}
    assert book.telemetry_seq == through
    minutes = (district.clock.now() - district.scenario.window.start) // MINUTE
    resources = sum(len(installed.specs) for installed in district.installed.values())
    assert len(district.sent) == minutes * resources - district.readings_not_taken
    assert_no_ack_lost(district, book)
    assert_no_device_moved_twice(district, record)


async def assert_no_reading_lost(
    field: Field, archive: SqlMeterArchive, counted: int, through: datetime | None = None
) -> None:
    """What gateways sent, up to ``through``, is what the archive holds, each reading once.

    A fact may tell again of readings that lay behind a gap when the controller died.
    """
    window = field.scenario.window
    meters = [spec.id for installed in field.installed.values() for spec in installed.specs]
    kept = await archive.readings(meters, window.start, window.end + INTERVAL)
    assert len(kept) <= counted
    assert await archive.conflict_count() == 0
    stored = {(reading.meter_id, reading.at): reading for reading in kept if through is None or reading.at <= through}
    sent = {key: reading for key, reading in field.sent.items() if through is None or reading.at <= through}
    assert sorted(stored.keys() ^ sent.keys()) == []
    assert stored == sent


def assert_no_ack_lost(field: Field, book: Book) -> None:
    through = book.ack_seq
    kept = {g: store.next_seq(Stream.ACK) - 1 for g, store in field.gateway_stores.items()}
    assert {g: through.get(g, 0) for g in kept} == kept


def assert_no_device_moved_twice(field: Field, record: EventRecord) -> None:
    changes = field.plant.state_changes
    called = np.zeros(len(changes), dtype=bool)
    for resource_id in record.commands:
        rows = field.rows_of(resource_id)
        called[rows] = True
        allowed = allowed_changes(field, record, resource_id)
        worst = int(changes[rows].max())
        assert worst <= allowed, (
            f"{resource_id}: a device changed {worst} times, {allowed} are accounted for; "
            f"{[(i.command.command_id, i.issued_at, i.command.setpoints_kw) for i in record.commands[resource_id]]}, "
            f"{field.writes_of(resource_id, int(rows[changes[rows].argmax()] - rows[0]))}"
        )
    assert not changes[~called].any()


def allowed_changes(field: Field, record: EventRecord, resource_id: str) -> int:
    """How often a device of the resource may change at most.

    Once for every step of a schedule that was in force (a command and one of its setpoints), once for the release,
    and for a pile once for every minute in which a car came to or left its station. A command is in force until the
    next one has arrived, which may take it a scaled minute.
    """
    history = sorted(record.commands[resource_id], key=lambda issued: issued.command.order)
    begins = [max(issued.issued_at, issued.command.valid_from) for issued in history]
    steps = 0
    for number, issued in enumerate(history):
        command = issued.command
        until = min([begin + MINUTE for begin in begins[number + 1 :]], default=command.expires_at)
        first, last = (
            min(max((instant - command.schedule_start) // INTERVAL, 0), len(command.setpoints_kw) - 1)
            for instant in (begins[number], until)
        )
        steps += max(last - first, 0) + 1
    return steps + 1 + _car_changes(field, resource_id)


def _car_changes(field: Field, resource_id: str) -> int:
    installed = field.installed_with(resource_id)
    spec = next(spec for spec in installed.specs if spec.id == resource_id)
    seen = [mask[spec.devices] for mask in field.drivers[installed.gateway_id].plugged]
    return sum(bool((before != after).any()) for before, after in pairwise(seen))
