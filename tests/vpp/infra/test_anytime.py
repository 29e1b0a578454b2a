"""Anytime workers, with real processes: the newest result by the end of the budget, whatever the worker does."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.vpp.infra import anytime_work as work
from tests.vpp.infra.test_workers import signals_of
from vpp.domain.errors import InputError, OutsideError
from vpp.infra.anytime import AnytimeWorkers, Loss
from vpp.infra.anytime_call import Ending, Fallback, Newest
from vpp.infra.anytime_process import AnytimeWork

AMPLE_S = 60.0
Work = AnytimeWork[int, tuple[int, int]]
SHORT_S = 0.3
INSTEAD = (-1, 0)
FALLBACK = Fallback(lambda: INSTEAD, takes_s=0.05)


class Rig:
    """Workers, and what was told of those that were lost."""

    def __init__(self, grace_s: float) -> None:
        self.lost: list[Loss] = []
        self._told = threading.Condition()
        self.workers = AnytimeWorkers(spares=0, grace_s=grace_s, on_lost=self._on_lost)

    def _on_lost(self, how: Loss) -> None:
        with self._told:
            self.lost.append(how)
            self._told.notify_all()

    def ask(
        self, what: AnytimeWork[int, tuple[int, int]], first: int = 7, budget_s: float = AMPLE_S
    ) -> Newest[tuple[int, int]]:
        self.workers.warm()
        return self.workers.newest(what, first, budget_s=budget_s, fallback=FALLBACK)

    def wait_for_loss(self) -> None:
        with self._told:
            assert self._told.wait_for(lambda: self.lost, timeout=AMPLE_S)

    def pid(self) -> int:
        return self.ask(work.count_up, 1).result[1]


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(grace_s=AMPLE_S)
    with made.workers:
        yield made


@pytest.fixture
def strict_rig() -> Iterator[Rig]:
    made = Rig(grace_s=0.0)
    with made.workers:
        yield made


def test_newest__the_last_result_before_the_end_of_the_budget(rig: Rig) -> None:
    found = rig.ask(work.count_up, 5)
    assert (found.result[0], found.ending, found.by_worker) == (4, Ending.FINISHED, True)
    assert found.result[1] != os.getpid()
    assert rig.ask(work.count_up, 2).result == (1, found.result[1])
    assert rig.lost == []


def test_newest__python_that_goes_on_is_interrupted_and_its_worker_kept(rig: Rig) -> None:
    pid = rig.pid()
    found = rig.ask(work.one_then_endless_python, budget_s=SHORT_S)
    assert found == Newest((7, pid), Ending.OUT_OF_TIME)
    assert rig.pid() == pid
    assert rig.lost == []


def test_newest__a_worker_that_is_deaf_in_c_is_killed_and_replaced(strict_rig: Rig) -> None:
    found = strict_rig.ask(work.one_then_deaf_in_c, budget_s=SHORT_S)
    assert (found.result[0], found.ending) == (7, Ending.OUT_OF_TIME)
    strict_rig.wait_for_loss()
    assert strict_rig.lost == [Loss.KILLED]
    assert strict_rig.pid() != found.result[1]


def test_newest__results_without_end_are_cut_off(rig: Rig) -> None:
    found = rig.ask(work.endless_results, budget_s=SHORT_S)
    assert found.result[0] > 7
    assert found.ending is Ending.OUT_OF_TIME
    assert rig.ask(work.count_up, 1).ending is Ending.FINISHED


def test_newest__without_any_result_the_fallback_makes_one(rig: Rig) -> None:
    begun = time.monotonic()
    found = rig.ask(work.nothing_at_all, budget_s=SHORT_S)
    assert found == Newest(INSTEAD, Ending.OUT_OF_TIME, by_worker=False)
    assert time.monotonic() - begun >= SHORT_S


def test_newest__a_worker_that_ends_leaves_its_newest_result(rig: Rig) -> None:
    found = rig.ask(work.one_then_end_the_process)
    assert (found.result[0], found.ending, found.by_worker) == (7, Ending.WORKER_LOST, True)
    assert rig.ask(work.count_up, 1).ending is Ending.FINISHED
    assert rig.lost == [Loss.ENDED_AT_WORK]


def test_newest__work_that_ends_every_worker_is_not_tried_for_ever(rig: Rig) -> None:
    found = rig.ask(work.end_the_process, 3)
    assert found == Newest(INSTEAD, Ending.WORKER_LOST, by_worker=False)
    rig.workers.warm()
    assert rig.lost == [Loss.ENDED_AT_WORK] * 2


def test_newest__a_worker_killed_while_idle_is_replaced(rig: Rig) -> None:
    pid = rig.pid()
    os.kill(pid, signal.SIGKILL)
    assert rig.pid() not in {pid, INSTEAD[1]}
    assert len(rig.lost) == 1


@pytest.mark.parametrize(
    ("what", "error", "text"),
    [
        (work.one_then_refuse, InputError, "resource 'a' is not sound"),
        (work.fail_beyond_pickling, OutsideError, "work in a worker process failed with StubbornError: 1 and 2"),
    ],
)
def test_newest__an_exception_passes_through(rig: Rig, what: Work, error: type[Exception], text: str) -> None:
    pid = rig.pid()
    with pytest.raises(error, match=text):
        rig.ask(what)
    assert rig.pid() == pid


def test_newest__no_worker_ready_in_time() -> None:
    lost: list[Loss] = []
    with AnytimeWorkers(spares=0, warm_up=_never_warm, on_lost=lost.append) as workers:
        found = workers.newest(work.count_up, 1, budget_s=0.01, fallback=FALLBACK)
        with pytest.raises(OutsideError, match=r"no worker process was ready within 0\.01 s"):
            workers.warm(0.01)
    assert found == Newest(INSTEAD, Ending.NO_WORKER, by_worker=False)


def _never_warm() -> None:
    time.sleep(work.NO_END_S)


def test_newest__workers_that_cannot_start_are_told_of() -> None:
    told = threading.Event()
    lost: list[Loss] = []

    def on_lost(how: Loss) -> None:
        lost.append(how)
        told.set()

    with AnytimeWorkers(spares=0, warm_up=_end_at_once, on_lost=on_lost):
        assert told.wait(AMPLE_S)
    assert lost == [Loss.NOT_READY]


def _end_at_once() -> None:
    os._exit(3)


def test_close__whoever_waits_is_told(rig: Rig) -> None:
    rig.workers.warm()
    raised: list[Exception] = []

    def ask() -> None:
        try:
            rig.workers.newest(work.nothing_at_all, 7, budget_s=AMPLE_S, fallback=FALLBACK)
        except OutsideError as error:
            raised.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    _until(lambda: not rig.workers._ready)
    rig.workers.close()
    asking.join(AMPLE_S)
    assert [str(error) for error in raised] == ["the worker processes were ended in the middle of their work"]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + AMPLE_S
    while not true() and time.monotonic() < deadline:
        os.sched_yield()


def test_interrupts_are_the_parents(rig: Rig) -> None:
    pid = rig.pid()
    assert signal.SIGINT in signals_of(pid, "SigBlk")
    os.kill(pid, signal.SIGINT)
    assert rig.pid() == pid
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


ORPHANING = """
import os
from tests.vpp.infra import anytime_work as work
from vpp.infra.anytime import AnytimeWorkers
from vpp.infra.anytime_call import Fallback

if __name__ == "__main__":
    workers = AnytimeWorkers()
    workers.warm()
    found = workers.newest(work.one_then_endless_python, 7, budget_s=0.2, fallback=Fallback(lambda: (0, 0), 0.1))
    print(found.result[1], flush=True)
    os.kill(os.getpid(), 9)
"""


def test_leave_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "orphaning.py"
    script.write_text(ORPHANING, encoding="utf-8")

    # The pipe ends when the last process that holds it has ended, the workers included.
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert done.returncode == -signal.SIGKILL, done.stderr
    assert int(done.stdout) > 0
