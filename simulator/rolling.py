"""A plant that lives on: one local day after another, without end, from a seed and a start.

The first day is the scenario's own, moved to the start's date: its history, weather, sessions and noise are those of a
run in one process. Every later day is drawn from the seed and its number; what the devices carry (cars, registers,
temperatures, states of charge, limits) goes over midnight unchanged. Only two days are ever held.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

from simulator.faults import Faults
from simulator.history import ZONE, WeatherSpec, Window
from simulator.plant import Plant, PlantState
from simulator.scenario import Scenario, draw_faults
from simulator.seasons import tmax_after_c
from simulator.streams import Streams, key_of

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
QUARTER_MIN = 15


class StartError(ValueError):
    """The start of a plant's life is not an instant with an offset on the 15-minute grid."""


def moved(scenario: Scenario, start: datetime) -> Scenario:
    """The scenario on the local day of ``start``, its window reaching from ``start`` to midnight.

    History, temperatures, enrolment and people keep their order: the day before the start is the scenario's day before.

    Raises:
        StartError: see the class.
    """
    if start.tzinfo is None:
        raise StartError(f"start {start.isoformat()}: expected an instant with a UTC offset")
    local = start.astimezone(ZONE)
    if local.minute % QUARTER_MIN or local.second or local.microsecond:
        raise StartError(f"start {start.isoformat()}: expected a quarter-hour, such as {_floored(local).isoformat()}")
    day = local.date()
    window = Window(day, start, _midnight(day + DAY))
    by = day - scenario.window.day
    event = scenario.event
    return replace(
        scenario,
        spec=scenario.spec.model_copy(update={"day": day}),
        window=window,
        event=replace(event, declare_at=event.declare_at + by, start=event.start + by, end=event.end + by),
    )


def quarter_before(instant: datetime) -> datetime:
    """The last quarter-hour at or before ``instant``."""
    return _floored(instant.astimezone(ZONE))


def _floored(local: datetime) -> datetime:
    return local.replace(minute=local.minute - local.minute % QUARTER_MIN, second=0, microsecond=0)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE)


class RollingPlant:
    """The devices of a scenario's district from a start on.

    Attributes:
        plant: The running day's plant; another one after each midnight.
        day_number: 0 on the first day.
    """

    def __init__(self, scenario: Scenario, seed: int, *, start: datetime) -> None:
        """Devices at ``start``, nothing set.

        Args:
            scenario: Its own day and weather are those of day 0.
            seed: All randomness follows from it.
            start: Aware, on the 15-minute grid; any day.

        Raises:
            StartError: see the class.
        """
        self.scenario = moved(scenario, start)
        self.seed = seed
        self._season_day = scenario.window.day
        self._faults = draw_faults(self.scenario, seed)
        self.plant = self._day_plant(0)
        self.day_number = 0
        self._ready: tuple[int, Plant] | None = None

    @property
    def now(self) -> datetime:
        """The instant up to which the devices have lived."""
        return self.plant.now

    @property
    def faults(self) -> Faults:
        """Who misbehaves, for good."""
        return self._faults

    def day_of(self, number: int) -> date:
        """Local date of a day by its number."""
        return self.scenario.window.day + number * DAY

    def midnight_before(self, number: int) -> datetime:
        """When day ``number`` begins; on day 0 the start is later."""
        return _midnight(self.day_of(number))

    def tmax_c(self, number: int) -> float:
        """Stated daily maximum of a day, before its own small variation."""
        known = self.scenario.weather.tmax_c
        return known[-1] if number == 0 else tmax_after_c(self._season_day, known, number, Streams(self.seed))[-1]

    def advance(self, until: datetime, on_midnight: Callable[[int, PlantState], None] | None = None) -> int:
        """Lives every full minute up to ``until``; returns how many they were.

        Args:
            until: Nothing happens when it lies in the past.
            on_midnight: Told the new day's number and what the devices carry into it.
        """
        lived = 0
        while self.plant.now + MINUTE <= until:
            self.plant.step()
            lived += 1
            if self.plant.minute == self.plant.window.minutes:
                state = self.plant.hand_over()
                self.begin_day(self.day_number + 1, state)
                if on_midnight is not None:
                    on_midnight(self.day_number, state)
        return lived

    def begin_day(self, number: int, state: PlantState) -> None:
        """Starts day ``number`` at its midnight with what the devices carry into it."""
        plant = self._ready[1] if self._ready is not None and self._ready[0] == number else self._day_plant(number)
        self._ready = None
        plant.take_over(state)
        self.plant = plant
        self.day_number = number

    def prepare_tomorrow(self) -> None:
        """Draws the next day ahead, so that midnight takes no time; may run in another thread."""
        number = self.day_number + 1
        if self._ready is None or self._ready[0] != number:
            self._ready = (number, self._day_plant(number))

    def _day_plant(self, number: int) -> Plant:
        if number == 0:
            window, seed, weather = self.scenario.window, self.seed, self.scenario.weather
        else:
            day = self.day_of(number)
            window = Window(day, _midnight(day), _midnight(day + DAY))
            seed = self.seed ^ key_of(f"day/{number}")
            weather = WeatherSpec((self.tmax_c(number - 1), self.tmax_c(number)), self.scenario.weather.swing_k)
        return Plant(
            self.scenario.district,
            seed=seed,
            day=window.day,
            start=window.start,
            end=window.end,
            weather=weather,
            faults=self._faults,
        )
