"""Clocks for a live service: the system's own, and one that runs faster and can be held (the demo's)."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from vpp.domain.errors import InputError, InvariantError

_LONGEST_NAP_S = 60.0
"""The system's time may be set while a task sleeps: look again at least this often."""


class SystemClock:
    """Implements ``Clock`` by the system's time."""

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        return datetime.now(UTC)  # noqa: TID251 - this is the Clock port

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once ``now() >= instant``; at once when that is already so."""
        while (wait_s := (instant - self.now()).total_seconds()) > 0.0:  # noqa: ASYNC110 - nothing to wait on
            await asyncio.sleep(min(wait_s, _LONGEST_NAP_S))


class ScaledClock:
    """Implements ``Clock``: starts at an epoch and runs ``speed`` times as fast as the system's monotonic time.

    While it is held, ``now()`` stands still and sleepers sleep on: what takes real time (the first plan's solve) then
    takes no scaled time. Holds add up: it runs again when each has been resumed.
    """

    def __init__(self, epoch: datetime, speed: float) -> None:
        """A running clock that shows ``epoch`` now.

        Args:
            epoch: What it shows at first.
            speed: Scaled seconds per real second, > 0.

        Raises:
            InputError: the epoch has no UTC offset, or the speed is not a positive number.
        """
        if epoch.tzinfo is None:
            raise InputError(f"clock epoch {epoch.isoformat()} has no UTC offset")
        if not 0.0 < speed < float("inf"):
            raise InputError(f"clock speed {speed} is not a positive number")
        self.epoch = epoch.astimezone(UTC)
        self.speed = speed
        self._shown_s = 0.0
        self._running_since_s = time.monotonic()
        self._holds = 0
        self._resumed = asyncio.Event()
        self._resumed.set()

    def now(self) -> datetime:
        """The current scaled instant, aware UTC."""
        running_s = 0.0 if self._holds else (time.monotonic() - self._running_since_s) * self.speed
        return self.epoch + timedelta(seconds=self._shown_s + running_s)

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once ``now() >= instant``, holds included; at once when that is already so."""
        while (wait := instant - self.now()) > timedelta():
            await self._resumed.wait()
            await asyncio.sleep(wait.total_seconds() / self.speed)

    def hold(self) -> None:
        """Stops the clock until it is resumed."""
        if not self._holds:
            self._shown_s = (self.now() - self.epoch).total_seconds()
            self._resumed.clear()
        self._holds += 1

    def resume(self) -> None:
        """Takes one hold back.

        Raises:
            InvariantError: the clock is not held.
        """
        if not self._holds:
            raise InvariantError("the scaled clock was resumed more often than it was held")
        self._holds -= 1
        if not self._holds:
            self._running_since_s = time.monotonic()
            self._resumed.set()
