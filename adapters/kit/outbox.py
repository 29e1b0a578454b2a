"""Sends kept messages in order, each once per link unless asked for again; the only way telemetry and acks leave."""

import asyncio
from collections.abc import Awaitable, Callable

from adapters.kit.store import GatewayStore, Stream
from vpp.wire.messages import WireStream
from vpp.wire.topics import MessageType, topic_of

Publish = Callable[[str, bytes], Awaitable[None]]


class Outbox:
    """What of each stream has been sent over the present link."""

    def __init__(self, store: GatewayStore, gateway_id: str) -> None:
        """Everything kept counts as not sent."""
        self._store = store
        self._topics = {stream: topic_of(gateway_id, MessageType(stream.value)) for stream in Stream}
        self._sent_through = dict.fromkeys(Stream, 0)
        self._lock = asyncio.Lock()

    def rewind_all(self) -> None:
        """After a new link: everything that is not confirmed is sent again."""
        self._sent_through = dict.fromkeys(Stream, 0)

    def confirm(self, stream: Stream, through_seq: int) -> None:
        """Forgets what the controller has committed; a number never sent is held to what was."""
        self._store.forget_through(stream, min(through_seq, self._store.next_seq(stream) - 1))

    def resend(self, stream: Stream, from_seq: int) -> WireStream:
        """Has everything kept from ``from_seq`` on sent again; what will come is in the answer."""
        first = self._store.first_kept(stream, from_seq)
        if first is None:
            return WireStream(requested_from=from_seq)
        self._sent_through[stream] = min(self._sent_through[stream], first - 1)
        return WireStream(requested_from=from_seq, resent_from=first, resent_through=self._store.next_seq(stream) - 1)

    async def flush(self, publish: Publish) -> None:
        """Sends what is waiting, oldest first.

        Raises:
            BusError: the link was lost; what was not taken stays waiting.
        """
        async with self._lock:
            for stream in Stream:
                while self._sent_through[stream] < self._store.next_seq(stream) - 1:
                    waiting = self._store.kept_after(stream, self._sent_through[stream])
                    if not waiting:
                        break
                    await self._send(stream, waiting, publish)

    async def _send(self, stream: Stream, waiting: list[tuple[int, bytes]], publish: Publish) -> None:
        for seq, payload in waiting:
            before = self._sent_through[stream]
            await publish(self._topics[stream], payload)
            # A gap request may have moved the mark back while the message was on its way.
            if self._sent_through[stream] != before:
                return
            self._sent_through[stream] = seq
