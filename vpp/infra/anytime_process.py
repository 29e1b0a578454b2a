"""What runs inside a process of ``vpp.infra.anytime``: takes work, and tells every result as soon as there is one.

When the budget is over nobody wants the next result: the work is interrupted wherever its Python code is. Compiled code
that does not come back to Python is not, which is what the parent's killing is for.
"""

import pickle
import signal
import socket
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar, cast

from vpp.domain.errors import OutsideError
from vpp.infra.child_process import leave_with_parent
from vpp.infra.framed_link import FramedLink

A = TypeVar("A")
R = TypeVar("R")

NOTHING = object()
AnytimeWork = Callable[[A, float], Iterator[R]]
"""Given an argument and the seconds left; yields results, each to be preferred to those before it."""


class Said(StrEnum):
    """What a worker tells."""

    READY = "ready"
    RESULT = "result"
    DONE = "done"
    STOPPED = "stopped"
    RAISED = "raised"


class Word(NamedTuple):
    """One thing that a worker tells, with the result or the error."""

    said: Said
    payload: Any = None


class Order(NamedTuple):
    """What a worker is to do; ``deadline`` is a ``time.monotonic()`` value, the same clock in all processes."""

    work: AnytimeWork[Any, Any]
    argument: Any
    deadline: float


class _OverBudget(BaseException):
    """Raised in the middle of work whose results nobody waits for any more."""


class _Alarm:
    """Raises at the end of a budget, in work only: what is being sent is sent to its end."""

    def __init__(self) -> None:
        self.armed, self.rung = False, False
        signal.signal(signal.SIGALRM, self._ring)

    def wind(self, deadline: float) -> None:
        self.rung = False
        signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 1e-6))

    def stop(self) -> None:
        self.armed = False
        signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _ring(self, *_: object) -> None:
        self.rung = True
        if self.armed:
            self.armed = False
            raise _OverBudget


def serve(end: socket.socket, warm_up: Callable[[], object] | None) -> None:
    """The life of a worker: until the other end is gone."""
    leave_with_parent()
    link, alarm = FramedLink(end), _Alarm()
    if warm_up is not None:
        warm_up()
    try:
        link.send(Word(Said.READY))
        while True:
            link.send(_last_word(link, alarm, cast(Order, link.receive())))
    except EOFError:
        return


def _last_word(link: FramedLink, alarm: _Alarm, order: Order) -> Word:
    try:
        try:
            alarm.wind(order.deadline)
            said = _tell_results(link, alarm, order)
        finally:
            alarm.stop()
    except _OverBudget:
        return Word(Said.STOPPED)
    except EOFError:
        raise
    except Exception as error:  # noqa: BLE001 - whoever asked decides what to do about it
        return Word(Said.RAISED, _sendable(error))
    return Word(said)


def _tell_results(link: FramedLink, alarm: _Alarm, order: Order) -> Said:
    results = order.work(order.argument, order.deadline - time.monotonic())
    while not alarm.rung:
        alarm.armed = True
        result = next(results, NOTHING)
        alarm.armed = False
        if result is NOTHING:
            return Said.DONE
        link.send(Word(Said.RESULT, result))
    return Said.STOPPED


def _sendable(error: Exception) -> Exception:
    """The error itself where it survives the way, its words where it does not."""
    try:
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, made a line before
    except Exception:  # noqa: BLE001 - what an error's own pickling may raise is anybody's guess
        return OutsideError(f"work in a worker process failed with {type(error).__name__}: {error}")
    return error if isinstance(copy, type(error)) else OutsideError(str(error))
