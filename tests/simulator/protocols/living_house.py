"""A house of simulated devices on a clock that is moved by hand, and on disk only as long as it is looked at."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from simulator.clock import ClockFile, PlantClock
from simulator.history import ZONE
from simulator.protocols.house import House
from simulator.protocols.journal import DeviceJournal
from simulator.rolling import RollingPlant

START = datetime(2026, 7, 22, 23, 0, tzinfo=ZONE)


class HandClock(PlantClock):
    """Shows what it was set to, and sleeps on until then."""

    def __init__(self, at: datetime) -> None:
        super().__init__(ClockFile(at=at, wall_at=datetime(2026, 1, 1, tzinfo=UTC), speed=1.0))
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_minutes(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)


@contextmanager
def living(rolling: RollingPlant, maps: Path, state: Path, clock: PlantClock) -> Iterator[House]:
    """A house on ``state`` that lets go of it at the end, as a killed process does."""
    journal = DeviceJournal(state, {"seed": rolling.seed})
    try:
        yield House(rolling, maps, journal, clock)
    finally:
        journal.close()
