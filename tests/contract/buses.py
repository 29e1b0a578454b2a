"""Buses to test, each with a second way in that the test can cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from tests.contract.cuttable_link import cuttable_link
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress, MqttVersion
from vpp.infra.mqtt.embedded_broker import embedded_broker
from vpp.ports import Bus

FRAGILE = "fragile"
"""The client id to use on the link that can be cut."""


@dataclass(frozen=True, slots=True)
class BusUnderTest:
    """A bus.

    Attributes:
        bus: For clients whose link stays.
        fragile_bus: To the same broker, for the client ``FRAGILE``.
        cut: Loses that client's link.
        unreachable_bus: Leads nowhere for the client ``FRAGILE``.
    """

    bus: Bus
    fragile_bus: Bus
    cut: Callable[[], None]
    unreachable_bus: Bus


OpenBus = Callable[[], AbstractAsyncContextManager[BusUnderTest]]


@asynccontextmanager
async def memory_bus() -> AsyncIterator[BusUnderTest]:
    broker, nowhere = MemoryBroker(), MemoryBroker()
    nowhere.cut(FRAGILE)
    yield BusUnderTest(broker, broker, lambda: broker.drop(FRAGILE), nowhere)


@asynccontextmanager
async def embedded_bus() -> AsyncIterator[BusUnderTest]:
    async with embedded_broker() as port, real_bus(port, MqttVersion.V3_1_1) as under_test:
        yield under_test


@asynccontextmanager
async def real_bus(port: int, version: MqttVersion) -> AsyncIterator[BusUnderTest]:
    def bus(at: int) -> AiomqttBus:
        return AiomqttBus(BrokerAddress(host="127.0.0.1", port=at, version=version))

    nobody = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    closed_port = nobody.sockets[0].getsockname()[1]
    nobody.close()
    await nobody.wait_closed()
    async with cuttable_link(port) as link:
        yield BusUnderTest(bus(port), bus(link.port), link.cut, bus(closed_port))
