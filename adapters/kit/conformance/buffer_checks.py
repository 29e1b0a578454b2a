"""Telemetry and acks on disk: nothing lost, nothing doubled, gaps filled or owned up to."""

from datetime import timedelta

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import GATEWAY, Trial, rising
from adapters.kit.conformance.verdicts import (
    expect_at_most,
    expect_equal,
    expect_is,
    expect_near,
    expect_that,
)
from adapters.kit.driver import DeviceReadings
from vpp.domain.telemetry import Quality
from vpp.wire.messages import AckMessage, ReplyMessage, TelemetryMessage, WireStream

_WH_PER_KW_MINUTE = 1000.0 / 60.0


async def each_minute_is_reported_once(trial: Trial) -> None:
    """Every minute's end has one telemetry message, numbered without a gap from 1.

    Source: DESIGN 4, MQTT; vpp.wire.messages.TelemetryMessage
    """
    async with trial.running():
        await trial.until(10)
    expect_equal("numbers", trial.seqs(), list(range(1, 12)))
    expected = [trial.t0 + timedelta(minutes=minute) for minute in range(11)]
    expect_equal("minutes", [message.at for message in trial.of(TelemetryMessage)], expected)


async def every_resource_is_in_every_minute(trial: Trial) -> None:
    """A message speaks for all resources of the gateway: a reading, or a place in the list of the never read.

    Source: DESIGN 4 (one message per gateway carries many resources)
    """
    async with trial.running():
        await trial.until(5)
    for message in trial.of(TelemetryMessage):
        named = [reading.resource_id for reading in message.readings] + list(message.unread)
        expect_equal(f"resources at {message.at}", sorted(named), sorted(spec.id for spec in trial.specs))


async def reading_is_the_sum_of_the_devices(trial: Trial) -> None:
    """A resource's power and register are the sums over its own devices, in kW and Wh, of good quality.

    Source: DESIGN 3, what the figures mean
    """
    async with trial.running():
        await trial.until(5)
    for spec in trial.specs:
        reading, truth = trial.reading(spec), expect_is("readings", trial.probe.truth, DeviceReadings)
        expect_near(f"kW of {spec.id}", reading.power_kw, float(truth.power_kw[spec.devices].sum()), 1e-3)
        expect_equal(f"Wh of {spec.id}", reading.register_wh, int(truth.register_wh[spec.devices].sum()))
        expect_equal(f"quality of {spec.id}", reading.quality, Quality.GOOD)


async def register_matches_the_power_told(trial: Trial) -> None:
    """Over ten minutes the register told rises by the energy of the powers told: kW is kW, Wh is Wh.

    Source: DESIGN 3, what the figures mean
    """
    async with trial.running():
        await trial.until(11)
    rows = [message.readings[0] for message in trial.of(TelemetryMessage)]
    rise = rows[-1].register_wh - rows[0].register_wh
    expected = sum(row.power_kw for row in rows[1:]) * _WH_PER_KW_MINUTE
    expect_near("Wh in ten minutes", rise, expected, 2.0 * trial.spec.device_count + 0.02 * abs(expected))


async def lost_link_delivers_everything_once_in_order(trial: Trial) -> None:
    """Minutes without a link wait on disk and come once each, in order, when it is back.

    Source: DESIGN 3, commands (gateways keep readings on disk); disk buffer back-fill
    """
    async with trial.running():
        await trial.until(2)
        await trial.notice(through_seq=3)
        trial.broker.cut(GATEWAY)
        await trial.until(32)
        heard = len(trial.of(TelemetryMessage))
        trial.broker.restore(GATEWAY)
        await trial.until(36)
        expect_that(heard <= 3, "messages while the link was lost", heard, "none")  # noqa: PLR2004 - minutes 0 to 2
    expect_equal("numbers", trial.seqs(), list(range(1, len(trial.seqs()) + 1)))
    expect_at_most("last minute, counted back from the end", 37 - len(trial.seqs()), 0)


async def unconfirmed_messages_come_again_after_a_lost_link(trial: Trial) -> None:
    """What was not confirmed is sent again over a new link, under the same number and with the same content.

    Source: DESIGN 3, commands (until a notice says through_seq)
    """
    async with trial.running():
        await trial.until(5)
        await trial.notice(through_seq=4)
        before = {message.seq: message for message in trial.of(TelemetryMessage)}
        count = len(trial.of(TelemetryMessage))
        trial.broker.cut(GATEWAY)
        trial.broker.restore(GATEWAY)
        await trial.wait(5)
        again = trial.of(TelemetryMessage)[count:]
    expect_equal("numbers sent again", [message.seq for message in again], [5, 6])
    expect_equal("contents", [message == before[message.seq] for message in again], [True, True])


async def confirmed_messages_are_forgotten(trial: Trial) -> None:
    """What we have committed is not sent again, not even when asked for, and the reply says that it is gone.

    Source: DESIGN 3, commands (notice); vpp.wire.messages.ReplyMessage
    """
    async with trial.running():
        await trial.until(5)
        await trial.notice(through_seq=4)
        count = len(trial.of(TelemetryMessage))
        await trial.notice(resend_from=2)
        reply = expect_is("reply on telemetry", trial.of(ReplyMessage)[-1].telemetry, WireStream)
        expect_equal(
            "asked, sent from, through", (reply.requested_from, reply.resent_from, reply.resent_through), (2, 5, 6)
        )
        expect_equal("numbers sent", [message.seq for message in trial.of(TelemetryMessage)[count:]], [5, 6])


async def gap_is_filled_on_request(trial: Trial) -> None:
    """A gap asked for is answered with a reply and with the kept messages, in order and unchanged.

    Source: DESIGN 3, commands (gaps are asked for and filled)
    """
    async with trial.running():
        await trial.until(5)
        before = trial.of(TelemetryMessage)
        await trial.notice(resend_from=3)
        again = trial.of(TelemetryMessage)[len(before) :]
        expect_equal("messages sent again", again, before[2:])
        expect_equal("replies", len(trial.of(ReplyMessage)), 1)


async def gap_of_nothing_kept_is_owned_up_to(trial: Trial) -> None:
    """Asked for what never was, the gateway says that it keeps nothing of it.

    Source: vpp.wire.messages.ReplyMessage
    """
    async with trial.running():
        await trial.until(2)
        await trial.notice(resend_from=1000)
        reply = expect_is("reply on telemetry", trial.of(ReplyMessage)[-1].telemetry, WireStream)
        expect_equal("asked, sent from", (reply.requested_from, reply.resent_from), (1000, None))


async def notice_for_the_future_forgets_nothing_to_come(trial: Trial) -> None:
    """A confirmation of numbers never sent does not drop what is sent later.

    Source: DESIGN 3, commands (notice)
    """
    async with trial.running():
        await trial.until(2)
        await trial.notice(through_seq=10_000)
        await trial.until(4)
        count = len(trial.of(TelemetryMessage))
        await trial.notice(resend_from=1)
        expect_equal("numbers sent again", [m.seq for m in trial.of(TelemetryMessage)[count:]], [4, 5])


async def acks_wait_and_are_filled_like_telemetry(trial: Trial) -> None:
    """Acks are kept until they are confirmed, and sent again when asked for.

    Source: DESIGN 3, commands (gateways keep readings and acks on disk)
    """
    async with trial.running():
        await trial.send(trial.command())
        await trial.settle()
        before = trial.of(AckMessage)
        await trial.notice(ack_through_seq=1)
        await trial.notice(ack_resend_from=1)
        again = trial.of(AckMessage)[len(before) :]
        expect_equal("ack messages sent again", again, [message for message in before if message.seq > 1])
        reply = trial.of(ReplyMessage)[-1].ack
        expect_equal("asked from", None if reply is None else reply.requested_from, 1)


async def buffer_survives_a_restart(trial: Trial) -> None:
    """What waited on disk when the gateway was killed is delivered by the next start, without a gap.

    Source: DESIGN 3, commands (on disk)
    """
    trial.disk_on_file()
    async with trial.running(power_cut=True):
        await trial.until(2)
        trial.broker.cut(GATEWAY)
        await trial.until(6)
    async with trial.running():
        await trial.until(9)
    numbers = sorted(set(trial.seqs()))
    expect_equal("first number", numbers[0], 1)
    expect_that(rising(numbers), "numbers", trial.seqs(), "no gap")
    expect_that(len(numbers) >= 9, "messages", len(numbers), "every minute up to the ninth")  # noqa: PLR2004 - minutes


CHECKS: tuple[Check, ...] = table(
    "buffer",
    each_minute_is_reported_once,
    every_resource_is_in_every_minute,
    reading_is_the_sum_of_the_devices,
    register_matches_the_power_told,
    lost_link_delivers_everything_once_in_order,
    unconfirmed_messages_come_again_after_a_lost_link,
    confirmed_messages_are_forgotten,
    gap_is_filled_on_request,
    gap_of_nothing_kept_is_owned_up_to,
    notice_for_the_future_forgets_nothing_to_come,
    acks_wait_and_are_filled_like_telemetry,
    buffer_survives_a_restart,
)
