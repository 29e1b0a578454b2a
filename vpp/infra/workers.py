"""Where blocking work is done: at once, in a thread, or in a warm process of its own."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from vpp.domain.errors import OutsideError
from vpp.infra.child_process import interrupts_held_back, leave_with_parent

P = ParamSpec("P")
R = TypeVar("R")


class InlineWorkers:
    """Does the work at once, on the event loop: no thread, no other order. For virtual time and tests."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; its exception passes through."""
        return function(*args, **kwargs)


class ThreadWorkers:
    """Threads, for work that waits (databases, files); given back when the context is left."""

    def __init__(self, count: int = 1, *, name: str = "vpp-worker") -> None:
        """``count`` threads; with one, work is done in the order of asking."""
        self._executor = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; its exception passes through.

        Cancelling gives up waiting: work that has begun runs to its end.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(function, *args, **kwargs))

    def close(self) -> None:
        """Drops work not yet begun, waits for the rest, and ends the workers."""
        self._executor.shutdown(wait=True, cancel_futures=True)


class ProcessWorkers:
    """Processes, for work that computes (the optimiser), so that the event loop never waits for a solve.

    Functions, arguments and results are pickled. Workers are started fresh, not forked: a fork would inherit sockets.
    A worker outlives nobody: Ctrl-C at the terminal is its parent's to handle, and it ends when its parent does,
    however that came about.
    """

    def __init__(self, count: int = 1, *, warm_up: Callable[[], object] | None = None) -> None:
        """``count`` processes.

        Args:
            count: Processes, > 0.
            warm_up: Called once in each process before its first work, such as an import that takes seconds;
                begins at the first ``run`` or ``warm``.
        """
        self._count = count
        self._warm_up = warm_up
        self._abandoned = False
        self._executor = self._new_executor()

    def _new_executor(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            max_workers=self._count, mp_context=context, initializer=_begin, initargs=(self._warm_up,)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.abandon()
        self.close()

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; its exception passes through.

        Cancelling gives up waiting: work that has begun goes on until the workers are closed or abandoned. Work whose
        process is killed in the middle is done once more, by a new one.

        Raises:
            OutsideError: that process ended as well.
        """
        work = partial(function, *args, **kwargs)
        for _ in range(2):
            executor = self._executor
            try:
                with interrupts_held_back():
                    done = asyncio.get_running_loop().run_in_executor(executor, work)
                return await done
            except BrokenProcessPool as error:
                if self._abandoned:
                    raise OutsideError("the worker processes were ended in the middle of their work") from error
                # Several may have waited for the same pool: the first of them replaces it.
                if self._executor is executor:
                    self._executor = self._new_executor()
                    executor.shutdown(wait=False)
        raise OutsideError("a worker process ended in the middle of its work, and so did the one after it")

    def abandon(self) -> None:
        """Ends the processes in the middle of what they do: nobody waits for it any more."""
        self._abandoned = True
        # Python 3.14 has a method for it; until then the executor's own table is the only way to its processes.
        for process in list((self._executor._processes or {}).values()):  # noqa: SLF001
            process.terminate()

    def close(self) -> None:
        """Drops work not yet begun, waits for the rest, and ends the workers."""
        self._executor.shutdown(wait=True, cancel_futures=True)

    async def warm(self) -> None:
        """Returns once a process has started and warmed up, so that the first real work finds it ready."""
        await self.run(int)


def _begin(warm_up: Callable[[], object] | None) -> None:
    """Runs first in each worker process."""
    leave_with_parent()
    if warm_up is not None:
        warm_up()
