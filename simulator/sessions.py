"""Charging sessions of every pile over the whole history and the event day, made without any control.

Arrivals, energies and departures are exogenous: whatever a controller does, the next driver comes at the same minute.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.district import PileTable
from simulator.meter_shapes import load_residential_sessions
from simulator.streams import Keys, Streams

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY_MINUTES = 1440
QUARTERS_PER_DAY = 96
WARM_UP_DAYS = 2
"""Days simulated before the first one, so that overnight sessions and long stays are there from its start."""

# Hourly arrival intensity of public piles: a constructed shape, not a measured one (configs/SOURCES.md).
_PUBLIC_SHAPE = np.array(
    [.55, .50, .42, .32, .25, .22, .25, .33, .42, .50, .58, .70,
     .85, .80, .72, .66, .64, .66, .70, .76, .82, .92, 1.0, .78]
)  # fmt: skip
_PUBLIC_SHAPE /= _PUBLIC_SHAPE.mean()


@dataclass(frozen=True)
class Sessions:
    """Sessions sorted by pile, then arrival; each shape (sessions,).

    Attributes:
        pile: Row in the pile table.
        arrive: Minute since the start of the first history day (negative in the warm-up).
        begin: Minute from which it charges where nobody controls it: on arrival, or by its own timer.
        depart: Minute at which the car leaves, whatever it has got.
        energy_kwh: What it needs.
        power_kw: The most it can take.
    """

    pile: Ints
    arrive: Ints
    begin: Ints
    depart: Ints
    energy_kwh: Floats
    power_kw: Floats


def make_sessions(piles: PileTable, keys: Keys, streams: Streams, demand: tuple[Floats, Floats], days: int) -> Sessions:
    """All sessions of ``days`` days.

    Args:
        piles: The piles.
        keys: Their stream keys.
        streams: Random streams of the seed.
        demand: Common factor of public and of residential demand, each shape (days, 96).
        days: History days plus the event day.
    """
    public, residential = demand
    piled = _Piled(piles, keys, streams, days)
    parts = [
        _public(piled, public, fast=True),
        _public(piled, public, fast=False),
        _residential(piled, residential, shared=False),
        _residential(piled, residential, shared=True),
    ]
    merged = [np.concatenate([part[column] for part in parts]) for column in range(5)]
    order = np.lexsort((merged[1], merged[0]))
    pile, arrive, depart, energy, power = (column[order] for column in merged)
    pile, arrive, depart = pile.astype(np.int64), arrive.astype(np.int64), depart.astype(np.int64)
    margin = piles.ready_margin_min[pile]
    latest = depart - np.ceil(60.0 * energy / power) - np.where(np.isnan(margin), np.inf, margin)
    begin = np.maximum(arrive, latest).astype(np.int64)
    return Sessions(pile, arrive, begin, depart, energy, power)


Columns = tuple[Ints, Ints, Ints, Floats, Floats]
"""Pile, arrival, departure, energy and power of some sessions."""


@dataclass(frozen=True, slots=True)
class _Piled:
    piles: PileTable
    keys: Keys
    streams: Streams
    days: int


def _public(piled: _Piled, factor: Floats, *, fast: bool) -> Columns:
    """Drive-in stations: a busy pile is followed by a gap whose mean follows the hour of the day."""
    piles, streams, days = piled.piles, piled.streams, piled.days
    rows = np.flatnonzero(piles.pattern == (0.0 if fast else 1.0))
    per_day = piles.sessions_per_day[rows]
    count = int((days + WARM_UP_DAYS) * (float(per_day.max(initial=0.0)) * 1.6 + 4))
    name = "fast" if fast else "slow"
    key = piled.keys[rows]
    median_kwh, spread = (30.0, 0.45) if fast else (13.0, 0.55)
    energy = np.clip(median_kwh * np.exp(spread * streams.normal(key, f"session/{name}/energy", count)), 3.0, 75.0)
    low = 0.65 if fast else 0.9
    power = piles.rated_kw[rows, None] * (low + (0.95 - low) * streams.uniform(key, f"session/{name}/power", count))
    stay = np.ceil(60.0 * energy / power)
    linger = -np.log(streams.uniform(key, f"session/{name}/linger", count)) * (3.0 if fast else 40.0)
    stay_all = stay + np.minimum(np.floor(linger), 12.0 if fast else 240.0)
    unit_gap = -np.log(streams.uniform(key, f"session/{name}/gap", count))
    mean_gap = np.maximum(DAY_MINUTES / per_day - stay_all.mean(axis=1), 20.0)
    intensity = _PUBLIC_SHAPE[np.arange(QUARTERS_PER_DAY) // 4][None, :] * factor
    intensity = np.concatenate([np.repeat(intensity[:1], WARM_UP_DAYS, axis=0), intensity]).ravel()
    now = np.full(rows.size, -float(WARM_UP_DAYS * DAY_MINUTES))
    arrive = np.empty((rows.size, count))
    for number in range(count):
        quarter = np.clip((now / 15.0).astype(np.int64) + WARM_UP_DAYS * QUARTERS_PER_DAY, 0, intensity.size - 1)
        now = np.floor(now + 1.0 + unit_gap[:, number] * mean_gap / intensity[quarter])
        arrive[:, number] = now
        now = now + stay_all[:, number]
    kept = arrive < days * DAY_MINUTES
    pile = np.broadcast_to(rows[:, None], arrive.shape)[kept]
    start = arrive[kept].astype(np.int64)
    return pile, start, start + stay_all[kept].astype(np.int64), energy[kept], power[kept]


def _residential(piled: _Piled, factor: Floats, *, shared: bool) -> Columns:
    """Whole real sessions, resampled; one that would find its pile taken does not happen."""
    piles, streams, days = piled.piles, piled.streams, piled.days
    rows = np.flatnonzero(piles.pattern == (3.0 if shared else 2.0))
    pool = load_residential_sessions(shared_place=shared)
    name = "shared" if shared else "own"
    tries = 3 if shared else 1
    key = piled.keys[rows]
    total = (days + WARM_UP_DAYS) * tries
    pick = streams.integers(key, f"session/{name}/pick", total, below=pool.arrival_minute.size)
    happens = streams.uniform(key, f"session/{name}/happens", total)
    free_at = np.full(rows.size, -10 * DAY_MINUTES, dtype=np.int64)
    found: list[Columns] = []
    for day in range(-WARM_UP_DAYS, days):
        first = (day + WARM_UP_DAYS) * tries
        chance = piles.sessions_per_day[rows] / tries * factor[max(day, 0)].mean()
        today = pick[:, first : first + tries]
        today = np.take_along_axis(today, np.argsort(pool.arrival_minute[today], axis=1), axis=1)
        for number in range(tries):
            index = today[:, number]
            arrive = day * DAY_MINUTES + pool.arrival_minute[index]
            depart = arrive + pool.dwell_minutes[index]
            kept = (happens[:, first + number] < chance) & (arrive >= free_at)
            free_at = np.where(kept, depart, free_at)
            power = piles.rated_kw[rows[kept]]
            energy = np.minimum(pool.energy_kwh[index[kept]], 0.97 * power * pool.dwell_minutes[index[kept]] / 60.0)
            found.append((rows[kept], arrive[kept], depart[kept], energy, power))
    return (
        np.concatenate([part[0] for part in found]),
        np.concatenate([part[1] for part in found]),
        np.concatenate([part[2] for part in found]),
        np.concatenate([part[3] for part in found]),
        np.concatenate([part[4] for part in found]),
    )


def uncontrolled_quarter_kw(sessions: Sessions, group_of_pile: Ints, *, groups: int, days: int) -> Floats:
    """Mean power per 15 minutes when every car charges as fast as it can once it begins, shape (groups, days, 96)."""
    minutes = days * DAY_MINUTES
    length = 60.0 * sessions.energy_kwh / sessions.power_kw
    whole = np.floor(length).astype(np.int64)
    rest = length - whole
    group = group_of_pile[sessions.pile]
    kw = np.zeros(groups * (minutes + 1))
    for offset, change in ((0, 1.0), (whole, rest - 1.0), (whole + 1, -rest)):
        at = np.clip(sessions.begin + offset, 0, minutes)
        kw += np.bincount(group * (minutes + 1) + at, weights=change * sessions.power_kw, minlength=kw.size)
    levels = np.cumsum(kw.reshape(groups, minutes + 1)[:, :minutes], axis=1)
    return np.asarray(levels.reshape(groups, days, QUARTERS_PER_DAY, 15).mean(axis=3), dtype=np.float64)
