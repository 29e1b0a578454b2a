"""Clocks; real time passes only in milliseconds here, and only lower bounds are asserted."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from vpp.domain.errors import InputError, InvariantError
from vpp.infra.clock import ScaledClock, SystemClock

EPOCH = datetime(2026, 7, 20, 4, 0, tzinfo=UTC)


def test_system_clock__sleeps_until_the_instant_and_not_for_the_past() -> None:
    async def main() -> None:
        clock = SystemClock()
        instant = clock.now() + timedelta(milliseconds=20)
        await clock.sleep_until(instant)
        assert clock.now() >= instant
        await clock.sleep_until(EPOCH - timedelta(days=10_000))

    assert SystemClock().now().utcoffset() == timedelta()
    asyncio.run(main())


def test_scaled_clock__runs_faster_from_its_epoch() -> None:
    async def main() -> None:
        begun = time.monotonic()
        clock = ScaledClock(EPOCH, speed=36_000.0)
        assert clock.now() >= EPOCH
        await clock.sleep_until(EPOCH + timedelta(hours=1))
        assert clock.now() >= EPOCH + timedelta(hours=1)
        assert 0.1 <= time.monotonic() - begun < 5.0

    asyncio.run(main())


def test_hold__stands_still_and_sleepers_sleep_on() -> None:
    async def main() -> None:
        clock = ScaledClock(EPOCH, speed=36_000.0)
        async with asyncio.TaskGroup() as group:
            sleeper = group.create_task(clock.sleep_until(EPOCH + timedelta(minutes=10)))
            clock.hold()
            held_at = clock.now()
            clock.hold()
            await asyncio.sleep(0.05)
            clock.resume()
            await asyncio.sleep(0.05)
            assert clock.now() == held_at
            assert not sleeper.done()
            clock.resume()
            await sleeper
            assert clock.now() >= EPOCH + timedelta(minutes=10)

    asyncio.run(main())


def test_hold__what_passed_before_counts_once() -> None:
    async def main() -> None:
        clock = ScaledClock(EPOCH, speed=3_600.0)
        for _ in range(5):
            before = clock.now()
            clock.hold()
            clock.resume()
            assert clock.now() >= before
        assert clock.now() - EPOCH < timedelta(hours=1)

    asyncio.run(main())


def test_resume__without_hold_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(InvariantError, match="resumed more often than it was held"):
            ScaledClock(EPOCH, speed=1.0).resume()

    asyncio.run(main())


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_scaled_clock__bad_speed_is_refused(speed: float) -> None:
    with pytest.raises(InputError, match=f"clock speed {speed} is not a positive number"):
        ScaledClock(EPOCH, speed=speed)


def test_scaled_clock__naive_epoch_is_refused() -> None:
    with pytest.raises(InputError, match="clock epoch 2026-07-20T04:00:00 has no UTC offset"):
        ScaledClock(EPOCH.replace(tzinfo=None), speed=1.0)
