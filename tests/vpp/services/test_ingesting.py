"""Telemetry and acks on their way in: nothing is confirmed before it is on disk, nothing bad stops the rest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.vpp.domain.event_samples import EARLY, END, EVENT, START, committed_facts, issued, sample_command
from tests.vpp.services.service_rig import GATEWAY_START, MINUTE, Rig, minute_readings, offer, virtual
from vpp.domain.commands import AckState
from vpp.domain.errors import StoreError
from vpp.domain.facts import AckEntry, Fact, ReadingsStored
from vpp.domain.telemetry import Quality, Reading
from vpp.services.ingesting import readings_digest

POWER = {"line-1": 90.0, "line-2": 70.0}


async def facts_of(rig: Rig) -> list[Fact]:
    return [stored.fact async for stored in rig.ledger.read()]


def minute(number: int, **changes: float) -> list[Reading]:
    return minute_readings(EARLY + (number - 120) * MINUTE, POWER | changes)


async def with_commands() -> Rig:
    rig = Rig()
    for fact in [
        *committed_facts(),
        issued(sample_command("line-1", 1, [60.0] * 4, [100.0] * 4), sample_command("line-2", 2, [60.0], [80.0])),
        issued(sample_command("cool-1", 3, [60.0], [100.0]), gateway_id="gw-2"),
    ]:
        await rig.recorder.record(fact)
    return rig


def ack(number: int, resource_id: str, state: AckState = AckState.APPLIED) -> AckEntry:
    return AckEntry(f"c{number}", resource_id, state)


@virtual
async def test_flush__stores_records_then_confirms() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.on_telemetry("gw-1", 2, minute(2))
    assert rig.gateways.confirmed == []

    assert await rig.ingest.flush() == 4

    (fact,) = await facts_of(rig)
    assert isinstance(fact, ReadingsStored)
    assert (fact.through_seq, fact.count) == ({"gw-1": 2}, 4)
    assert fact.digest == readings_digest([*minute(1), *minute(2)])
    assert rig.gateways.confirmed == [("gw-1", {"through_seq": 2})]
    assert await rig.ingest.flush() == 0


@virtual
async def test_on_telemetry__duplicates_are_confirmed_again_and_change_nothing() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.flush()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.flush()

    assert rig.metrics.total("telemetry_duplicates") == 2
    assert len(await facts_of(rig)) == 1
    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 1})


@virtual
async def test_flush__a_gap_is_asked_for_once_and_then_filled() -> None:
    rig = Rig()
    for seq in (1, 3, 4):
        await rig.ingest.on_telemetry("gw-1", seq, minute(seq))
    await rig.ingest.flush()
    await rig.ingest.on_telemetry("gw-1", 5, minute(5))
    await rig.ingest.flush()
    assert rig.gateways.confirmed == [
        ("gw-1", {"through_seq": 1, "resend_from": 2}),
        ("gw-1", {"through_seq": 1}),
    ]

    await rig.ingest.on_telemetry("gw-1", 2, minute(2))
    await rig.ingest.flush()

    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 5})
    assert len(await rig.archive.readings(["line-1"], EARLY - timedelta(days=1), END)) == 5


@virtual
async def test_flush__a_lost_question_is_put_again() -> None:
    rig = Rig()
    for seq in (1, 3):
        await rig.ingest.on_telemetry("gw-1", seq, minute(seq))
    await rig.ingest.flush()
    await rig.clock.sleep_until(EARLY + timedelta(minutes=2))
    await rig.ingest.on_telemetry("gw-1", 4, minute(4))
    await rig.ingest.flush()

    assert [said.get("resend_from") for _, said in rig.gateways.confirmed] == [2, 2]


@virtual
async def test_on_not_kept__a_gap_that_nobody_can_fill_is_written_off() -> None:
    rig = Rig()
    for seq in (1, 5, 6):
        await rig.ingest.on_telemetry("gw-1", seq, minute(seq))
    await rig.ingest.flush()
    await rig.ingest.on_not_kept("gw-1", telemetry_through=4, ack_through=None)
    await rig.ingest.on_telemetry("gw-1", 7, minute(7))
    await rig.ingest.flush()

    assert rig.metrics.total("telemetry_lost") == 3
    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 7})


@virtual
async def test_on_telemetry__strangers_and_their_resources_are_refused_by_name() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-9", 1, minute(1))
    await rig.ingest.on_telemetry("gw-2", 1, minute(1))
    await rig.ingest.on_telemetry("gw-1", 1, [*minute(1), Reading("line-7", EARLY, 1.0, 0)])
    await rig.ingest.flush()

    assert rig.rejections() == [
        "unknown gateway 'gw-9'",
        "unknown resource 'line-1'",
        "unknown resource 'line-2'",
        "unknown resource 'line-7'",
    ]
    assert rig.metrics.total("messages_rejected") == 4
    assert rig.metrics.total("readings_stored") == 2


@virtual
async def test_on_telemetry__one_bad_instant_does_not_hold_up_the_others() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, [Reading("line-1", EARLY + timedelta(milliseconds=500), 1.0, 0)])
    await rig.ingest.on_telemetry("gw-1", 2, [Reading("line-1", EARLY + timedelta(hours=5), 1.0, 0)])
    await rig.ingest.on_telemetry("gw-1", 3, minute(3))
    assert await rig.ingest.flush() == 2

    assert rig.rejections() == [
        "reading of 'line-1' at 2026-07-22T04:00:00.500000Z is not on a whole second",
        "reading of 'line-1' at 2026-07-22T09:00:00Z lies more than 120 s ahead of now (2026-07-22T04:00:00Z)",
    ]
    assert rig.gateways.confirmed == [("gw-1", {"through_seq": 3})]
    assert rig.ingest.live.latest == EARLY - 117 * MINUTE


@virtual
async def test_on_telemetry__a_message_without_a_reading_of_ours_says_nothing_of_when_it_was_heard() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute_readings(EARLY, {"stranger": 1.0}))
    assert rig.ingest.heard == {}

    await rig.ingest.on_telemetry("gw-1", 2, minute(1))
    assert rig.ingest.heard == {"gw-1": minute(1)[0].at}


@virtual
async def test_flush__failure_of_the_archive_keeps_the_batch() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    rig.archive.broken = True
    with pytest.raises(StoreError, match="the disk is full"):
        await rig.ingest.flush()
    assert (await facts_of(rig), rig.gateways.confirmed) == ([], [])

    rig.archive.broken = False
    await rig.ingest.on_telemetry("gw-1", 2, minute(2))
    assert await rig.ingest.flush() == 4
    assert rig.gateways.confirmed == [("gw-1", {"through_seq": 2})]


@virtual
async def test_on_telemetry__beyond_what_may_wait_is_asked_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vpp.services.ingesting.MOST_PENDING", 1)
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.on_telemetry("gw-1", 2, minute(2))
    assert rig.metrics.total("telemetry_put_off") == 1
    assert await rig.ingest.flush() == 2

    await rig.ingest.on_telemetry("gw-1", 3, minute(3))
    await rig.ingest.flush()

    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 1, "resend_from": 2})


@virtual
async def test_flush__failure_of_the_ledger_keeps_the_batch() -> None:
    rig = Rig()
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    rig.ledger.close()
    rig.ledger._position = 0
    with rig.ledger._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS fact")
    with pytest.raises(StoreError):
        await rig.ingest.flush()

    assert len(rig.ingest._pending) == 1
    assert rig.gateways.confirmed == []


def test_readings_digest__one_altered_reading_changes_it() -> None:
    readings = minute(1)
    digest = readings_digest(readings)

    assert readings_digest(readings[::-1]) == digest
    for altered in (
        replace(readings[0], power_kw=90.000001),
        replace(readings[0], register_wh=readings[0].register_wh + 1),
        replace(readings[0], quality=Quality.SUSPECT),
        replace(readings[0], at=readings[0].at + MINUTE),
        replace(readings[0], meter_id="line-3"),
    ):
        assert readings_digest([altered, readings[1]]) != digest


@virtual
async def test_log_hash__one_altered_reading_changes_it() -> None:
    hashes = []
    for power in (90.0, 90.0, 90.000001):
        rig = Rig()
        await rig.ingest.on_telemetry("gw-1", 1, minute(1, **{"line-1": power}))
        await rig.ingest.flush()
        hashes.append(await rig.ledger.log_hash())

    assert hashes[0] == hashes[1] != hashes[2]


@virtual
async def test_on_acks__move_commands_on_and_are_confirmed() -> None:
    rig = await with_commands()
    await rig.ingest.on_acks("gw-1", 1, [ack(1, "line-1", AckState.RECEIVED), ack(1, "line-1"), ack(2, "line-2")])

    assert {r: history[-1].state for r, history in rig.event.commands.items()} == {
        "line-1": AckState.APPLIED,
        "line-2": AckState.APPLIED,
        "cool-1": None,
    }
    assert rig.gateways.confirmed == [("gw-1", {"ack_through_seq": 1})]


@virtual
async def test_on_acks__the_same_stage_twice_in_one_message_is_taken_once() -> None:
    rig = await with_commands()
    await rig.ingest.on_acks("gw-1", 1, [ack(1, "line-1"), ack(1, "line-1"), ack(1, "line-1", AckState.RECEIVED)])

    again = Rig(ledger=rig.ledger)
    await again.recorder.replay()
    assert again.recorder.book == rig.recorder.book
    assert again.event.commands["line-1"][0].state is AckState.APPLIED


@virtual
async def test_on_acks__behind_a_gap_are_asked_for_again() -> None:
    rig = await with_commands()
    await rig.ingest.on_acks("gw-1", 2, [ack(2, "line-2")])
    assert rig.gateways.confirmed == [("gw-1", {"ack_through_seq": 0, "ack_resend_from": 1})]
    assert rig.event.commands["line-2"][0].applied is False

    await rig.ingest.on_acks("gw-1", 1, [ack(1, "line-1")])
    await rig.ingest.on_acks("gw-1", 2, [ack(2, "line-2")])
    await rig.ingest.on_acks("gw-1", 2, [ack(2, "line-2")])

    assert rig.event.commands["line-2"][0].state is AckState.APPLIED
    assert rig.metrics.total("ack_duplicates") == 1
    assert rig.gateways.confirmed[1:] == [("gw-1", {"ack_through_seq": seq}) for seq in (1, 2, 2)]


@virtual
async def test_on_acks__a_lost_gap_is_written_off() -> None:
    rig = await with_commands()
    await rig.ingest.on_not_kept("gw-1", telemetry_through=None, ack_through=4)
    await rig.ingest.on_acks("gw-1", 5, [ack(1, "line-1")])

    assert rig.metrics.total("ack_messages_lost") == 1
    assert rig.event.commands["line-1"][0].state is AckState.APPLIED


@virtual
async def test_on_acks__of_others_commands_are_refused() -> None:
    rig = await with_commands()
    await rig.ingest.on_acks("gw-2", 1, [ack(1, "line-1"), ack(9, "cool-1"), ack(3, "clinic-1")])

    assert rig.rejections() == [
        "command 'c1' was not issued to it",
        "command 'c9' was not issued to it",
        "command 'c3' was not issued to it",
    ]
    assert rig.event.commands["line-1"][0].state is None
    assert rig.recorder.book.ack_seq == {"gw-2": 1}


@virtual
async def test_on_birth__strangers_are_refused_by_name() -> None:
    rig = Rig()
    await rig.ingest.on_birth("gw-9", [], GATEWAY_START)
    await rig.ingest.on_birth("gw-1", ["line-1", "line-2", "line-8"], GATEWAY_START)

    assert rig.rejections() == ["unknown gateway 'gw-9'", "unknown resource 'line-8'"]


@virtual
async def test_on_birth__a_kept_birth_said_again_resets_nothing() -> None:
    rig = Rig()
    await rig.ingest.on_birth("gw-1", list(POWER), GATEWAY_START)
    for seq in (1, 2, 3):
        await rig.ingest.on_telemetry("gw-1", seq, minute(seq))
    await rig.ingest.flush()

    again = Rig(ledger=rig.ledger)
    await again.recorder.replay()
    await again.ingest.resume()
    await again.ingest.on_birth("gw-1", list(POWER), GATEWAY_START)
    await again.ingest.on_telemetry("gw-1", 4, minute(4))
    await again.ingest.flush()

    assert again.metrics.total("gateway_disks_lost") == 0
    assert again.gateways.confirmed == [("gw-1", {"through_seq": 4})]


@virtual
async def test_on_birth__a_lost_disk_begins_both_streams_anew() -> None:
    rig = await with_commands()
    await rig.ingest.on_birth("gw-1", list(POWER), GATEWAY_START)
    for seq in (1, 2, 3):
        await rig.ingest.on_telemetry("gw-1", seq, minute(seq))
        await rig.ingest.on_acks("gw-1", seq, [])
    await rig.ingest.flush()

    await rig.ingest.on_birth("gw-1", list(POWER), replace(GATEWAY_START, started_at=EARLY + MINUTE))
    await rig.ingest.on_telemetry("gw-1", 1, minute(4))
    await rig.ingest.on_acks("gw-1", 1, [ack(1, "line-1")])
    await rig.ingest.flush()

    assert rig.metrics.total("gateway_disks_lost") == 1
    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 1})
    assert rig.event.commands["line-1"][0].state is AckState.APPLIED
    assert len(await rig.archive.readings(["line-1"], EARLY - timedelta(days=1), END)) == 4
    assert rig.recorder.book.telemetry_seq == {"gw-1": 1}


@virtual
async def test_on_birth__a_restart_with_its_disk_goes_on() -> None:
    rig = Rig()
    await rig.ingest.on_birth("gw-1", list(POWER), GATEWAY_START)
    await rig.ingest.on_telemetry("gw-1", 1, minute(1))
    await rig.ingest.flush()
    later = replace(GATEWAY_START, boot=2, started_at=EARLY + MINUTE, telemetry_from=2)
    await rig.ingest.on_birth("gw-1", list(POWER), later)
    await rig.ingest.on_telemetry("gw-1", 2, minute(2))
    await rig.ingest.flush()

    assert rig.metrics.total("gateway_disks_lost") == 0
    assert rig.gateways.confirmed[-1] == ("gw-1", {"through_seq": 2})


@virtual
async def test_on_status__is_recorded_once_per_change() -> None:
    rig = Rig()
    for online in (True, True, False, False, True):
        await rig.ingest.on_status("gw-1", online=online)
    await rig.ingest.on_status("gw-9", online=True)
    again = Rig(ledger=rig.ledger)
    await again.recorder.replay()
    await again.ingest.on_status("gw-1", online=True)

    assert [type(fact).__name__ for fact in await facts_of(rig)] == ["GatewayChanged"] * 3
    assert rig.recorder.book.gateways_online == {"gw-1": True}


@virtual
async def test_resume__fills_the_live_picture_from_the_archive() -> None:
    rig = Rig()
    await rig.clock.sleep_until(START + 20 * MINUTE)
    for seq in range(1, 41):
        await rig.ingest.on_telemetry("gw-1", seq, minute_readings(START + (seq - 20) * MINUTE, POWER))
    await rig.ingest.flush()

    again = Rig(ledger=rig.ledger)
    again.archive = rig.archive
    again.ingest._archive = rig.archive
    await again.recorder.replay()
    await again.ingest.resume()

    mean, good = again.ingest.live.mean_kw(START - 10 * MINUTE, START + 20 * MINUTE)
    assert again.ingest.live.latest == START + 20 * MINUTE
    assert mean[:2].tolist() == [90.0, 70.0]
    assert good[:2].tolist() == [True, True]
    await again.ingest.on_telemetry("gw-1", 41, minute_readings(START + 21 * MINUTE, POWER))
    await again.ingest.flush()
    assert again.gateways.confirmed == [("gw-1", {"through_seq": 41})]


@virtual
async def test_on_offers__of_others_are_refused() -> None:
    rig = Rig()
    await rig.ingest.on_offers("gw-1", [offer("line-1", EARLY), offer("cool-1", EARLY)])

    assert list(rig.registry.offers) == ["line-1"]
    assert rig.rejections() == ["unknown resource 'cool-1'"]
    assert rig.metrics.total("offers_received") == 1


@virtual
async def test_on_link__is_counted() -> None:
    rig = Rig()
    await rig.ingest.on_link()

    assert (rig.ingest.links, rig.ingest.link_up.is_set()) == (1, True)
    assert EVENT not in rig.recorder.book.events


@virtual
async def test_on_link__after_a_restart_asks_known_gateways_for_what_nobody_heard() -> None:
    before = Rig()
    await before.ingest.on_birth("gw-1", ["line-1"], GATEWAY_START)
    await before.ingest.on_telemetry("gw-1", 1, minute(1))
    await before.ingest.flush()

    rig = Rig(ledger=before.ledger)
    await rig.recorder.replay()
    await rig.ingest.resume()
    await rig.ingest.on_link()

    asked = {"through_seq": 1, "ack_through_seq": 0, "resend_from": 2, "ack_resend_from": 1}
    assert rig.gateways.confirmed == [("gw-1", asked)]
