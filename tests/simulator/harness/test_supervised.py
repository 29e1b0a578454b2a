"""Processes under supervisord: one that dies comes back alone, and none is left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from simulator.harness.supervised import Program, Supervised, SupervisorError, require_unused, supervise

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)", "100%")


async def pid_of(supervised: Supervised, name: str) -> int:
    """The process id that supervisorctl knows; 0 while there is none."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("supervisorctl")),
        "-c",
        str(supervised.config),
        "pid",
        name,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    text = out.decode().strip()
    return int(text) if text.isdigit() else 0


async def running(supervised: Supervised, name: str, *, beside: int = 0) -> int:
    """Its process id once it runs, as another process than ``beside``."""
    while (pid := await pid_of(supervised, name)) in {0, beside}:
        supervised.check()
    return pid


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_supervise__restarts_one_and_leaves_the_others_alone(tmp_path: Path) -> None:
    async with supervise(tmp_path, [Program("first", SLEEP, 1), Program("second", SLEEP, 2)]) as supervised:
        first, second = await running(supervised, "first"), await running(supervised, "second")

        with pytest.raises(SupervisorError, match=r"a demonstration runs here \(supervisord, process \d+\)"):
            require_unused(tmp_path)
        os.kill(second, signal.SIGKILL)
        again = await running(supervised, "second", beside=second)

        assert await pid_of(supervised, "first") == first
    assert not any(alive(pid) for pid in (first, second, again))
    assert supervised.process.returncode == 0
    require_unused(tmp_path)


async def test_check__says_when_the_supervisor_has_ended(tmp_path: Path) -> None:
    async with supervise(tmp_path, [Program("only", SLEEP, 1)]) as supervised:
        pid = await running(supervised, "only")
        supervised.process.send_signal(signal.SIGTERM)
        await supervised.process.wait()

        with pytest.raises(SupervisorError, match=r"supervisord has ended with 0; its logs: .*logs"):
            supervised.check()
    assert not alive(pid)
