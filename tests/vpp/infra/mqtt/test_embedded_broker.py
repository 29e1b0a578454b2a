"""The embedded broker starts, answers quickly, and leaves nothing behind."""

import asyncio
import time

import pytest

from vpp.domain.errors import BusError
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.mqtt.embedded_broker import embedded_broker


def test_embedded_broker__leaves_nothing_running() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with embedded_broker() as port:
            async with AiomqttBus(BrokerAddress(host="127.0.0.1", port=port)).connect("g1", subscriptions=["a"]):
                pass
            _reader, idle = await asyncio.open_connection("127.0.0.1", port)
        idle.close()
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    asyncio.run(main())


def test_embedded_broker__clients_left_behind_lose_their_link() -> None:
    async def main() -> None:
        async with embedded_broker() as port:
            context = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port)).connect("g1", subscriptions=["a"])
            session = await context.__aenter__()
        async with asyncio.timeout(10):
            with pytest.raises(BusError, match="client 'g1': the link is lost"):
                await anext(session.messages())
        await context.__aexit__(None, None, None)

    asyncio.run(main())


def test_embedded_broker__port_taken() -> None:
    async def main() -> None:
        async with embedded_broker() as port:
            with pytest.raises(BusError, match=rf"embedded broker on 127.0.0.1:{port} does not start: .*in use"):
                async with embedded_broker(port=port):
                    pass

    asyncio.run(main())


def test_embedded_broker__small_messages_are_not_held_back() -> None:
    async def main() -> float:
        async with embedded_broker() as port:
            bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port))
            async with bus.connect("g1", subscriptions=["a"]) as session:
                messages = session.messages()
                begun = time.perf_counter()
                for _ in range(50):
                    await session.publish("a", b"x")
                    await anext(messages)
                return (time.perf_counter() - begun) / 50

    # Held back for a delayed acknowledgement, each round trip would take 0.04 s or more.
    assert asyncio.run(main()) < 0.03
