"""Charging piles: cars come and go as they would anyway; a cap only changes how much they have got when they leave."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.district import PileTable
from simulator.sessions import Sessions

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER = 10**9
"""Arrival and departure of a padded entry: beyond every window."""


@dataclass(frozen=True)
class WindowSessions:
    """Sessions that touch the simulated window, one row per pile, padded; each shape (piles, most sessions).

    Minutes count from the start of the window; a padded entry arrives and departs at a time beyond it.
    ``energy_kwh`` is what is still needed at arrival, or at the window's start for cars that are already there. A car
    left to itself charges from ``begin`` on.
    """

    arrive: Ints
    begin: Ints
    depart: Ints
    energy_kwh: Floats
    power_kw: Floats


def cut_sessions(sessions: Sessions, *, piles: int, start_minute: int, minutes: int) -> WindowSessions:
    """The sessions of ``[start_minute, start_minute + minutes)``, cars already there having charged uncontrolled."""
    touches = (sessions.depart > start_minute) & (sessions.arrive < start_minute + minutes)
    pile = sessions.pile[touches]
    arrive = sessions.arrive[touches] - start_minute
    begin = sessions.begin[touches] - start_minute
    depart = sessions.depart[touches] - start_minute
    power = sessions.power_kw[touches]
    energy = np.maximum(sessions.energy_kwh[touches] - power * np.maximum(-begin, 0) / 60.0, 0.0)
    return _padded(piles, pile, WindowSessions(arrive, begin, depart, energy, power))


@dataclass(frozen=True)
class CarsThere:
    """Cars that are there when a window starts; each shape (piles,).

    ``begin`` and ``depart`` count minutes from the start; ``depart`` is 0 where there is no car. ``energy_kwh`` is what
    the car still needs.
    """

    begin: Ints
    depart: Ints
    energy_kwh: Floats
    power_kw: Floats


def with_cars_there(sessions: WindowSessions, cars: CarsThere) -> WindowSessions:
    """The sessions with these cars at the start instead of those drawn; who finds a pile taken drives on."""
    stays = cars.depart > 0
    kept = (sessions.arrive >= np.where(stays, cars.depart, 0)[:, None]) & (sessions.arrive < NEVER)
    there = np.flatnonzero(stays)
    pile = np.concatenate([there, np.nonzero(kept)[0]])
    order = np.argsort(pile, kind="stable")
    columns = WindowSessions(
        arrive=np.concatenate([np.full(there.size, -1), sessions.arrive[kept]])[order],
        begin=np.concatenate([cars.begin[there], sessions.begin[kept]])[order],
        depart=np.concatenate([cars.depart[there], sessions.depart[kept]])[order],
        energy_kwh=np.concatenate([cars.energy_kwh[there], sessions.energy_kwh[kept]])[order],
        power_kw=np.concatenate([cars.power_kw[there], sessions.power_kw[kept]])[order],
    )
    return _padded(cars.depart.size, pile[order], columns)


def _padded(piles: int, pile: Ints, columns: WindowSessions) -> WindowSessions:
    """Sessions as a table with one row per pile, from columns sorted by ``pile``, then arrival."""
    per_pile = np.bincount(pile, minlength=piles)
    width = int(per_pile.max(initial=0)) + 1
    place = np.arange(pile.size) - np.repeat(np.cumsum(per_pile) - per_pile, per_pile)
    table = WindowSessions(
        arrive=np.full((piles, width), NEVER, dtype=np.int64),
        begin=np.full((piles, width), NEVER, dtype=np.int64),
        depart=np.full((piles, width), NEVER, dtype=np.int64),
        energy_kwh=np.zeros((piles, width)),
        power_kw=np.zeros((piles, width)),
    )
    table.arrive[pile, place] = columns.arrive
    table.begin[pile, place] = columns.begin
    table.depart[pile, place] = columns.depart
    table.energy_kwh[pile, place] = columns.energy_kwh
    table.power_kw[pile, place] = columns.power_kw
    return table


class Piles:
    """State of all piles; power is 0 or at least the pile's minimum, the last minute of a session excepted."""

    def __init__(self, table: PileTable, sessions: WindowSessions) -> None:
        count = table.rated_kw.size
        self._table = table
        self._sessions = sessions
        self._rows = np.arange(count)
        self._current = np.zeros(count, dtype=np.int64)
        self._begun = np.zeros(count, dtype=bool)
        self.plugged = np.zeros(count, dtype=bool)
        self.needed_kwh = np.zeros(count)
        self.power_max_kw = np.zeros(count)
        self.departure = np.zeros(count, dtype=np.int64)
        self.begins = np.zeros(count, dtype=np.int64)
        self.unserved_kwh = np.zeros(count)
        self.arrive_and_leave(0)

    def arrive_and_leave(self, minute: int) -> None:
        """Cars whose minute has come leave, then others arrive; minutes count from the window's start."""
        sessions = self._sessions
        over = self._begun & (sessions.depart[self._rows, self._current] <= minute)
        self.unserved_kwh = np.where(over, self.unserved_kwh + self.needed_kwh, self.unserved_kwh)
        self._current = self._current + over
        begins = sessions.arrive[self._rows, self._current] <= minute
        fresh = begins & (~self._begun | over)
        self.needed_kwh = np.where(
            fresh, sessions.energy_kwh[self._rows, self._current], np.where(over, 0.0, self.needed_kwh)
        )
        self._begun = begins
        self.plugged = begins
        self.power_max_kw = np.where(begins, sessions.power_kw[self._rows, self._current], 0.0)
        self.departure = np.where(begins, sessions.depart[self._rows, self._current], 0)
        self.begins = np.where(begins, sessions.begin[self._rows, self._current], 0)

    def step(self, minute: int, limit_kw: Floats, moves: NDArray[np.bool_]) -> Floats:
        """Power of this minute; ``limit_kw`` is ``inf`` where there is none, ``moves`` False where none is followed.

        A limit takes the place of a car's own timer, as a charging profile of a higher stack level does in OCPP.
        """
        self.arrive_and_leave(minute)
        charges = self.plugged & ((self.begins <= minute) | (moves & np.isfinite(limit_kw)))
        wish = np.where(charges, np.minimum(self.power_max_kw, 60.0 * self.needed_kwh), 0.0)
        power = np.where(moves, np.minimum(wish, limit_kw), wish)
        power = np.where((power < self._table.min_kw) & (power < wish), 0.0, power)
        self.needed_kwh = np.maximum(self.needed_kwh - power / 60.0, 0.0)
        return np.asarray(power, dtype=np.float64)
