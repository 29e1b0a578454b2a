"""A clock that can be set forward and back, as a time server does to a machine."""

from datetime import datetime, timedelta

from vpp.ports import Clock

LONGEST_NAP = timedelta(seconds=5)


class ShiftingClock:
    """Implements ``Clock`` over another one.

    Attributes:
        offset: Added to the other clock; may be changed at any time.
    """

    def __init__(self, inner: Clock) -> None:
        self._inner = inner
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The shifted present."""
        return self._inner.now() + self.offset

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once the shifted present has reached ``instant``, a few seconds late at most after a step."""
        while (now := self.now()) < instant:
            await self._inner.sleep_until(self._inner.now() + min(instant - now, LONGEST_NAP))
