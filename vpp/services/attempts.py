"""Failed attempts to log in: who has to wait, and how long; bounded memory, lost in a restart."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

FORGET_AFTER = timedelta(minutes=15)
LONGEST_WAIT = timedelta(minutes=15)
FIRST_WAIT = timedelta(seconds=2)
KEPT = 10_000
FREE_OF_PAIR = 5
FREE_OF_ADDRESS = 30
FREE_OF_NAME = 100
"""Many addresses guess at one name: high, so that nobody locks the operator out from elsewhere with five requests."""


@dataclass(slots=True)
class _Failures:
    count: int
    last_at: datetime


class Attempts:
    """Counts failures by name and address together, by address, and by name; past a free number each doubles the wait.

    What was counted first is forgotten first when there are more than ``KEPT`` of them.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def wait(self, name: str, address: str, now: datetime) -> timedelta:
        """How long the next attempt has to wait; zero when it may be made."""
        return max((self._wait(key, free, now) for key, free in _keys(name, address)), default=timedelta())

    def failed(self, name: str, address: str, now: datetime) -> None:
        """One more failure."""
        for key, _ in _keys(name, address):
            known = self._failures.pop(key, None)
            count = known.count if known is not None and now - known.last_at < FORGET_AFTER else 0
            self._failures[key] = _Failures(count + 1, now)
        while len(self._failures) > self._kept:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The last attempt was none of the failures; that name from that address begins anew."""
        for key, _ in _keys(name, address):
            if (known := self._failures.get(key)) is not None:
                known.count -= 1
        self._failures.pop(_pair(name, address), None)

    def _wait(self, key: tuple[str, str], free: int, now: datetime) -> timedelta:
        known = self._failures.get(key)
        if known is None or known.count < free or now - known.last_at >= FORGET_AFTER:
            return timedelta()
        doublings = min(known.count - free, 16)
        return max(known.last_at + min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT) - now, timedelta())


def _pair(name: str, address: str) -> tuple[str, str]:
    return f"{name}\n{address}", "pair"


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (
        (_pair(name, address), FREE_OF_PAIR),
        ((address, "address"), FREE_OF_ADDRESS),
        ((name, "name"), FREE_OF_NAME),
    )
