"""Workers: results and exceptions pass through, wherever the work is done."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from vpp.domain.errors import OutsideError
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


def signals_of(pid: int, name: str) -> set[int]:
    """The signals in a mask of a process, such as ``SigBlk``."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    mask = int(next(line for line in status if line.startswith(f"{name}:")).split()[1], base=16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_process_workers__interrupts_are_the_parents() -> None:
    async def main(workers: ProcessWorkers) -> int:
        return await workers.run(os.getpid)

    with ProcessWorkers() as workers:
        pid = asyncio.run(main(workers))
        assert signal.SIGINT in signals_of(pid, "SigBlk")
        assert signal.SIGTERM not in signals_of(pid, "SigBlk")
        os.kill(pid, signal.SIGINT)
        assert asyncio.run(main(workers)) == pid
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_process_workers__nobody_waits_for_work_that_was_given_up() -> None:
    async def main() -> None:
        with ProcessWorkers() as workers:
            await workers.warm()
            async with asyncio.timeout(0.1):
                await workers.run(time.sleep, 60)

    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(main())
    assert time.monotonic() - begun < 30


ORPHANING = """
import asyncio, os
from vpp.domain.errors import OutsideError
from vpp.infra.workers import ProcessWorkers

async def main():
    workers = ProcessWorkers()
    print(await workers.run(os.getpid), flush=True)
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_process_workers__leave_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "orphaning.py"
    script.write_text(ORPHANING, encoding="utf-8")

    # The pipe ends when the last process that holds it has ended, the worker included.
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == -signal.SIGKILL
    assert int(done.stdout) > 0


def test_process_workers__a_killed_process_is_replaced() -> None:
    async def main() -> tuple[int, int]:
        with ProcessWorkers() as workers:
            first = await workers.run(os.getpid)
            os.kill(first, signal.SIGKILL)
            return first, await workers.run(os.getpid)

    first, second = asyncio.run(main())
    assert first != second


def test_process_workers__work_that_kills_its_process_is_not_tried_for_ever() -> None:
    async def main() -> None:
        with ProcessWorkers() as workers:
            await workers.run(os._exit, 3)

    with pytest.raises(OutsideError, match="a worker process ended in the middle of its work, and so did the one"):
        asyncio.run(main())
