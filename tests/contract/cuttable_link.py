"""A TCP link to a broker that a test can cut: both ends see the connection end without a farewell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class CuttableLink:
    """Forwards connections from a port of its own to a broker on the loopback address."""

    def __init__(self, broker_port: int) -> None:
        self.port = 0
        self._broker_port = broker_port
        self._ends: list[asyncio.StreamWriter] = []

    def cut(self) -> None:
        """Ends every connection at once."""
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either end closes or the link is cut."""
        broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._ends += [writer, broker_writer]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(reader, broker_writer))
                group.create_task(_copy(broker_reader, writer))
        finally:
            writer.close()
            broker_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
        writer.close()
    except ConnectionError:
        writer.close()


@asynccontextmanager
async def cuttable_link(broker_port: int) -> AsyncIterator[CuttableLink]:
    """A link to the broker on ``broker_port``; connect to its ``port``."""
    link = CuttableLink(broker_port)
    server = await asyncio.start_server(link.forward, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        link.cut()
        await server.wait_closed()
