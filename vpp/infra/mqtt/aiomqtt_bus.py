"""The bus over a real MQTT broker, through aiomqtt; QoS 1 in both directions, clean sessions.

Sending: ``publish`` returns once the broker has acknowledged; at most ``inflight_limit`` publishes are under way and
the others wait for their turn, so nothing is dropped for lack of room. A lost link fails them at once.
Receiving: see ``vpp.infra.inbox``; here a full inbox ends the session in an orderly way, without the will.
A broker that holds more for a client than it is set up for drops the rest without telling either side: mosquitto does
so beyond 1,000 messages unless its configuration has ``max_queued_messages 0``. Sequence numbers in payloads show it.
"""

import asyncio
import math
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum

from aiomqtt import Client, Message, MqttError, ProtocolVersion, TLSParameters, Will

from vpp.domain.errors import BusError
from vpp.infra.inbox import DEFAULT_QUEUE_LIMIT, Inbox
from vpp.infra.mqtt.cancelling import pass_on_cancellation
from vpp.infra.topic_filter import check_filter, check_topic
from vpp.ports import BusMessage, LastWill

_QOS = 1
_FIRST_FAILURE_CODE = 0x80
_SEND_AT_ONCE = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
"""Without it small packets wait for the peer's delayed acknowledgement, about 40 ms on Linux."""


class MqttVersion(Enum):
    """Protocol spoken; the embedded broker knows 3.1.1 only."""

    V3_1_1 = ProtocolVersion.V311
    V5 = ProtocolVersion.V5


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how to talk to it.

    Attributes:
        username: ``None`` to connect without a name.
        ca_file: PEM file of the authorities that the broker's certificate may come from; ``None`` for no TLS.
        tls: Whom to trust; ``None`` for a link in the clear.
        keepalive_s: A silent link is given up after about 1.5 times this.
        timeout_s: For each request to the broker.
        queue_limit: Received messages that may wait for the reader.
        inflight_limit: Publishes that may be under way at once.
    """

    host: str
    port: int = 1883
    username: str | None = None
    password: str | None = None
    ca_file: str | None = None
    version: MqttVersion = MqttVersion.V3_1_1
    keepalive_s: int = 15
    timeout_s: float = 10.0
    queue_limit: int = DEFAULT_QUEUE_LIMIT
    inflight_limit: int = 100
    tls: ssl.SSLContext | None = None


class AiomqttBus:
    """Implements ``Bus``; does not reconnect by itself: a session that ended is over, its owner opens the next."""

    def __init__(self, address: BrokerAddress) -> None:
        """A bus to the broker at ``address``; nothing is connected yet."""
        self._address = address

    @asynccontextmanager
    async def connect(
        self, client_id: str, *, subscriptions: Sequence[str], will: LastWill | None = None
    ) -> AsyncIterator["AiomqttSession"]:
        """A session with all subscriptions in force.

        Raises:
            BusError: the broker cannot be reached, or refuses the client or a subscription.
            InvariantError: a subscription is not a topic filter, or the will's topic cannot be published to.
        """
        for topic_filter in subscriptions:
            check_filter(topic_filter)
        if will is not None:
            check_topic(will.topic)
        inbox = Inbox(client_id, self._address.queue_limit)
        client = self._client(client_id, will, inbox)
        where = f"broker {self._address.host}:{self._address.port}: client {client_id!r}"
        async with AsyncExitStack() as stack:
            try:
                await client.__aenter__()
            except MqttError as error:
                pass_on_cancellation()
                raise BusError(f"{where} cannot connect: {error}") from error
            stack.push_async_callback(_say_farewell, client)
            pass_on_cancellation()
            session = AiomqttSession(client, inbox, self._address.timeout_s)
            # A task group would wrap what the caller's block raises in an exception group.
            watch = asyncio.get_running_loop().create_task(session.watch(), name=f"mqtt link of {client_id}")
            stack.push_async_callback(_stop, watch)
            stack.callback(session.close)
            try:
                await _subscribe(client, subscriptions)
            except MqttError as error:
                pass_on_cancellation()
                raise BusError(f"{where} cannot subscribe: {error}") from error
            pass_on_cancellation()
            yield session

    def _client(self, client_id: str, will: LastWill | None, inbox: Inbox) -> Client:
        address = self._address
        client = Client(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            identifier=client_id,
            protocol=address.version.value,
            # MQTT 5 has a flag of another name, whose default is a clean start as well.
            clean_session=True if address.version is MqttVersion.V3_1_1 else None,
            will=Will(will.topic, will.payload, qos=_QOS, retain=True) if will else None,
            timeout=address.timeout_s,
            keepalive=address.keepalive_s,
            queue_type=_queue_into(inbox),
            max_inflight_messages=address.inflight_limit,
            max_concurrent_outgoing_calls=address.inflight_limit,
            socket_options=[_SEND_AT_ONCE],
            tls_params=TLSParameters(ca_certs=address.ca_file) if address.ca_file is not None else None,
            tls_context=address.tls,
        )
        client.pending_calls_threshold = address.inflight_limit
        return client


class AiomqttSession:
    """One live connection to the broker."""

    def __init__(self, client: Client, inbox: Inbox, timeout_s: float) -> None:
        """Made by ``AiomqttBus.connect`` only."""
        self._client = client
        self._inbox = inbox
        self._timeout_s = timeout_s
        self._publishing: set[asyncio.Timeout] = set()

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has acknowledged the message.

        Raises:
            BusError: the link is lost, or no acknowledgement came in time; the broker may have the message or not.
            InvariantError: not a topic that can be published to.
        """
        check_topic(topic)
        self._inbox.check_link()
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                self._publishing.add(limit)
                try:
                    await self._client.publish(topic, payload, qos=_QOS, retain=retain, timeout=math.inf)
                finally:
                    self._publishing.discard(limit)
        except (MqttError, TimeoutError, ValueError) as error:
            self._inbox.check_link()
            raise BusError(f"message on {topic!r} was not acknowledged within {self._timeout_s} s: {error}") from error

    def messages(self) -> AsyncIterator[BusMessage]:
        """Messages in order of arrival, for one reader.

        Raises:
            BusError: the link is lost and all that had arrived is read.
            InvariantError: somebody else is reading.
        """
        return self._inbox.messages()

    async def watch(self) -> None:
        """Waits for the link to be lost and ends the session then."""
        try:
            await anext(self._client.messages)
        except MqttError as error:
            self._end(f"the link is lost: {error.__cause__ or error}")

    def close(self) -> None:
        """Ends the session for its readers and publishers."""
        self._end("the session is closed")

    def _end(self, reason: str) -> None:
        self._inbox.end(reason)
        for limit in self._publishing:
            limit.reschedule(asyncio.get_running_loop().time())


def _queue_into(inbox: Inbox) -> type[asyncio.Queue[Message]]:
    """A type of queue that hands messages straight to the inbox: aiomqtt's own way costs a task for each of them.

    What is read from such a queue never comes, so that reading it means waiting for the link to be lost.
    """

    class InboxQueue(asyncio.Queue[Message]):
        def put_nowait(self, item: Message) -> None:
            if not inbox.take(BusMessage(item.topic.value, item.payload, item.retain)):
                inbox.end(inbox.full_reason)

    return InboxQueue


async def _subscribe(client: Client, subscriptions: Sequence[str]) -> None:
    if not subscriptions:
        return
    granted = await client.subscribe([(topic_filter, _QOS) for topic_filter in subscriptions])
    codes = [code if isinstance(code, int) else code.value for code in granted]
    for topic_filter, code in zip(subscriptions, codes, strict=True):
        if code >= _FIRST_FAILURE_CODE:
            raise MqttError(f"subscription to {topic_filter!r} is refused (code {code})")


async def _say_farewell(client: Client) -> None:
    # A broker that does not take a farewell any more finds out by itself.
    with suppress(MqttError):
        await client.__aexit__(None, None, None)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
