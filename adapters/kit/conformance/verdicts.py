"""How a check says that a rule does not hold: what was seen, and what was expected."""

from typing import TypeVar

import numpy as np

from vpp.domain.errors import VppError
from vpp.domain.flexibility import Series

T = TypeVar("T")


class ConformanceError(VppError):
    """A rule does not hold."""


def expect_equal(what: str, seen: object, expected: object) -> None:
    """Passes when both are equal.

    Raises:
        ConformanceError: they are not; the message shows both.
    """
    if seen != expected:
        raise ConformanceError(f"{what}: saw {seen}, expected {expected}")


def expect_that(holds: object, what: str, seen: object, expected: str) -> None:
    """Passes when ``holds`` is true.

    Raises:
        ConformanceError: it is not; the message shows ``seen`` and what was expected.
    """
    if not holds:
        raise ConformanceError(f"{what}: saw {seen}, expected {expected}")


def expect_near(what: str, seen: float, expected: float, tolerance: float) -> None:
    """Passes when both differ by ``tolerance`` at most, in the same unit; ``nan`` never passes.

    Raises:
        ConformanceError: they differ more.
    """
    if not abs(seen - expected) <= tolerance:
        raise ConformanceError(f"{what}: saw {seen:g}, expected {expected:g} within {tolerance:g}")


def expect_at_most(what: str, seen: float, limit: float, tolerance: float = 0.0) -> None:
    """Passes when ``seen`` is a number and not above ``limit`` by more than ``tolerance``.

    Raises:
        ConformanceError: it is above, or ``nan``.
    """
    if not seen <= limit + tolerance:
        raise ConformanceError(f"{what}: saw {seen:g}, expected at most {limit:g} (tolerance {tolerance:g})")


def expect_finite(what: str, values: Series, count: int) -> None:
    """Passes when ``values`` are ``count`` finite numbers.

    Raises:
        ConformanceError: another shape, or some are not finite.
    """
    seen = np.asarray(values)
    expect_equal(f"{what}: shape", seen.shape, (count,))
    wrong = np.flatnonzero(~np.isfinite(seen))
    expect_that(not wrong.size, f"{what} at {wrong.tolist()}", seen[wrong].tolist(), "finite numbers")


def expect_true(what: str, seen: object) -> None:
    """Passes when ``seen`` is true.

    Raises:
        ConformanceError: it is not.
    """
    if not seen:
        raise ConformanceError(f"{what}: saw {seen}, expected it to be true")


def expect_false(what: str, seen: object) -> None:
    """Passes when ``seen`` is not true.

    Raises:
        ConformanceError: it is.
    """
    if seen:
        raise ConformanceError(f"{what}: saw {seen}, expected it to be false")


def expect_is(what: str, seen: object, form: type[T]) -> T:
    """``seen``, once it is known to be a ``form``.

    Raises:
        ConformanceError: it is something else, or ``None``.
    """
    if not isinstance(seen, form):
        raise ConformanceError(f"{what}: saw {type(seen).__name__}, expected {form.__name__}")
    return seen
