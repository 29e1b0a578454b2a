"""The time that simulated devices live in: the machine's own, or one that runs faster from a stated instant."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from simulator.files import FileModel

_LONGEST_NAP_S = 30.0
"""The machine's time may be set while a task sleeps: look again at least this often."""


def strict_instant(value: Any) -> datetime:  # noqa: ANN401 - whatever stood in the file
    """An instant from text with an offset, or from YAML's own timestamp; numbers are no instants.

    Raises:
        ValueError: anything else.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"expected an instant such as 2026-07-22T14:00:00+08:00, found {value!r}") from None
    if not isinstance(value, datetime):
        raise ValueError(f"expected an instant such as 2026-07-22T14:00:00+08:00, found {value!r}")  # noqa: TRY004
    if value.utcoffset() is None:
        raise ValueError(f"expected an instant with a UTC offset, found {value.isoformat()}")
    return value.astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(strict_instant)]


class ClockFile(FileModel):
    """Scaled time: ``now = at + speed * (wall - wall_at)``; the same section stands in every process's file.

    Attributes:
        at: What the clock shows at ``wall_at``.
        wall_at: The machine's time that belongs to ``at``.
        speed: Scaled seconds per second.
    """

    at: Instant
    wall_at: Instant
    speed: Annotated[float, Field(gt=0, le=3600)]


class PlantClock:
    """Tells the devices' time and waits for it."""

    def __init__(self, told: ClockFile | None = None) -> None:
        """The machine's own time when nothing is told."""
        self._told = told

    def now(self) -> datetime:
        """The current instant, aware UTC."""
        wall = datetime.now(UTC)  # noqa: TID251 - this is the simulated devices' clock
        if self._told is None:
            return wall
        return self._told.at + self._told.speed * (wall - self._told.wall_at)

    async def sleep_until(self, instant: datetime) -> None:
        """Returns once ``now() >= instant``; at once when that is already so."""
        speed = 1.0 if self._told is None else self._told.speed
        while (wait := instant - self.now()) > timedelta():  # noqa: ASYNC110 - nothing to wait on but time
            await asyncio.sleep(min(wait.total_seconds() / speed, _LONGEST_NAP_S))
