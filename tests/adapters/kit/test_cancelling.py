import asyncio

import pytest

from adapters.kit.cancelling import pass_on_cancellation


async def test_pass_on_cancellation__what_a_library_has_swallowed_ends_the_task() -> None:
    reached = asyncio.Event()
    passed = asyncio.Event()

    async def work() -> None:
        pass_on_cancellation()
        reached.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            passed.set()
        pass_on_cancellation()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(work())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert passed.is_set()
