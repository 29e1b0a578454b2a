"""Where blocking work is done: at once, in a thread, or in a warm process of its own."""

import asyncio
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class InlineWorkers:
    """Does the work at once, on the event loop: no thread, no other order. For virtual time and tests."""

    async def run(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The function's result; its exception passes through."""
        return function(*args, **kwargs)


class _PoolWorkers:
    """Work in an executor, given back when the context is left."""

    def __init__(self, executor: ThreadPoolExecutor | ProcessPoolExecutor) -> None:
        self._executor = executor

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


class ThreadWorkers(_PoolWorkers):
    """Threads, for work that waits (databases, files)."""

    def __init__(self, count: int = 1, *, name: str = "vpp-worker") -> None:
        """``count`` threads; with one, work is done in the order of asking."""
        super().__init__(ThreadPoolExecutor(max_workers=count, thread_name_prefix=name))


class ProcessWorkers(_PoolWorkers):
    """Processes, for work that computes (the optimiser), so that the event loop never waits for a solve.

    Functions, arguments and results are pickled. Workers are started fresh, not forked: a fork would inherit sockets.
    """

    def __init__(self, count: int = 1, *, warm_up: Callable[[], object] | None = None) -> None:
        """``count`` processes.

        Args:
            count: Processes, > 0.
            warm_up: Called once in each process before its first work, such as an import that takes seconds;
                begins at the first ``run`` or ``warm``.
        """
        context = multiprocessing.get_context("spawn")
        super().__init__(ProcessPoolExecutor(max_workers=count, mp_context=context, initializer=warm_up))

    async def warm(self) -> None:
        """Returns once a process has started and warmed up, so that the first real work finds it ready."""
        await self.run(int)
