"""What only the bus over a real broker does: full inboxes, silent and refusing brokers, pace."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from vpp.domain.errors import BusError
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.mqtt.embedded_broker import embedded_broker
from vpp.ports import BusSession

_CONNACK_ACCEPTED = bytes([0x20, 2, 0, 0])
_CONNACK_REFUSED = bytes([0x20, 2, 0, 5])
_SUBACK_REFUSED_FIRST_PACKET = bytes([0x90, 3, 0, 1, 0x80])


@asynccontextmanager
async def _broker_that_answers(*answers: bytes) -> AsyncIterator[int]:
    """A socket that sends one answer for each thing it hears, then nothing more; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.read(4096)
            writer.write(answer)
        while await reader.read(4096):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def _run(check: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(15):
            await check()

    asyncio.run(main())


async def _publish_until_it_fails(session: BusSession) -> None:
    while True:
        await session.publish("elsewhere", b"")


def test_messages__full_inbox_ends_the_session_after_what_was_queued() -> None:
    async def check() -> None:
        async with embedded_broker() as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port, queue_limit=5))
            async with bus.connect("slow", subscriptions=["a"]) as slow, bus.connect("s", subscriptions=[]) as sender:
                for number in range(8):
                    await sender.publish("a", str(number).encode())
                with pytest.raises(BusError, match="client 'slow': 5 messages wait unread, the limit of the queue"):
                    await _publish_until_it_fails(slow)
                messages = slow.messages()
                assert [int((await anext(messages)).payload) for _ in range(5)] == list(range(5))
                with pytest.raises(BusError, match="5 messages wait unread"):
                    await anext(messages)

    _run(check)


def test_publish__no_acknowledgement_in_time() -> None:
    async def check() -> None:
        async with _broker_that_answers(_CONNACK_ACCEPTED) as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port, timeout_s=0.2))
            async with bus.connect("g1", subscriptions=[]) as session:
                with pytest.raises(BusError, match=r"message on 'a' was not acknowledged within 0\.2 s"):
                    await session.publish("a", b"")

    _run(check)


def test_publish__lost_link_fails_those_under_way_at_once() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(4096)
        writer.write(_CONNACK_ACCEPTED)
        await reader.read(4096)
        writer.close()

    async def check() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            address = BrokerAddress(host="127.0.0.1", port=server.sockets[0].getsockname()[1], timeout_s=3600.0)
            async with AiomqttBus(address).connect("g1", subscriptions=[]) as session:
                with pytest.raises(BusError, match="client 'g1': the link is lost"):
                    await session.publish("a", b"")

    _run(check)


def test_connect__broker_refuses_the_client() -> None:
    async def check() -> None:
        async with _broker_that_answers(_CONNACK_REFUSED) as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port))
            with pytest.raises(
                BusError, match=rf"broker 127.0.0.1:{port}: client 'g1' cannot connect: .*ot authorized"
            ):
                async with bus.connect("g1", subscriptions=[]):
                    pass

    _run(check)


def test_connect__broker_says_nothing() -> None:
    async def check() -> None:
        async with _broker_that_answers() as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port, timeout_s=0.2))
            with pytest.raises(BusError, match="client 'g1' cannot connect: Operation timed out"):
                async with bus.connect("g1", subscriptions=[]):
                    pass

    _run(check)


def test_connect__broker_refuses_a_subscription() -> None:
    async def check() -> None:
        async with _broker_that_answers(_CONNACK_ACCEPTED, _SUBACK_REFUSED_FIRST_PACKET) as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port))
            with pytest.raises(BusError, match=r"cannot subscribe: subscription to 'a/#' is refused \(code 128\)"):
                async with bus.connect("g1", subscriptions=["a/#"]):
                    pass

    _run(check)
