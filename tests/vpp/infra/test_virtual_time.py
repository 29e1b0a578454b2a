"""Virtual time: order, cancellation, timeouts, repeatability, and the end of the world."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from vpp.domain.errors import InvariantError
from vpp.infra.virtual_time import VirtualClock, VirtualTimeLoop, run_virtual

START = datetime(2026, 7, 20, 4, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_run_virtual__hours_pass_in_no_time() -> None:
    async def main() -> datetime:
        clock = VirtualClock()
        await clock.sleep_until(START + timedelta(hours=30))
        return clock.now()

    before = time.monotonic()
    assert run_virtual(main(), START) == START + timedelta(hours=30)
    assert time.monotonic() - before < 1.0


def test_run_virtual__timers_fire_in_order_of_time_then_of_setting() -> None:
    async def main() -> list[int]:
        clock, woken = VirtualClock(), list[int]()

        async def sleeper(number: int, instant: datetime) -> None:
            await clock.sleep_until(instant)
            woken.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(sleeper(number, START + (number % 5) * MINUTE))
        return woken

    assert run_virtual(main(), START) == sorted(range(50), key=lambda number: (number % 5, number))


def test_sleep_until__past_instant_returns_at_once() -> None:
    async def main() -> datetime:
        clock = VirtualClock()
        await clock.sleep_until(START - MINUTE)
        return clock.now()

    assert run_virtual(main(), START) == START


def test_sleep_until__minute_ticks_do_not_drift() -> None:
    async def main() -> list[datetime]:
        clock, ticks = VirtualClock(), list[datetime]()
        for minute in range(3 * 24 * 60):
            await clock.sleep_until(START + minute * MINUTE)
            ticks.append(clock.now())
        return ticks

    assert run_virtual(main(), START) == [START + minute * MINUTE for minute in range(3 * 24 * 60)]


def test_run_virtual__timeout_in_virtual_time() -> None:
    async def main() -> datetime:
        clock = VirtualClock()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.Event().wait()
        return clock.now()

    assert run_virtual(main(), START) == START + timedelta(seconds=90)


def test_run_virtual__cancelled_sleep_does_not_hold_time() -> None:
    async def main() -> datetime:
        clock = VirtualClock()
        async with asyncio.TaskGroup() as group:
            sleeper = group.create_task(clock.sleep_until(START + timedelta(days=1)))
            await clock.sleep_until(START + MINUTE)
            sleeper.cancel()
        assert sleeper.cancelled()
        return clock.now()

    assert run_virtual(main(), START) == START + MINUTE


def test_run_virtual__two_runs_are_equal() -> None:
    async def main() -> list[tuple[int, datetime]]:
        clock, queue, log = VirtualClock(), asyncio.Queue[int](maxsize=3), list[tuple[int, datetime]]()

        async def produce(number: int) -> None:
            for step in range(20):
                await asyncio.sleep(((number * 7 + step * 3) % 11) / 10)
                await queue.put(number)

        async def consume() -> None:
            for _ in range(100):
                log.append((await queue.get(), clock.now()))
                await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            group.create_task(consume())
            for number in range(5):
                group.create_task(produce(number))
        return log

    assert run_virtual(main(), START) == run_virtual(main(), START)


def test_run_virtual__standstill_names_the_waiting_tasks() -> None:
    async def main() -> None:
        clock = VirtualClock()
        await clock.sleep_until(START + MINUTE)
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.Event().wait(), name="listener")

    with pytest.raises(
        InvariantError, match=r"stands still at 2026-07-20T04:01:00Z: nothing is ready .* tasks: .*listener"
    ):
        run_virtual(main(), START)


def test_run_virtual__exception_of_main_passes_through() -> None:
    async def main() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_virtual(main(), START)


def test_virtual_clock__other_loop_is_refused() -> None:
    async def main() -> None:
        VirtualClock()

    with pytest.raises(InvariantError, match="needs a virtual-time loop"):
        asyncio.run(main())


def test_virtual_time_loop__naive_start_is_refused() -> None:
    with pytest.raises(InvariantError, match="2026-07-20T04:00:00: it has no UTC offset"):
        VirtualTimeLoop(START.replace(tzinfo=None))
