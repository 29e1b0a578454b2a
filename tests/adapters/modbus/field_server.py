"""A Modbus TCP server that a test can make misbehave: silent units, exceptions, garbled and torn answers."""

import asyncio
import queue
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

WRITES = frozenset({5, 6, 15, 16})


@dataclass
class FieldServer:
    """Registers of any number of units; input registers are ``inputs``.

    Attributes:
        silent: Units that say nothing.
        exceptions: ``(unit, function)`` to the exception code that is answered.
        unknown_from: First address that does not exist.
        deaf: Units that acknowledge writes and keep what they hold.
        shorten: Answers to reads lack their last register.
        log: ``(unit, function, address, count)`` of every request.
    """

    port: int = 0
    holding: dict[tuple[int, int], int] = field(default_factory=dict)
    inputs: dict[tuple[int, int], int] = field(default_factory=dict)
    coils: dict[tuple[int, int], bool] = field(default_factory=dict)
    silent: set[int] = field(default_factory=set)
    exceptions: dict[tuple[int, int], int] = field(default_factory=dict)
    unknown_from: dict[int, int] = field(default_factory=dict)
    deaf: set[int] = field(default_factory=set)
    shorten: bool = False
    log: list[tuple[int, int, int, int]] = field(default_factory=list)
    on_request: Callable[["FieldServer"], None] = lambda server: None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    connections: int = 0

    def put(self, unit: int, address: int, kind: str, value: float, *, table: str = "holding") -> None:
        """Sets a value in network order: ``>i`` and so on as of ``struct``."""
        packed = struct.pack(kind, value if kind[-1] in "fd" else int(value))
        target = self.holding if table == "holding" else self.inputs
        for offset, (word,) in enumerate(struct.iter_unpack(">H", packed)):
            target[unit, address + offset] = word

    def reads(self, unit: int | None = None) -> list[tuple[int, int, int, int]]:
        return [one for one in self.log if one[1] not in WRITES and unit in {None, one[0]}]

    def writes(self) -> list[tuple[int, int, int, int]]:
        return [one for one in self.log if one[1] in WRITES]

    def hang_up(self) -> None:
        """Ends every connection at once."""
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        try:
            while True:
                head = await reader.readexactly(7)
                number, _, length, unit = struct.unpack(">HHHB", head)
                pdu = await reader.readexactly(length - 1)
                answer = self._answer(unit, pdu)
                if answer is not None:
                    writer.write(struct.pack(">HHHB", number, 0, len(answer) + 1, unit) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, unit: int, pdu: bytes) -> bytes | None:
        function = pdu[0]
        address, count = struct.unpack(">HH", pdu[1:5])
        single = function in {5, 6}
        self.log.append((unit, function, address, 1 if single else count))
        self.on_request(self)
        if unit in self.silent:
            return None
        if code := self.exceptions.get((unit, function)):
            return bytes([function | 0x80, code])
        if address + (1 if single else count) > self.unknown_from.get(unit, 0x10000):
            return bytes([function | 0x80, 2])
        if function in WRITES:
            if unit not in self.deaf:
                self._write(unit, function, address, pdu)
            return pdu[:5]
        return self._read(unit, function, address, count)

    def _read(self, unit: int, function: int, address: int, count: int) -> bytes:
        if function in {1, 2}:
            bits = [self.coils.get((unit, address + offset), False) for offset in range(count)]
            packed = bytearray((count + 7) // 8)
            for place, bit in enumerate(bits):
                packed[place // 8] |= bit << (place % 8)
            return bytes([function, len(packed)]) + bytes(packed)
        table = self.holding if function == 3 else self.inputs
        words = [table.get((unit, address + offset), 0) for offset in range(count - self.shorten)]
        return struct.pack(f">BB{len(words)}H", function, 2 * len(words), *words)

    def _write(self, unit: int, function: int, address: int, pdu: bytes) -> None:
        if function == 5:
            self.coils[unit, address] = pdu[3] == 0xFF
        elif function == 6:
            self.holding[unit, address] = struct.unpack(">H", pdu[3:5])[0]
        else:
            for offset, (word,) in enumerate(struct.iter_unpack(">H", pdu[6:])):
                self.holding[unit, address + offset] = word


@asynccontextmanager
async def field_server(port: int = 0) -> AsyncIterator[FieldServer]:
    """A running server on loopback."""
    made = FieldServer()
    server = await asyncio.start_server(made.serve, "127.0.0.1", port)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.hang_up()
        await server.wait_closed()


@contextmanager
def field_server_in_thread() -> Iterator[FieldServer]:
    """A running server for tests whose own thread is busy."""
    ready: queue.Queue[FieldServer] = queue.Queue()
    done = threading.Event()

    async def serve() -> None:
        async with field_server() as server:
            ready.put(server)
            await asyncio.get_running_loop().run_in_executor(None, done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        yield ready.get()
    finally:
        done.set()
        thread.join()
