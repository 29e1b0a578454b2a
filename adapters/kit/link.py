"""The gateway's link to the broker: connects, keeps connected, says what it publishes is lost or taken."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from adapters.kit.cancelling import pass_on_cancellation
from adapters.kit.gateway_config import GatewayConfig
from vpp.domain.errors import BusError
from vpp.ports import Bus, BusMessage, BusSession, Clock, LastWill, Metrics
from vpp.wire.topics import gateway_subscriptions


class Link:
    """One session at a time; a lost one is replaced after a pause that grows."""

    def __init__(self, config: GatewayConfig, bus: Bus, clock: Clock, metrics: Metrics) -> None:
        """Not connected yet."""
        self._config = config
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        # Spreads reconnects; nothing secret hangs on it.
        self._random = random.Random(f"{config.seed}/{config.gateway_id}/reconnect")  # noqa: S311
        self._session: BusSession | None = None
        self._broken = asyncio.Event()

    @property
    def up(self) -> bool:
        """Whether a session is open, as far as is known."""
        return self._session is not None

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Returns once the broker has taken the message.

        Raises:
            BusError: there is no link, it was lost, or the broker did not answer in time.
        """
        session = self._session
        if session is None:
            raise BusError(f"gateway {self._config.gateway_id!r} has no link to the broker")
        try:
            async with asyncio.timeout(self._config.outside_timeout_s):
                await session.publish(topic, payload, retain=retain)
        except (BusError, TimeoutError) as error:
            self._session = None
            self._broken.set()
            raise BusError(f"gateway {self._config.gateway_id!r}: publishing to {topic!r} failed: {error}") from error

    async def run(
        self,
        *,
        will: LastWill,
        on_up: Callable[[], Awaitable[None]],
        on_message: Callable[[BusMessage], Awaitable[None]],
        farewell: bytes,
    ) -> None:
        """Connects again and again until cancelled; then says ``farewell``, retained, on the will's topic."""
        attempt = 0
        while True:
            try:
                async with self._bus.connect(
                    self._config.gateway_id, subscriptions=gateway_subscriptions(self._config.gateway_id), will=will
                ) as session:
                    pass_on_cancellation()
                    self._session = session
                    self._broken.clear()
                    attempt = 0
                    try:
                        await self._serve(session, on_up, on_message)
                    except asyncio.CancelledError:
                        with suppress(BusError):
                            await self.publish(will.topic, farewell, retain=True)
                        raise
                    finally:
                        self._session = None
            except BusError as error:
                pass_on_cancellation()
                pause_s = self._pause_s(attempt)
                attempt += 1
                self._metrics.count("vpp_gateway_links_lost", gateway=self._config.gateway_id)
                self._metrics.note("link lost", gateway=self._config.gateway_id, error=str(error), retry_in_s=pause_s)
                await self._clock.sleep_until(self._clock.now() + timedelta(seconds=pause_s))

    async def _serve(
        self,
        session: BusSession,
        on_up: Callable[[], Awaitable[None]],
        on_message: Callable[[BusMessage], Awaitable[None]],
    ) -> None:
        lost: BusError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._until_broken(), name=f"{self._config.gateway_id}/link-watch")
                await on_up()
                async for message in session.messages():
                    await on_message(message)
                self._broken.set()
        except* BusError as errors:
            lost = BusError("; ".join(str(error) for error in errors.exceptions))
        # A task group that ends with an error forgets that its task was cancelled meanwhile (Python before 3.13).
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        # Raised out here, because inside ``except*`` it would be wrapped in a group again.
        raise lost or BusError(f"gateway {self._config.gateway_id!r}: the session ended")

    async def _until_broken(self) -> None:
        await self._broken.wait()
        raise BusError(f"gateway {self._config.gateway_id!r}: a message was not taken")

    def _pause_s(self, attempt: int) -> float:
        longest = min(self._config.backoff_first_s * 2.0 ** min(attempt, 30), self._config.backoff_longest_s)
        return longest * (0.5 + 0.5 * self._random.random())
