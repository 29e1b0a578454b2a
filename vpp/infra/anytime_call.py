"""One time of asking an anytime worker: what has come so far, and what is to be done when nothing has."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar, cast

from vpp.infra.anytime_process import AnytimeWork, Order, Said, Word
from vpp.infra.framed_link import FramedLink

A = TypeVar("A")
R = TypeVar("R")

LOOK_EVERY_S = 0.005


class Ending(StrEnum):
    """How a worker came to its newest result."""

    FINISHED = "finished"
    OUT_OF_TIME = "out of time"
    WORKER_LOST = "worker lost"
    NO_WORKER = "no worker"


@dataclass(frozen=True, slots=True)
class Newest(Generic[R]):
    """The newest result.

    Attributes:
        by_worker: ``False`` where no worker had any and the fallback made it.
    """

    result: R
    ending: Ending
    by_worker: bool = True


@dataclass(frozen=True, slots=True)
class Fallback(Generic[R]):
    """Makes a result in the process of whoever asks.

    Attributes:
        make: Must be quick.
        takes_s: How long it will take, about: it begins that long before the end of the budget where no worker has had
            any result by then, in a thread of its own.
    """

    make: Callable[[], R]
    takes_s: float


class AnytimeCall(Generic[A, R]):
    """Asks one worker, or another after it.

    Attributes:
        deadline: End of the budget, a ``time.monotonic()`` value.
        fallback_at: When the fallback begins if there is no result by then; never before half of the budget is over.
        newest: What came last, in a tuple of its own; ``None`` before that.
    """

    def __init__(
        self,
        work: AnytimeWork[A, R],
        argument: A,
        budget_s: float,
        fallback: Fallback[R],
        aside: Callable[[Callable[[], R]], Future[R]],
    ) -> None:
        """The budget begins now; ``aside`` makes the fallback's result in another thread."""
        begun = time.monotonic()
        self.deadline = begun + budget_s
        self.fallback_at = max(self.deadline - fallback.takes_s, begun + budget_s / 2)
        self.newest: tuple[R] | None = None
        self.ending = Ending.NO_WORKER
        self._raised: Exception | None = None
        self._order = Order(work, argument, self.deadline)
        self._fallback, self._aside = fallback, aside
        self._instead: Future[R] | None = None

    def ask(self, link: FramedLink) -> bool:
        """Takes results until the worker is done or gone, or the budget is over and there is a result.

        Returns:
            Whether the worker is free again.
        """
        try:
            link.send(self._order, deadline=self.fallback_at)
            self.ending = self._listen(link)
        except TimeoutError:
            self.ending = Ending.OUT_OF_TIME
            return False
        except EOFError:
            self.ending = Ending.WORKER_LOST
            return False
        return True

    def answer(self) -> Newest[R]:
        """The newest result, the fallback's where no worker had any; raises what the work has raised."""
        if self._raised is not None:
            raise self._raised
        if self.newest is not None:
            return Newest(self.newest[0], self.ending)
        instead = self._fallback.make() if self._instead is None else self._instead.result()
        return Newest(instead, self.ending, by_worker=False)

    def _listen(self, link: FramedLink) -> Ending:
        while not self._time_is_up():
            try:
                word = cast(Word, link.receive(deadline=self._look_until()))
            except TimeoutError:
                self._begin_fallback()
                continue
            if word.said is Said.RESULT:
                self.newest = (word.payload,)
                continue
            if word.said is Said.RAISED:
                self._raised = word.payload
            return Ending.OUT_OF_TIME if word.said is Said.STOPPED else Ending.FINISHED
        raise TimeoutError("the budget is over")

    def _look_until(self) -> float:
        if self.newest is not None:
            return self.deadline
        return self.fallback_at if self._instead is None else time.monotonic() + LOOK_EVERY_S

    def _time_is_up(self) -> bool:
        has_result = self.newest is not None or (self._instead is not None and self._instead.done())
        return has_result and time.monotonic() >= self.deadline

    def _begin_fallback(self) -> None:
        if self.newest is None and self._instead is None:
            self._instead = self._aside(self._fallback.make)
