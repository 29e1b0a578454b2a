"""What every bus does: in memory, over the embedded broker, and over mosquitto with MQTT 3.1.1 and 5."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest

from tests.contract.buses import FRAGILE, BusUnderTest, OpenBus
from vpp.domain.errors import BusError, InvariantError
from vpp.ports import BusMessage, BusSession, LastWill

_PLACES = count()


def _run(open_bus: OpenBus, check: Callable[[BusUnderTest, str], Awaitable[None]]) -> None:
    """Runs ``check`` with a bus and a topic prefix of its own, since brokers outlive single tests."""

    async def main() -> None:
        async with asyncio.timeout(20), open_bus() as under_test:
            await check(under_test, f"contract/{next(_PLACES)}")

    asyncio.run(main())


async def _read(session: BusSession, number: int) -> list[BusMessage]:
    read: list[BusMessage] = []
    async for message in session.messages():
        read.append(message)
        if len(read) == number:
            break
    return read


def test_publish__reaches_who_asked_for_it_unchanged(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with (
            under_test.bus.connect("one", subscriptions=[f"{at}/+/ack", f"{at}/x"]) as one,
            under_test.bus.connect("all", subscriptions=[f"{at}/#"]) as everything,
            under_test.bus.connect("sender", subscriptions=[]) as sender,
        ):
            sent = [
                BusMessage(f"{at}/g1/ack", bytes(range(256))),
                BusMessage(f"{at}/g1/telemetry", b"not for one"),
                BusMessage(f"{at}/g2/ack", b"\xe5\x95\x8a" * 100_000),
                BusMessage(f"{at}/x", b""),
            ]
            for message in sent:
                await sender.publish(message.topic, message.payload)
            assert await _read(one, 3) == [sent[0], sent[2], sent[3]]
            assert await _read(everything, 4) == sent

    _run(open_bus, check)


def test_publish__own_messages_come_back_too(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with under_test.bus.connect("echo", subscriptions=[f"{at}/a"]) as session:
            await session.publish(f"{at}/a", b"1")
            assert await _read(session, 1) == [BusMessage(f"{at}/a", b"1")]

    _run(open_bus, check)


def test_messages__keep_the_order_of_one_sender(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with (
            under_test.bus.connect("receiver", subscriptions=[f"{at}/#"]) as receiver,
            under_test.bus.connect("sender", subscriptions=[]) as sender,
        ):
            for number in range(300):
                await sender.publish(f"{at}/{number % 3}", str(number).encode())
            assert [int(message.payload) for message in await _read(receiver, 300)] == list(range(300))

    _run(open_bus, check)


def test_publish__many_at_once_all_arrive(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with (
            under_test.bus.connect("receiver", subscriptions=[f"{at}/#"]) as receiver,
            under_test.bus.connect("sender", subscriptions=[]) as sender,
            asyncio.TaskGroup() as group,
        ):
            for number in range(400):
                group.create_task(sender.publish(f"{at}/a", str(number).encode()))
            assert {int(message.payload) for message in await _read(receiver, 400)} == set(range(400))

    _run(open_bus, check)


def test_retained__is_told_on_connecting_and_only_then_marked(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with under_test.bus.connect("sender", subscriptions=[f"{at}/+/birth"]) as sender:
            await sender.publish(f"{at}/g1/birth", b"old", retain=True)
            await sender.publish(f"{at}/g1/birth", b"new", retain=True)
            await sender.publish(f"{at}/g1/ack", b"not retained")
            live = await _read(sender, 2)
            assert live == [BusMessage(f"{at}/g1/birth", b"old"), BusMessage(f"{at}/g1/birth", b"new")]
            async with under_test.bus.connect("late", subscriptions=[f"{at}/#"]) as late:
                assert await _read(late, 1) == [BusMessage(f"{at}/g1/birth", b"new", retained=True)]
            await sender.publish(f"{at}/g1/birth", b"", retain=True)
            async with under_test.bus.connect("later", subscriptions=[f"{at}/#"]) as later:
                await sender.publish(f"{at}/marker", b"")
                assert await _read(later, 1) == [BusMessage(f"{at}/marker", b"")]

    _run(open_bus, check)


def test_will__is_published_and_retained_when_the_link_is_lost(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        will = LastWill(f"{at}/status", b"offline")
        async with under_test.bus.connect("watcher", subscriptions=[f"{at}/#"]) as watcher:
            async with under_test.fragile_bus.connect(FRAGILE, subscriptions=[f"{at}/none"], will=will) as fragile:
                await fragile.publish(f"{at}/status", b"online", retain=True)
                under_test.cut()
                with pytest.raises(BusError, match="client 'fragile': the link is lost"):
                    await _read(fragile, 1)
                with pytest.raises(BusError, match="client 'fragile': the link is lost"):
                    await fragile.publish(f"{at}/telemetry", b"")
            assert [message.payload for message in await _read(watcher, 2)] == [b"online", b"offline"]
            async with under_test.bus.connect("late", subscriptions=[f"{at}/status"]) as late:
                assert await _read(late, 1) == [BusMessage(f"{at}/status", b"offline", retained=True)]
            await watcher.publish(f"{at}/status", b"", retain=True)

    _run(open_bus, check)


def test_will__is_not_published_after_a_farewell(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with under_test.bus.connect("watcher", subscriptions=[f"{at}/#"]) as watcher:
            async with under_test.bus.connect("guest", subscriptions=[], will=LastWill(f"{at}/status", b"offline")):
                pass
            await watcher.publish(f"{at}/marker", b"")
            assert await _read(watcher, 1) == [BusMessage(f"{at}/marker", b"")]

    _run(open_bus, check)


def test_connect__same_client_again_after_a_lost_link(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        for number in range(3):
            async with under_test.fragile_bus.connect(FRAGILE, subscriptions=[f"{at}/a"]) as session:
                await session.publish(f"{at}/a", str(number).encode())
                assert await _read(session, 1) == [BusMessage(f"{at}/a", str(number).encode())]
                under_test.cut()
                with pytest.raises(BusError, match="the link is lost"):
                    await _read(session, 1)

    _run(open_bus, check)


def test_connect__unreachable_broker(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, _at: str) -> None:
        with pytest.raises(BusError, match=r"client 'fragile' cannot (reach the broker|connect)"):
            async with under_test.unreachable_bus.connect(FRAGILE, subscriptions=[]):
                pass

    _run(open_bus, check)


def test_connect__passes_the_callers_exception_unchanged(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        with pytest.raises(KeyError, match="mine"):
            async with under_test.bus.connect("guest", subscriptions=[f"{at}/#"]):
                raise KeyError("mine")

    _run(open_bus, check)


def test_session__is_of_no_use_once_closed(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        async with under_test.bus.connect("guest", subscriptions=[f"{at}/#"]) as session:
            pass
        with pytest.raises(BusError, match="client 'guest': the session is closed"):
            await session.publish(f"{at}/a", b"")
        with pytest.raises(BusError, match="client 'guest': the session is closed"):
            await _read(session, 1)

    _run(open_bus, check)


def test_topics__malformed_ones_are_refused_before_they_leave(open_bus: OpenBus) -> None:
    async def check(under_test: BusUnderTest, at: str) -> None:
        with pytest.raises(InvariantError, match="is not a topic filter"):
            async with under_test.bus.connect("guest", subscriptions=[f"{at}/#/x"]):
                pass
        with pytest.raises(InvariantError, match="is not a topic that can be published to"):
            async with under_test.bus.connect("guest", subscriptions=[], will=LastWill(f"{at}/+", b"")):
                pass
        async with under_test.bus.connect("guest", subscriptions=[f"{at}/a"]) as session:
            with pytest.raises(InvariantError, match="is not a topic that can be published to"):
                await session.publish(f"{at}/#", b"")
            await session.publish(f"{at}/a", b"still alive")
            assert await _read(session, 1) == [BusMessage(f"{at}/a", b"still alive")]

    _run(open_bus, check)
