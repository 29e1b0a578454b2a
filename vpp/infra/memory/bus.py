"""A broker in the process's memory, for the virtual-time harness and for tests; behaves as MQTT with QoS 1.

A session whose inbox is full loses its link, see ``vpp.infra.inbox``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from vpp.domain.errors import BusError
from vpp.infra.inbox import DEFAULT_QUEUE_LIMIT, Inbox
from vpp.infra.memory.faults import UNHARMED, Delivery, Fate, FaultHook
from vpp.infra.topic_filter import check_filter, check_topic, matches
from vpp.ports import BusMessage, LastWill


@dataclass(frozen=True, slots=True)
class Subscriber:
    """Who a session belongs to and what it wants."""

    client_id: str
    subscriptions: tuple[str, ...]
    will: LastWill | None

    def wants(self, topic: str) -> bool:
        """Whether a subscription covers ``topic``."""
        return any(matches(topic_filter, topic) for topic_filter in self.subscriptions)


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
        subscriber = Subscriber(client_id, tuple(subscriptions), will)
        session = MemorySession(self, Inbox(client_id, self._queue_limit), subscriber)
        self._sessions[client_id] = session
        self._routes.clear()
        for topic, payload in self._retained.items():
            if subscriber.wants(topic):
                self._deliver(session, BusMessage(topic, payload, retained=True), UNHARMED)
        try:
            yield session
        finally:
            self._remove(session)
            session.inbox.end("the session is closed")

    def drop(self, client_id: str, *, reason: str = "the link is lost") -> None:
        """Loses the client's link, if it has one: its will is published, its session ends with ``BusError``."""
        session = self._sessions.get(client_id)
        if session is None:
            return
        self._remove(session)
        session.inbox.end(reason)
        if (will := session.subscriber.will) is not None:
            self.route(client_id, will.topic, will.payload, retain=True)

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
            receivers = tuple(session for session in self._sessions.values() if session.subscriber.wants(topic))
            self._routes[topic] = receivers
        message = BusMessage(topic, payload)
        for session in receivers:
            fate = self._fault(Delivery(sender_id, session.subscriber.client_id, topic)) if self._fault else UNHARMED
            self._deliver(session, message, fate)

    def _deliver(self, session: "MemorySession", message: BusMessage, fate: Fate) -> None:
        for _ in range(fate.copies):
            if fate.delay_s > 0.0:
                asyncio.get_running_loop().call_later(fate.delay_s, self._arrive, session, message)
            else:
                self._arrive(session, message)

    def _arrive(self, session: "MemorySession", message: BusMessage) -> None:
        if not session.inbox.take(message) and self._is_live(session):
            self.drop(session.subscriber.client_id, reason=session.inbox.full_reason)

    def _remove(self, session: "MemorySession") -> None:
        if self._is_live(session):
            del self._sessions[session.subscriber.client_id]
            self._routes.clear()

    def _is_live(self, session: "MemorySession") -> bool:
        return self._sessions.get(session.subscriber.client_id) is session


class MemorySession:
    """One client's connection to a ``MemoryBroker``."""

    def __init__(self, broker: MemoryBroker, inbox: Inbox, subscriber: Subscriber) -> None:
        """Made by ``MemoryBroker.connect`` only."""
        self.subscriber = subscriber
        self.inbox = inbox
        self._broker = broker

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has taken the message; other tasks get their turn in between, as over a network.

        Raises:
            BusError: the link is lost.
            InvariantError: not a topic that can be published to.
        """
        check_topic(topic)
        self.inbox.check_link()
        self._broker.route(self.subscriber.client_id, topic, payload, retain=retain)
        await asyncio.sleep(0)

    def messages(self) -> AsyncIterator[BusMessage]:
        """Messages in order of arrival, for one reader.

        Raises:
            BusError: the link is lost and all that had arrived is read.
            InvariantError: somebody else is reading.
        """
        return self.inbox.messages()
