"""What a bus session has received and nobody has read yet: bounded, for one reader, ended with a reason."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from vpp.domain.errors import BusError, InvariantError
from vpp.ports import BusMessage

DEFAULT_QUEUE_LIMIT = 10_000


class Inbox:
    """Messages in order of arrival.

    A full inbox refuses the message and its session must be ended: the reader gets what was queued, then ``BusError``,
    reconnects and asks for the gap. Nothing is lost without a word, and no publisher is blocked by a slow reader.
    """

    def __init__(self, client_id: str, limit: int) -> None:
        """An empty inbox of the client for up to ``limit`` messages."""
        self._client_id = client_id
        self._limit = limit
        self._queue: deque[BusMessage] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._end_reason: str | None = None

    @property
    def full_reason(self) -> str:
        """Why a session ends whose inbox is full."""
        return f"{self._limit} messages wait unread, the limit of the queue"

    def take(self, message: BusMessage) -> bool:
        """Queues a message; false when it is full or the session has ended."""
        if self._end_reason is not None or len(self._queue) >= self._limit:
            return False
        self._queue.append(message)
        self._wake()
        return True

    def end(self, reason: str) -> None:
        """No more will come; the first reason stays."""
        if self._end_reason is None:
            self._end_reason = reason
            self._wake()

    def check_link(self) -> None:
        """Raises ``BusError`` with the reason once the session has ended."""
        if self._end_reason is not None:
            raise BusError(f"client {self._client_id!r}: {self._end_reason}")

    async def messages(self) -> AsyncIterator[BusMessage]:
        """Messages in order of arrival.

        Raises:
            BusError: the session has ended and all that had arrived is read.
            InvariantError: somebody else is reading.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            self.check_link()
            if self._reader is not None:
                raise InvariantError(f"two readers on the session of client {self._client_id!r}; a session has one")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)
