"""The running gateway in virtual time: what it says, what it follows, what survives."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.kit.store import GatewayStore
from tests.adapters.gateway_rig import GATEWAY, T0, Rig, command, in_virtual_time, process
from vpp.domain.commands import AckState
from vpp.domain.telemetry import Quality
from vpp.wire.codec import decode, encode
from vpp.wire.messages import (
    BirthMessage,
    CapabilityMessage,
    ClockSync,
    CommandMessage,
    NoticeMessage,
    ReplyMessage,
    StatusMessage,
    TelemetryMessage,
)
from vpp.wire.topics import MessageType, topic_of

FULL = [AckState.RECEIVED, AckState.ACCEPTED, AckState.APPLIED]


def test_run__announces_itself_and_reports_each_minute() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(3)
        births, statuses = rig.of(BirthMessage), rig.of(StatusMessage)
        assert [entry.id for entry in births[0].resources] == ["r1"]
        assert births[0].boot == 1
        assert [status.online for status in statuses] == [True, False]
        minutes = rig.of(TelemetryMessage)
        assert [message.seq for message in minutes] == [1, 2, 3, 4]
        assert [message.at for message in minutes] == [T0 + timedelta(minutes=i) for i in range(4)]
        assert minutes[0].readings[0].power_kw == pytest.approx(160.0)
        assert minutes[3].readings[0].register_wh - minutes[0].readings[0].register_wh == pytest.approx(8000, abs=2)
        assert minutes[0].readings[0].quality is Quality.GOOD
        assert len(rig.of(CapabilityMessage)) == 1

    in_virtual_time(scenario)


def test_run__last_will_says_offline_when_the_link_breaks() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            rig.broker.cut(GATEWAY)
            await rig.until(2)
            topic = topic_of(GATEWAY, MessageType.STATUS)
            status = decode(topic, rig.broker.retained[topic])
            assert isinstance(status, StatusMessage)
            assert not status.online
            assert status.at is None

    in_virtual_time(scenario)


def test_command__is_followed_acknowledged_and_released() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            await rig.send(command(release_after_s=120.0))
            await rig.until(1.2)
            assert rig.states("c1") == FULL
            assert rig.driver.writes == [(0, 60.0), (1, 60.0)]
            await rig.until(30)
            assert rig.of(TelemetryMessage)[-1].readings[0].power_kw == pytest.approx(120.0)
            await rig.until(61)
            assert len(rig.driver.writes) == 2
            await rig.until(62)
            assert rig.states("c1") == [*FULL, AckState.EXPIRED]
            assert np.isnan([setpoint for _, setpoint in rig.driver.writes[2:]]).tolist() == [True, True]
            await rig.until(64)
            assert rig.driver.power_kw.sum() == pytest.approx(160.0)

    in_virtual_time(scenario)


def test_command__waits_for_valid_from() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command(valid_from=T0 + timedelta(minutes=10)))
            await rig.until(9)
            assert rig.states("c1") == FULL[:2]
            assert rig.driver.writes == []
            await rig.until(10)
            assert rig.states("c1") == FULL

    in_virtual_time(scenario)


def test_command__each_interval_has_its_setpoint() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command(setpoints_kw=[120.0, 120.0, 100.0, 140.0]))
            powers = []
            for minute in (14, 29, 31, 46):
                await rig.until(minute)
                powers.append(float(rig.driver.power_kw.sum()))
            assert powers == pytest.approx([120.0, 120.0, 100.0, 140.0])
            assert len(rig.driver.writes) == 6

    in_virtual_time(scenario)


def test_command__duplicate_repeats_the_ack_and_moves_nothing() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            for _ in range(3):
                await rig.send(command())
                await rig.clock.sleep_until(rig.clock.now() + timedelta(seconds=30))
            assert rig.states("c1") == [*FULL, AckState.APPLIED, AckState.APPLIED]
            assert len(rig.driver.writes) == 2

    in_virtual_time(scenario)


def test_command__older_and_reordered_are_ignored() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command(5, setpoints_kw=[100.0] * 4))
            await rig.send(command(4))
            await rig.send(command(9, epoch=0))
            await rig.until(1)
            assert rig.states("c4") == []
            assert rig.states("c9") == []
            assert rig.driver.power_kw.sum() == pytest.approx(100.0)
            assert rig.metrics.counts["vpp_gateway_commands_not_followed"] == 2

    in_virtual_time(scenario)


def test_command__newer_with_the_same_setpoint_moves_nothing() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(1)
            await rig.send(command(2, epoch=2))
            await rig.until(2)
            assert rig.states("c2") == FULL
            assert len(rig.driver.writes) == 2

    in_virtual_time(scenario)


@pytest.mark.parametrize(
    ("wrong", "state", "reason"),
    [
        ({"resource_id": "r9"}, AckState.REFUSED, "unknown resource 'r9'"),
        ({"setpoints_kw": [120.0, 120.0, 201.0, 0.0]}, AckState.REFUSED, "201 kW at index 2 is outside [0, 200] kW"),
        (
            {
                "expires_at": T0 - timedelta(minutes=1),
                "valid_from": T0 - timedelta(minutes=9),
                "schedule_start": T0 - timedelta(minutes=15),
            },
            AckState.EXPIRED,
            "expired at 2026-07-20T05:59:00Z, arrived at 2026-07-20T06:01:00.500000Z",
        ),
    ],
)
def test_command__wrong_one_is_answered_and_moves_nothing(wrong: dict[str, Any], state: AckState, reason: str) -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            await rig.send(command(**wrong))
            await rig.until(2)
            assert rig.states("c1") == [AckState.RECEIVED, state]
            assert reason in rig.acks()[-1].reason
            assert rig.driver.writes == []

    in_virtual_time(scenario)


def test_command__malformed_messages_are_counted_and_nothing_crashes() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            topic = topic_of(GATEWAY, MessageType.COMMAND)
            good = encode(CommandMessage(GATEWAY, [command()]))
            for payload in (
                b"",
                b"\xff\x00",
                b"[1]",
                b'{"gateway_id":"gw-1","commands":[{}]}',
                good.replace(b"120.0", b"NaN"),
                good.replace(b"120.0", b'"much"'),
                good.replace(b'"gw-1"', b'"gw-2"'),
                good.replace(b"T06:00:00Z", b"T06:00:00"),
            ):
                await rig.controller.publish(topic, payload)
            await rig.until(1)
            assert rig.metrics.counts["vpp_gateway_messages_rejected"] == 8
            assert "$.commands[0] = {}: Object missing required field" in str(rig.metrics.notes[3][1]["error"])
            assert rig.acks() == []
            await rig.send(command())
            await rig.until(2)
            assert rig.states("c1") == FULL

    in_virtual_time(scenario)


def test_command__a_retained_one_is_never_followed() -> None:
    async def scenario(rig: Rig) -> None:
        payload = encode(CommandMessage(GATEWAY, [command()]))
        await rig.controller.publish(topic_of(GATEWAY, MessageType.COMMAND), payload, retain=True)
        async with rig.running():
            await rig.until(1)
            assert rig.driver.writes == []
            assert rig.metrics.counts["vpp_gateway_messages_rejected"] == 1

    in_virtual_time(scenario)


def test_devices__refusal_is_told_with_its_reason() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.refusing = {0: "door open", 1: "door open"}
        async with rig.running():
            await rig.send(command())
            await rig.until(5)
            assert rig.states("c1") == [AckState.RECEIVED, AckState.ACCEPTED, AckState.REFUSED]
            assert rig.acks()[-1].reason == "refused by its devices: door open"

    in_virtual_time(scenario)


def test_devices__one_of_two_offline_gives_a_suspect_reading_and_a_remark() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            rig.driver.online[1] = False
            await rig.until(2)
            await rig.send(command())
            await rig.until(3)
            reading = rig.of(TelemetryMessage)[-1].readings[0]
            assert reading.quality is Quality.SUSPECT
            assert rig.states("c1") == FULL
            assert rig.acks()[-1].reason == "1 of 2 devices are out of reach"
            assert rig.driver.writes == [(0, 60.0)]
            rig.driver.online[1] = True
            await rig.until(5)
            assert rig.driver.writes == [(0, 60.0), (1, 60.0)]

    in_virtual_time(scenario)


def test_devices__all_offline_is_missing_with_the_last_value_never_zero() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            rig.driver.online[:] = False
            await rig.until(2)
            await rig.send(command())
            await rig.until(3)
            reading = rig.of(TelemetryMessage)[-1].readings[0]
            assert reading.quality is Quality.MISSING
            assert reading.power_kw == pytest.approx(160.0)
            assert rig.states("c1") == FULL[:2]
            offers = rig.of(CapabilityMessage)[-1].offers
            assert (offers[0].available, offers[0].reason) == (False, "all devices are offline")

    in_virtual_time(scenario)


def test_devices__never_read_are_listed_not_invented() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.unreachable = True
        async with rig.running():
            await rig.until(1)
            message = rig.of(TelemetryMessage)[-1]
            assert (message.readings, message.unread) == ([], ["r1"])

    in_virtual_time(scenario)


def test_link__what_happened_without_it_is_filled_in_afterwards() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(5)
            rig.broker.cut(GATEWAY)
            await rig.until(70)
            assert np.isnan(rig.driver.writes[-1][1])
            rig.broker.restore(GATEWAY)
            await rig.until(75)
        seqs = {message.seq for message in rig.of(TelemetryMessage)}
        assert seqs == set(range(1, 77))
        assert len(rig.of(BirthMessage)) == 2
        assert rig.states("c1")[-1] is AckState.EXPIRED

    in_virtual_time(scenario)


def test_notice__confirmed_messages_are_forgotten_and_gaps_answered() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(5)
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=1, through_seq=4))
            before = len(rig.of(TelemetryMessage))
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=1, resend_from=2, ack_resend_from=1))
            await rig.until(5.5)
            again = rig.of(TelemetryMessage)[before:]
            assert [message.seq for message in again] == [5, 6]
            reply = rig.of(ReplyMessage)[0]
            assert reply.telemetry is not None
            assert (reply.telemetry.requested_from, reply.telemetry.resent_from) == (2, 5)
            assert reply.telemetry.resent_through == 6
            assert reply.ack is not None
            assert reply.ack.resent_from is None

    in_virtual_time(scenario)


def test_restart__goes_on_from_disk_without_writing_devices_again(tmp_path: Path) -> None:
    path = str(tmp_path / "gateway.sqlite")

    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command(), command(2, resource_id="r2", valid_from=T0 + timedelta(minutes=20)))
            await rig.until(10)
        assert len(rig.driver.writes) == 2
        rig.store.close()
        rig.store = GatewayStore(path)
        async with rig.running():
            await rig.send(command())
            await rig.until(19)
            assert len(rig.driver.writes) == 2
            await rig.until(70)
        assert rig.states("c2")[-2:] == [AckState.APPLIED, AckState.EXPIRED]
        assert len(rig.driver.writes) == 8
        assert [birth.boot for birth in rig.of(BirthMessage)] == [1, 2]
        seqs = [message.seq for message in rig.of(TelemetryMessage)]
        assert set(seqs) == set(range(1, max(seqs) + 1))

    in_virtual_time(scenario, specs=(process(), process("r2", 2)), path=path)


@pytest.mark.parametrize("killed_s", [0.0, 1.0, 45.0, 60.0, 61.0, 900.0, 930.0, 1799.0, 3600.0])
def test_restart__at_any_moment_moves_no_device_twice(tmp_path: Path, killed_s: float) -> None:
    path = str(tmp_path / "gateway.sqlite")

    async def scenario(rig: Rig) -> None:
        wanted = [120.0, 120.0, 100.0, 140.0]
        async with rig.running():
            await rig.send(command(setpoints_kw=wanted))
            await rig.clock.sleep_until(T0 + timedelta(seconds=killed_s))
        rig.store.close()
        rig.store = GatewayStore(path)
        async with rig.running():
            await rig.send(command(setpoints_kw=wanted))
            await rig.until(65)
        first = [setpoint for device, setpoint in rig.driver.writes if device == 0]
        assert first[:3] == [60.0, 50.0, 70.0]
        assert np.isnan(first[3:]).tolist() == [True]
        assert rig.states("c1")[-1] is AckState.EXPIRED

    in_virtual_time(scenario, path=path)


def test_notice__scaled_time_is_handed_on() -> None:
    async def scenario(rig: Rig) -> None:
        announced: list[ClockSync] = []
        sync = ClockSync(at=T0, wall_at=T0, speed=60.0)
        async with rig.running(on_clock=announced.append):
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=1, clock=sync))
            await rig.until(0)
        assert announced == [sync]

    in_virtual_time(scenario)


def test_link__an_unreachable_broker_only_delays() -> None:
    async def scenario(rig: Rig) -> None:
        rig.broker.cut(GATEWAY)
        async with rig.running():
            await rig.until(10)
            assert rig.metrics.counts["vpp_gateway_links_lost"] >= 4
            pauses = [details["retry_in_s"] for message, details in rig.metrics.notes if message == "link lost"]
            assert all(0.5 * 2**i <= pause <= 2**i for i, pause in enumerate(pauses[:6]) if isinstance(pause, float))
            rig.broker.restore(GATEWAY)
            await rig.until(12)
        assert {message.seq for message in rig.of(TelemetryMessage)} == set(range(1, 14))

    in_virtual_time(scenario)


def test_notice__of_a_new_epoch_is_answered_with_offers() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            offers = len(rig.of(CapabilityMessage))
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=2))
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=2))
            await rig.send(notice=NoticeMessage(GATEWAY, epoch=1))
            await rig.clock.sleep_until(rig.clock.now() + timedelta(seconds=1))
            assert len(rig.of(CapabilityMessage)) == offers + 1

    in_virtual_time(scenario)
