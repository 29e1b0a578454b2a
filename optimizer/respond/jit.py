"""Compiles the inner loops to machine code, kept on disk where a folder can be written."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """``function`` in machine code, compiled at its first call (or read from disk), releasing Python's lock.

    No fast maths: sums keep their order, so that a plan depends on its problem alone.
    """
    try:
        return cast(F, numba.njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # A file system that is read-only throughout leaves numba no place to keep its code: each process compiles.
        return cast(F, numba.njit(cache=False, nogil=True)(function))
