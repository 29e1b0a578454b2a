"""Virtual time: an asyncio event loop that jumps to the next timer instead of waiting for it.

One process, no threads: whenever no callback is ready and no file descriptor is readable, time moves straight to the
earliest timer. Timers of equal time fire in the order in which they were set, so that a run depends on nothing but its
inputs. (``TaskGroup`` cancels its tasks in no stated order: nothing that is recorded may hang on that.)
"""

import asyncio
import selectors
from asyncio.selector_events import BaseSelectorEventLoop
from collections.abc import Callable, Coroutine, Mapping
from contextvars import Context
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Self, TypeVar, TypeVarTuple

from vpp.domain.errors import InvariantError
from vpp.domain.timegrid import format_instant

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

R = TypeVar("R")
Ts = TypeVarTuple("Ts")


class VirtualTimeLoop(BaseSelectorEventLoop):
    """An event loop whose ``time()`` starts at 0 s and moves only when nothing is left to do at the present.

    Real I/O is polled, never waited for: a run that has to wait for a socket or a thread ends as standing still.

    Raises:
        InvariantError: out of ``run_*``, when tasks wait but nothing is ready and no timer is set.
    """

    def __init__(self, start: datetime) -> None:
        """An idle loop.

        Args:
            start: The instant that ``time() == 0`` stands for.

        Raises:
            InvariantError: ``start`` has no UTC offset.
        """
        self._virtual_s = 0.0
        self._timer_numbers = count()
        super().__init__(_JumpingSelector(self._jump))
        if start.tzinfo is None:
            self.close()
            raise InvariantError(f"virtual time cannot start at {start.isoformat()}: it has no UTC offset")
        self.start = start.astimezone(UTC)

    def time(self) -> float:
        """Virtual seconds since ``start``."""
        return self._virtual_s

    def now(self) -> datetime:
        """The virtual instant, to the microsecond."""
        return self.start + timedelta(seconds=self._virtual_s)

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As in any event loop; equal ``when`` fire first set, first fired."""
        return super().call_at(_TimerInstant(when, next(self._timer_numbers)), callback, *args, context=context)

    def _jump(self, wait_s: float | None) -> None:
        if wait_s is None:
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise InvariantError(
                f"virtual time stands still at {format_instant(self.now())}: nothing is ready and no timer is set; "
                f"waiting tasks: {', '.join(waiting) or 'none'}"
            )
        self._virtual_s += wait_s


class VirtualClock:
    """The ``Clock`` of a virtual-time run."""

    def __init__(self, loop: VirtualTimeLoop | None = None) -> None:
        """A clock over ``loop``, or over the running loop.

        Raises:
            InvariantError: the running loop's time is not virtual.
        """
        running = loop or asyncio.get_running_loop()
        if not isinstance(running, VirtualTimeLoop):
            raise InvariantError("a virtual clock needs a virtual-time loop; start with run_virtual")
        self._loop = running

    def now(self) -> datetime:
        """The current virtual instant, aware UTC."""
        return self._loop.now()

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once ``now() >= instant``; at once when that is already so."""
        while (now := self.now()) < instant:  # noqa: ASYNC110 - a clock is what other code would wait on
            await asyncio.sleep((instant - now).total_seconds())


def run_virtual(main: Coroutine[Any, Any, R], start: datetime) -> R:
    """The result of ``main``, run to its end in virtual time from ``start``.

    ``main`` gets its clock from ``VirtualClock()``. Tasks left over are cancelled, as by ``asyncio.run``.

    Raises:
        InvariantError: everything waits and nothing can ever wake it; the message names the waiting tasks.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(start)) as runner:
        return runner.run(main)


class _TimerInstant(float):
    """A timer's time that breaks ties by the order of setting."""

    __slots__ = ("number",)
    number: int

    def __new__(cls, when: float, number: int) -> Self:
        instant = super().__new__(cls, when)
        instant.number = number
        return instant

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _TimerInstant) and float(self) == float(other):
            return self.number < other.number
        return float(self) < float(other)


class _JumpingSelector(selectors.BaseSelector):
    """Polls a real selector and hands the time that it should have waited to ``jump``."""

    def __init__(self, jump: Callable[[float | None], None]) -> None:
        self._inner = selectors.DefaultSelector()
        self._jump = jump

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(timeout)
        return ready

    def register(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: "FileDescriptorLike") -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: "FileDescriptorLike", events: int, data: object = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Mapping["FileDescriptorLike", selectors.SelectorKey]:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()
