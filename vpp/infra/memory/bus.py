"""A broker in the process's memory, for the virtual-time harness and for tests; behaves as MQTT with QoS 1.

Each session has a bounded queue. When it is full the session's link is dropped: its reader gets what had been queued,
then ``BusError``, reconnects and asks for the gap. Nothing is lost without a word, and no publisher is ever blocked by
a slow reader.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from vpp.domain.errors import BusError, InvariantError
from vpp.infra.memory.faults import UNHARMED, Delivery, Fate, FaultHook
from vpp.infra.topic_filter import check_filter, check_topic, matches
from vpp.ports import BusMessage, LastWill

DEFAULT_QUEUE_LIMIT = 10_000


class MemoryBroker:
    """Implements ``Bus``: retained messages, wills, topic filters, and faults for the harness.

    A message that matches several filters of a session arrives once. Leaving a session's context is a farewell,
    whatever the reason; a crash is played by ``drop`` or ``cut``.
    """

    def __init__(self, *, queue_limit: int = DEFAULT_QUEUE_LIMIT, fault: FaultHook | None = None) -> None:
        """An empty broker.

        Args:
            queue_limit: Messages that wait for one reader before its link is dropped, > 0.
            fault: Asked for the fate of each delivery; retained messages handed out on connecting are exempt.
        """
        self._queue_limit = queue_limit
        self._fault = fault
        self._sessions: dict[str, MemorySession] = {}
        self._retained: dict[str, bytes] = {}
        self._unreachable: set[str] = set()
        self._routes: dict[str, tuple[MemorySession, ...]] = {}

    @asynccontextmanager
    async def connect(
        self, client_id: str, *, subscriptions: Sequence[str], will: LastWill | None = None
    ) -> AsyncIterator["MemorySession"]:
        """A session; a session that ``client_id`` still had is dropped, as MQTT takes it over.

        Raises:
            BusError: the client is cut off.
            InvariantError: a subscription is not a topic filter.
        """
        for topic_filter in subscriptions:
            check_filter(topic_filter)
        if will is not None:
            check_topic(will.topic)
        if client_id in self._unreachable:
            raise BusError(f"client {client_id!r} cannot reach the broker: it is cut off")
        self.drop(client_id, reason="another session of the same client took over")
        session = MemorySession(self, client_id, tuple(subscriptions), will)
        self._sessions[client_id] = session
        self._routes.clear()
        for topic, payload in self._retained.items():
            if session.wants(topic):
                self._deliver(session, BusMessage(topic, payload, retained=True), UNHARMED)
        try:
            yield session
        finally:
            self._remove(session)
            session.end("the session is closed")

    def drop(self, client_id: str, *, reason: str = "the link is lost") -> None:
        """Loses the client's link, if it has one: its will is published, its session ends with ``BusError``."""
        session = self._sessions.get(client_id)
        if session is None:
            return
        self._remove(session)
        session.end(reason)
        if session.will is not None:
            self.route(client_id, session.will.topic, session.will.payload, retain=True)

    def cut(self, client_id: str) -> None:
        """Loses the client's link and refuses its next ones until ``restore``."""
        self._unreachable.add(client_id)
        self.drop(client_id)

    def restore(self, client_id: str) -> None:
        """Lets a client that was cut off connect again."""
        self._unreachable.discard(client_id)

    @property
    def client_ids(self) -> tuple[str, ...]:
        """Clients with a live session, in order of connecting."""
        return tuple(self._sessions)

    @property
    def retained(self) -> dict[str, bytes]:
        """A copy of the retained payloads by topic."""
        return dict(self._retained)

    def route(self, sender_id: str, topic: str, payload: bytes, *, retain: bool) -> None:
        """Hands a message to every session that wants it; an empty retained payload clears the topic."""
        if retain and payload:
            self._retained[topic] = payload
        elif retain:
            self._retained.pop(topic, None)
        receivers = self._routes.get(topic)
        if receivers is None:
            receivers = tuple(session for session in self._sessions.values() if session.wants(topic))
            self._routes[topic] = receivers
        message = BusMessage(topic, payload)
        for session in receivers:
            fate = self._fault(Delivery(sender_id, session.client_id, topic)) if self._fault else UNHARMED
            self._deliver(session, message, fate)

    def _deliver(self, session: "MemorySession", message: BusMessage, fate: Fate) -> None:
        for _ in range(fate.copies):
            if fate.delay_s > 0.0:
                asyncio.get_running_loop().call_later(fate.delay_s, self._arrive, session, message)
            else:
                self._arrive(session, message)

    def _arrive(self, session: "MemorySession", message: BusMessage) -> None:
        if not session.take(message, self._queue_limit) and self._sessions.get(session.client_id) is session:
            self.drop(session.client_id, reason=f"{self._queue_limit} messages wait unread, the limit of the queue")

    def _remove(self, session: "MemorySession") -> None:
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]
            self._routes.clear()


class MemorySession:
    """One client's connection to a ``MemoryBroker``."""

    def __init__(
        self, broker: MemoryBroker, client_id: str, subscriptions: tuple[str, ...], will: LastWill | None
    ) -> None:
        """Made by ``MemoryBroker.connect`` only."""
        self.client_id = client_id
        self.will = will
        self._broker = broker
        self._subscriptions = subscriptions
        self._queue: deque[BusMessage] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._end_reason: str | None = None

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has taken the message; other tasks get their turn in between, as over a network.

        Raises:
            BusError: the link is lost.
            InvariantError: not a topic that can be published to.
        """
        check_topic(topic)
        self._check_link()
        self._broker.route(self.client_id, topic, payload, retain=retain)
        await asyncio.sleep(0)

    async def messages(self) -> AsyncIterator[BusMessage]:
        """Messages in order of arrival, for one reader.

        Raises:
            BusError: the link is lost and all that had arrived is read.
            InvariantError: somebody else is reading.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            self._check_link()
            if self._reader is not None:
                raise InvariantError(f"two readers on the session of client {self.client_id!r}; a session has one")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def wants(self, topic: str) -> bool:
        """Whether a subscription covers ``topic``."""
        return any(matches(topic_filter, topic) for topic_filter in self._subscriptions)

    def take(self, message: BusMessage, limit: int) -> bool:
        """Queues a message; false when the link is gone or ``limit`` messages wait already."""
        if self._end_reason is not None or len(self._queue) >= limit:
            return False
        self._queue.append(message)
        self._wake()
        return True

    def end(self, reason: str) -> None:
        """Ends the link; the first reason stays."""
        if self._end_reason is None:
            self._end_reason = reason
            self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _check_link(self) -> None:
        if self._end_reason is not None:
            raise BusError(f"client {self.client_id!r}: {self._end_reason}")
