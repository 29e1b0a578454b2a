"""A cancellation that aiomqtt has swallowed is passed on.

Before Python 3.12 ``asyncio.wait_for`` gives its result, and forgets that the task was cancelled, when both happen at
once; a task group would then wait for ever for a task that it has asked to end, and not hear of any signal.
``adapters.kit.cancelling`` is the same for gateways: they may not import infrastructure, nor the controller theirs, and
what both may import (domain, ports, wire) has no part in how tasks are run.
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
