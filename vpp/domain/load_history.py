"""Past load of many meters by day and slot: what baselines and their placebo tests are made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError
from vpp.domain.timegrid import INTERVAL, TimeGrid, day_grid, trading_day

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
Slots = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class LoadHistory:
    """Mean power per meter, day and slot of the day.

    Attributes:
        days: Ascending, without repeats, gaps allowed; may include the event day, of which only the adjustment window
            is read.
        power_kw: Shape (meters, days, slots), ``nan`` for a missing reading (anything that is
            not finite counts as missing); 96 slots of 15 minutes or 24 of an hour,
            by the local clock.
        event_days: Shape (meters, days): the meter answered an event on that day.
        outage_days: Shape (meters, days): supply was interrupted or the meter's owner reported an abnormal day.

    Raises:
        InputError: shapes disagree, or days are out of order.
    """

    meter_ids: tuple[str, ...]
    days: tuple[date, ...]
    power_kw: NDArray[np.floating]
    event_days: Mask
    outage_days: Mask

    def __post_init__(self) -> None:
        by_day = (len(self.meter_ids), len(self.days))
        for name, shape in (
            ("power_kw", self.power_kw.shape[:2]),
            ("event_days", self.event_days.shape),
            ("outage_days", self.outage_days.shape),
        ):
            if shape != by_day:
                raise InputError(f"load history: {name} is for {shape} (meters, days), expected {by_day}")
        if any(later <= earlier for earlier, later in zip(self.days, self.days[1:], strict=False)):
            raise InputError("load history: days must ascend without repeats")

    @classmethod
    def of(
        cls,
        meter_ids: Sequence[str],
        days: Sequence[date],
        power_kw: NDArray[np.floating],
        *,
        event_days: Mask | None = None,
        outage_days: Mask | None = None,
    ) -> "LoadHistory":
        """A history; masks left out mean that there was no event or outage."""
        none = np.zeros((len(meter_ids), len(days)), dtype=np.bool_)
        return cls(
            tuple(meter_ids),
            tuple(days),
            power_kw,
            none if event_days is None else event_days,
            none if outage_days is None else outage_days,
        )

    @property
    def slots_per_day(self) -> int:
        """Slots that a day is cut into."""
        return int(self.power_kw.shape[2])

    @property
    def slot_h(self) -> float:
        """Length of a slot in hours."""
        return 24.0 / self.slots_per_day

    def summed(self, meter_id: str) -> "LoadHistory":
        """All meters as one: a slot is missing where any meter misses it, a day excluded where any meter's is."""
        return LoadHistory(
            (meter_id,),
            self.days,
            self.power_kw.sum(axis=0, keepdims=True, dtype=np.float64),
            np.asarray(self.event_days.any(axis=0))[None, :],
            np.asarray(self.outage_days.any(axis=0))[None, :],
        )


@dataclass(frozen=True, slots=True, eq=False)
class EventHours:
    """The event as slots of one local day.

    Attributes:
        slots: Ascending slot numbers, shape (T,), T >= 1; the first one begins the event.
        output_slots: Slots that a baseline is wanted for; the event's own by default, or the whole day's.
    """

    day: date
    slots: Slots
    output_slots: Slots = field(default_factory=lambda: np.array([], dtype=np.intp))

    def __post_init__(self) -> None:
        if self.slots.size == 0:
            raise InputError(f"event on {self.day.isoformat()} has no interval")
        if self.output_slots.size == 0:
            object.__setattr__(self, "output_slots", self.slots)

    @classmethod
    def of_grid(cls, grid: TimeGrid, *, whole_day: bool = False) -> "EventHours":
        """The event on ``grid`` in the district's trading day.

        Raises:
            InputError: the event passes midnight; baselines are made per trading day.
        """
        day = trading_day(grid.start)
        full = day_grid(day)
        if grid.end > full.end:
            raise InputError(f"event passes the end of trading day {day.isoformat()}: ask for each day's part apart")
        slots = np.arange(len(grid), dtype=np.intp) + (grid.start - full.start) // INTERVAL
        return cls(day, slots, np.arange(len(full), dtype=np.intp) if whole_day else slots)
