"""Work that gets better the longer it may take, in warm processes of its own, under a deadline that holds.

A worker tells every result as soon as it has one. Whoever asked takes the newest at the end of the budget, whatever the
worker is doing then: solvers overshoot their own limits. A worker that is still busy a little later is killed and
replaced; a spare one is warm already, so that the next to ask does not wait for that.
"""

import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from multiprocessing.context import ForkServerProcess
from types import TracebackType
from typing import Self, TypeVar, cast

from vpp.domain.errors import OutsideError
from vpp.infra.anytime_call import AnytimeCall, Ending, Fallback, Newest
from vpp.infra.anytime_process import AnytimeWork, Said, Word, serve
from vpp.infra.child_process import interrupts_held_back, keep_socket_names_short
from vpp.infra.framed_link import FramedLink

A = TypeVar("A")
R = TypeVar("R")

GRACE_S = 1.0
START_S = 120.0
TRIES = 2
CLOSED = "the worker processes were ended in the middle of their work"


class Loss(StrEnum):
    """How a worker was lost."""

    KILLED = "killed"
    ENDED_AT_WORK = "ended-at-work"
    ENDED_IDLE = "ended-idle"
    NOT_READY = "not-ready"


@dataclass(frozen=True, slots=True, eq=False)
class _Seat:
    """A process and the link to it."""

    process: ForkServerProcess
    link: FramedLink

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.link.close()


class AnytimeWorkers:
    """Processes for anytime work; may be asked from several threads at once.

    Work, arguments and results are pickled. Like all our workers they leave Ctrl-C to their parent and end with it.
    """

    def __init__(  # noqa: PLR0913 - each with a default that will do
        self,
        count: int = 1,
        *,
        warm_up: Callable[[], object] | None = None,
        preload: Sequence[str] = (),
        spares: int = 1,
        grace_s: float = GRACE_S,
        on_lost: Callable[[Loss], None] = lambda _: None,
    ) -> None:
        """Starts the processes; they warm up by themselves.

        Args:
            count: Of work done at once, > 0.
            warm_up: Called once in each process before its first work.
            preload: Modules that are imported once for all processes of this kind, in a process of its own that does
                nothing but fork them: a replacement is there in a fraction of a second, and inherits nothing of ours.
            spares: Processes beyond ``count``, kept warm for when one is killed.
            grace_s: How long after the end of a budget a worker may go on before it is killed.
            on_lost: Told whenever a process was killed or ended by itself; one call at a time.
        """
        self._wanted, self._warm_up, self._grace_s, self._on_lost = count + spares, warm_up, grace_s, on_lost
        keep_socket_names_short()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(preload))
        self._seats: set[_Seat] = set()
        self._ready: list[_Seat] = []
        self._starting = 0
        self._closed = False
        self._changed = threading.Condition()
        self._keepers = ThreadPoolExecutor(max_workers=2 * self._wanted + count, thread_name_prefix="anytime")
        self._fill_up()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes in the middle of what they do; nobody gets anything from them any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            seats = list(self._seats)
        for seat in seats:
            seat.process.kill()
        self._keepers.shutdown(wait=True, cancel_futures=True)
        for seat in seats:
            seat.end()

    def warm(self, timeout_s: float = START_S) -> None:
        """Returns once a process is ready.

        Raises:
            OutsideError: none is by then.
        """
        seat = self._take(time.monotonic() + timeout_s)
        if seat is None:
            raise OutsideError(f"no worker process was ready within {timeout_s:g} s")
        self._give_back(seat)

    def newest(self, work: AnytimeWork[A, R], argument: A, *, budget_s: float, fallback: Fallback[R]) -> Newest[R]:
        """The newest result of ``work`` at the end of the budget, or its last one where that comes earlier.

        An exception of ``work`` passes through. A worker that ends in the middle leaves its newest result; where it had
        none, another one is tried.
        """
        self._fill_up()
        call = AnytimeCall(work, argument, budget_s, fallback, self._aside)
        for _ in range(TRIES):
            seat = self._take(call.fallback_at)
            if seat is None:
                break
            self._ask(seat, call)
            if call.ending is not Ending.WORKER_LOST or call.newest is not None:
                break
        if self._closed:
            raise OutsideError(CLOSED)
        return call.answer()

    def _ask(self, seat: _Seat, call: AnytimeCall[A, R]) -> None:
        if call.ask(seat.link):
            self._give_back(seat)
        elif call.ending is Ending.OUT_OF_TIME:
            self._keep(partial(self._reclaim, seat, call.deadline + self._grace_s))
        else:
            self._keep(partial(self._lose, seat, Loss.ENDED_AT_WORK))

    def _aside(self, make: Callable[[], R]) -> Future[R]:
        """Makes something in a thread of ours."""
        with self._changed:
            if self._closed:
                raise OutsideError(CLOSED)
            return self._keepers.submit(make)

    def _keep(self, duty: Callable[[], None]) -> None:
        """Has housekeeping done in a thread of ours; when closed, there is none left to do."""
        with self._changed:
            if not self._closed:
                self._keepers.submit(duty)

    def _reclaim(self, seat: _Seat, until: float) -> None:
        """Throws away what comes late, until the worker is free again or its grace is over."""
        try:
            while True:
                word = cast(Word, seat.link.receive(deadline=until))
                if word.said is not Said.RESULT:
                    self._give_back(seat)
                    return
        except TimeoutError:
            self._lose(seat, Loss.KILLED)
        except EOFError:
            self._lose(seat, Loss.ENDED_AT_WORK)

    def _take(self, deadline: float) -> _Seat | None:
        """A warm worker; ``None`` where there is none by then."""
        while True:
            with self._changed:
                free = self._changed.wait_for(
                    lambda: self._ready or self._closed, timeout=max(deadline - time.monotonic(), 0.0)
                )
                if not free or self._closed:
                    return None
                seat = self._ready.pop()
            if seat.process.is_alive():
                return seat
            self._lose(seat, Loss.ENDED_IDLE)

    def _give_back(self, seat: _Seat) -> None:
        with self._changed:
            self._ready.append(seat)
            self._changed.notify()

    def _lose(self, seat: _Seat, how: Loss) -> None:
        seat.end()
        with self._changed:
            self._seats.discard(seat)
            if self._closed:
                return
            self._on_lost(how)
        self._fill_up()

    def _fill_up(self) -> None:
        """Starts what is missing."""
        with self._changed:
            missing = 0 if self._closed else self._wanted - len(self._seats) - self._starting
            self._starting += missing
            for _ in range(missing):
                self._keepers.submit(self._bring_up)

    def _bring_up(self) -> None:
        try:
            seat = self._started()
        except (OSError, EOFError):
            # No sockets or processes to be had now; the next to ask tries again.
            with self._changed:
                self._starting -= 1
                if not self._closed:
                    self._on_lost(Loss.NOT_READY)
            return
        with self._changed:
            self._starting -= 1
            self._seats.add(seat)
            closed = self._closed
        if closed:
            seat.end()
            return
        try:
            seat.link.receive(deadline=time.monotonic() + START_S)
        except (EOFError, TimeoutError):
            self._fail(seat)
            return
        self._give_back(seat)

    def _started(self) -> _Seat:
        ours, theirs = socket.socketpair()
        process = self._context.Process(target=serve, args=(theirs, self._warm_up), name="anytime worker", daemon=True)
        try:
            with interrupts_held_back():
                process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return _Seat(process, FramedLink(ours))

    def _fail(self, seat: _Seat) -> None:
        """A process that did not become ready; the next to ask tries again."""
        seat.end()
        with self._changed:
            self._seats.discard(seat)
            if not self._closed:
                self._on_lost(Loss.NOT_READY)
