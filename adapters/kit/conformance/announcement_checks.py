"""What a gateway says of itself: birth, status, last will, and its offers in time."""

from datetime import timedelta

from adapters.kit.conformance.check import Check, table
from adapters.kit.conformance.trial import GATEWAY, Trial
from adapters.kit.conformance.verdicts import (
    expect_equal,
    expect_false,
    expect_is,
    expect_that,
    expect_true,
)
from vpp.wire.codec import decode
from vpp.wire.messages import BirthMessage, CapabilityMessage, ClockSync, StatusMessage
from vpp.wire.topics import MessageType, topic_of


def _retained_status(trial: Trial) -> StatusMessage:
    topic = topic_of(GATEWAY, MessageType.STATUS)
    return expect_is("retained status", decode(topic, trial.broker.retained[topic]), StatusMessage)


async def birth_lists_the_resources(trial: Trial) -> None:
    """The birth is retained and names every resource with site, kind, rating and number of devices.

    Source: DESIGN 4, MQTT (birth, retained: catalogue)
    """
    async with trial.running():
        topic = topic_of(GATEWAY, MessageType.BIRTH)
        birth = expect_is("retained birth", decode(topic, trial.broker.retained[topic]), BirthMessage)
    seen = [(entry.id, entry.site_id, entry.kind, entry.rated_kw, entry.devices) for entry in birth.resources]
    expected = [(spec.id, spec.site_id, spec.kind, spec.rated_kw, spec.device_count) for spec in trial.specs]
    expect_equal("catalogue", seen, expected)


async def birth_comes_again_with_each_link(trial: Trial) -> None:
    """A new link brings the birth again, of the same start.

    Source: DESIGN 4, MQTT
    """
    async with trial.running():
        await trial.until(1)
        trial.broker.cut(GATEWAY)
        trial.broker.restore(GATEWAY)
        await trial.until(3)
    births = trial.of(BirthMessage)
    expect_equal("starts told", [birth.boot for birth in births], [1, 1])
    expect_equal("started at", births[1].started_at, births[0].started_at)


async def status_says_online_and_farewell(trial: Trial) -> None:
    """The retained status is online while the gateway runs, and offline after a clean end.

    Source: DESIGN 4, MQTT (status, retained)
    """
    async with trial.running():
        expect_true("status while it runs", _retained_status(trial).online)
    expect_false("status behind the end", _retained_status(trial).online)


async def last_will_says_offline(trial: Trial) -> None:
    """A link that is lost makes the broker say offline, without an instant of its own.

    Source: DESIGN 4, MQTT (last will)
    """
    async with trial.running():
        await trial.until(1)
        trial.broker.cut(GATEWAY)
        status = _retained_status(trial)
        expect_equal("status, instant", (status.online, status.at), (False, None))


async def status_is_online_again_after_a_lost_link(trial: Trial) -> None:
    """Once the link is back the status is online again.

    Source: DESIGN 4, MQTT
    """
    async with trial.running():
        await trial.until(1)
        trial.broker.cut(GATEWAY)
        await trial.until(2)
        trial.broker.restore(GATEWAY)
        await trial.until(5)
        expect_true("status", _retained_status(trial).online)


async def offers_come_regularly_for_all_resources(trial: Trial) -> None:
    """Offers of all resources come at once after the start and every five minutes.

    Source: DESIGN 4, MQTT (capability)
    """
    async with trial.running():
        await trial.until(16)
    messages = trial.of(CapabilityMessage)
    for message in messages:
        ids = [offer.resource_id for offer in message.offers]
        expect_equal(f"offers at {message.issued_at}", ids, [spec.id for spec in trial.specs])
    minutes = {(message.issued_at - trial.t0) // timedelta(minutes=1) for message in messages}
    expect_that(minutes >= {0, 5, 10, 15}, "minutes with offers", sorted(minutes), "0, 5, 10 and 15")


async def offer_follows_a_device_that_drops_out(trial: Trial) -> None:
    """When the devices go offline the next offer comes within the minute and says that nothing is available.

    Source: vpp.domain.capability (the latest offer counts)
    """
    async with trial.running():
        await trial.until(1)
        trial.probe.offline = set(trial.devices)
        await trial.until(2)
        latest = trial.of(CapabilityMessage)[-1].offers[0]
        expect_false("available", latest.available)
        trial.probe.offline = set()
        await trial.until(3)
        expect_true("available once they are back", trial.of(CapabilityMessage)[-1].offers[0].available)


async def new_epoch_is_answered_with_offers(trial: Trial) -> None:
    """A controller that has just started hears the offers at once; the same epoch again brings none.

    Source: DESIGN 3, rule 1 (restart); DESIGN 4, MQTT (notice)
    """
    async with trial.running():
        await trial.until(1)
        before = len(trial.of(CapabilityMessage))
        await trial.notice(epoch=2)
        await trial.notice(epoch=2)
        await trial.notice(epoch=1)
        expect_equal("offers behind the notices", len(trial.of(CapabilityMessage)) - before, 1)


async def scaled_time_is_handed_on(trial: Trial) -> None:
    """The speed of a demonstration is handed to whoever keeps the gateway's clock.

    Source: DESIGN 4, vpp demo (epoch and speed travel in notice)
    """
    sync = ClockSync(at=trial.t0, wall_at=trial.t0, speed=60.0)
    async with trial.running():
        await trial.notice(clock=sync)
    expect_equal("clocks announced", trial.announced, [sync])


CHECKS: tuple[Check, ...] = table(
    "announcement",
    birth_lists_the_resources,
    birth_comes_again_with_each_link,
    status_says_online_and_farewell,
    last_will_says_offline,
    status_is_online_again_after_a_lost_link,
    offers_come_regularly_for_all_resources,
    offer_follows_a_device_that_drops_out,
    new_epoch_is_answered_with_offers,
    scaled_time_is_handed_on,
)
