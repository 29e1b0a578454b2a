"""Work for anytime workers, by name: their processes import it."""

import ctypes
import os
import signal
import time
from collections.abc import Iterator

from vpp.domain.errors import InputError

NO_END_S = 3600


def count_up(numbers: int, left_s: float) -> Iterator[tuple[int, int]]:
    assert left_s > 0.0
    for number in range(numbers):
        yield number, os.getpid()


def one_then_endless_python(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    yield first, os.getpid()
    while True:
        time.sleep(left_s / 100)


def one_then_deaf_in_c(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    """Sleeps where no signal handler of Python's is heard."""
    yield first, os.getpid()
    libc = ctypes.PyDLL(None)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    libc.sleep(NO_END_S)
    yield round(left_s), 0


def endless_results(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    while left_s:
        yield first, os.getpid()
        first += 1


def nothing_at_all(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    time.sleep(NO_END_S * left_s)
    yield first, 0


def one_then_end_the_process(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    yield first, round(left_s)
    os._exit(3)


def end_the_process(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    os.kill(os.getpid(), signal.SIGKILL)
    yield first, round(left_s)


def one_then_refuse(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    yield first, round(left_s)
    raise InputError("resource 'a' is not sound")


class StubbornError(Exception):
    """Survives no pickling."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def fail_beyond_pickling(first: int, left_s: float) -> Iterator[tuple[int, int]]:
    yield first, round(left_s)
    raise StubbornError(1, 2)
