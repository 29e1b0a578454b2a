"""An MQTT 3.1.1 broker inside the process, so that the demo needs nothing else installed (amqtt; small fleets only).

It listens on the loopback address only and lets every local client in without a name. Nothing is kept on disk, and no
``$SYS`` topics are published.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError

from vpp.domain.errors import BusError

_LISTENER = "default"
_HOST = "127.0.0.1"


@asynccontextmanager
async def embedded_broker(*, port: int = 0) -> AsyncIterator[int]:
    """A running broker on 127.0.0.1; gives its port and leaves nothing running when the context is left.

    Args:
        port: To listen on; 0 for a free one.

    Raises:
        BusError: the port is taken or the broker does not start.
    """
    _quiet_logs()
    connections: set[asyncio.Task[None]] = set()
    broker = Broker(_config())

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            connections.add(task)
            task.add_done_callback(connections.discard)
        await broker.external_connected(StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER)

    try:
        await broker.start()
        server = await asyncio.start_server(on_connection, _HOST, port)
    except (AMQTTError, OSError) as error:
        raise BusError(f"embedded broker on {_HOST}:{port} does not start: {error}") from error
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await broker.shutdown()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


def _config() -> BrokerConfig:
    return BrokerConfig(
        # Connections are accepted here and handed over: amqtt's own listener does not tell the port it was given.
        listeners={_LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )


def _quiet_logs() -> None:
    # Every connect, disconnect and takeover is logged as a warning there; our own sessions report what matters.
    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
