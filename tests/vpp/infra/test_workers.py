"""Workers: results and exceptions pass through, wherever the work is done."""

import asyncio
import os
import threading

import pytest

from vpp.infra.workers import InlineWorkers, ProcessWorkers, ThreadWorkers


def test_inline_workers__result_exception_and_place() -> None:
    workers = InlineWorkers()
    assert asyncio.run(workers.run(divmod, 7, 2)) == (3, 1)
    assert asyncio.run(workers.run(int, "ff", base=16)) == 255
    assert asyncio.run(workers.run(threading.get_ident)) == threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        asyncio.run(workers.run(divmod, 1, 0))


def test_thread_workers__result_exception_and_place() -> None:
    with ThreadWorkers() as workers:
        assert asyncio.run(workers.run(divmod, 7, 2)) == (3, 1)
        assert asyncio.run(workers.run(threading.get_ident)) != threading.get_ident()
        with pytest.raises(ZeroDivisionError):
            asyncio.run(workers.run(divmod, 1, 0))
    with pytest.raises(RuntimeError, match="after shutdown"):
        asyncio.run(workers.run(divmod, 7, 2))


def test_thread_workers__one_thread_keeps_the_order() -> None:
    done: list[int] = []

    async def main(workers: ThreadWorkers) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(workers.run(done.append, number))

    with ThreadWorkers() as workers:
        asyncio.run(main(workers))
    assert done == list(range(100))


def test_process_workers__one_warm_process_does_all() -> None:
    async def main(workers: ProcessWorkers) -> set[int]:
        await workers.warm()
        with pytest.raises(ZeroDivisionError):
            await workers.run(divmod, 1, 0)
        return {await workers.run(os.getpid) for _ in range(3)}

    with ProcessWorkers() as workers:
        places = asyncio.run(main(workers))
    assert len(places) == 1
    assert places != {os.getpid()}
