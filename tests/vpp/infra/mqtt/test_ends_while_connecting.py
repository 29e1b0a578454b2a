"""A controller one of whose tasks fails while it connects to the broker ends, whatever the broker does meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.vpp.domain.fleet_samples import sample_fleet
from vpp.infra.clock import SystemClock
from vpp.infra.memory.archive import MemoryArchive
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.mqtt.cancelling import pass_on_cancellation
from vpp.infra.mqtt.gateway_link import GatewayLink
from vpp.infra.store.ledger import open_ledger
from vpp.services.ingesting import Ingest
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

_CONNACK_ACCEPTED = bytes([0x20, 2, 0, 0])
_WITHIN_S = 10.0
_TURNS = range(12)
"""Of the event loop between the broker's answer and the failure: one of them is the moment of both at once."""


class OtherTaskError(Exception):
    """What ends the group."""


def _suback(subscribe: bytes) -> bytes:
    """Grants all that a SUBSCRIBE of fewer than 16,384 bytes asks for."""
    start = 2 if subscribe[1] < 0x80 else 3
    asked, at = 0, start + 2
    while at < len(subscribe):
        at += 2 + int.from_bytes(subscribe[at : at + 2]) + 1
        asked += 1
    return bytes([0x90, 2 + asked]) + subscribe[start : start + 2] + bytes([1] * asked)


@asynccontextmanager
async def _broker(answers: int, answered: Callable[[], None]) -> AsyncIterator[int]:
    """A broker that answers so many times (CONNACK, SUBACK), tells, and says nothing more; gives its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await reader.read(4096)
        for number in range(answers):
            writer.write(_CONNACK_ACCEPTED if number == 0 else _suback(heard))
            if number < answers - 1:
                heard = await reader.read(4096)
        answered()
        while await reader.read(4096):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _fails(answered: asyncio.Event, turns: int) -> None:
    await answered.wait()
    for _ in range(turns):
        await asyncio.sleep(0)
    raise OtherTaskError


async def _controller(answers: int, turns: int) -> None:
    answered = asyncio.Event()
    async with _broker(answers, answered.set) as port:
        bus = AiomqttBus(BrokerAddress(host="127.0.0.1", port=port, timeout_s=1.0))
        clock, metrics = SystemClock(), MemoryMetrics()
        link = GatewayLink(bus, client_id="controller", clock=clock, metrics=metrics, epoch=lambda: 1)
        recorder, registry = Recorder(open_ledger("sqlite://"), metrics), Registry(sample_fleet(), metrics)
        ingest = Ingest(recorder, registry, MemoryArchive(), link, clock=clock, metrics=metrics)
        async with asyncio.TaskGroup() as group:
            group.create_task(link.run(ingest))
            group.create_task(_fails(answered, turns))


@pytest.mark.parametrize("answers", [0, 1, 2], ids=["silent", "connack", "suback"])
async def test_run__ends_when_another_task_fails_while_it_connects(answers: int) -> None:
    for turns in _TURNS:
        # Not in a task group, which would wait for what hangs.
        running = asyncio.get_running_loop().create_task(_controller(answers, turns))
        done, _ = await asyncio.wait([running], timeout=_WITHIN_S)
        assert done, f"still running, {turns} turns after answer {answers}"
        error = running.exception()
        assert isinstance(error, ExceptionGroup)
        assert isinstance(error.exceptions[0], OtherTaskError)


async def test_pass_on_cancellation__raises_only_in_a_task_that_was_asked_to_end() -> None:
    swallowed = asyncio.Event()

    async def work() -> None:
        pass_on_cancellation()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()
        pass_on_cancellation()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await asyncio.sleep(0)
        task.cancel()

    assert swallowed.is_set()
    assert task.cancelled()
