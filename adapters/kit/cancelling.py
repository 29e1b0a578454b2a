"""A cancellation that a library has swallowed is passed on.

Before Python 3.12 ``asyncio.wait_for`` gives its result, and forgets that the task was cancelled, when both happen at
once; a gateway would then never stop.
"""

import asyncio


def pass_on_cancellation() -> None:
    """To be called behind an await on a library that uses ``wait_for``.

    Raises:
        CancelledError: the running task was asked to end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
