"""What all processes that we start have in common: Ctrl-C is their parent's to handle, and they end when it does."""

import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker, util

LONGEST_FOLDER_NAME = 60
SHORT_FOLDER = "/tmp"  # noqa: S108 - the folder made in it has a name of its own and belongs to this user


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, not even while they start: they inherit the blocked signal."""
    # The tracker's own start would let the signal through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_socket_names_short() -> None:
    """Makes multiprocessing's own folder of sockets below ``/tmp`` where the temporary folder's name is long.

    The name of a Unix socket holds 107 bytes; a server whose name does not fit never comes up.
    """
    if len(tempfile.gettempdir()) <= LONGEST_FOLDER_NAME:
        return
    before = tempfile.tempdir
    tempfile.tempdir = SHORT_FOLDER
    try:
        # Made at its first use, kept from then on, and removed when this process ends.
        util.get_temp_dir()
    finally:
        tempfile.tempdir = before


def leave_with_parent() -> None:
    """From now on this process ends with its parent, however that came about."""
    threading.Thread(target=_wait_for_parent, name="leave with parent", daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
