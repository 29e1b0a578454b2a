"""Small extracts of real meters and sessions that lend the simulated devices their variability.

Sources, licences and what was done to them stand in ``configs/SOURCES.md``.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_FOLDER = Path(__file__).parent / "data"


def _load(name: str) -> dict[str, NDArray[np.generic]]:
    with np.load(_FOLDER / name, allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


@cache
def load_building_residuals() -> Floats:
    """Real building days as hourly load over the mean of the working days around, shape (days, 24), mean near 1."""
    return _load("building_residuals.npz")["ratio_per_mille"].astype(np.float64) / 1000.0


@cache
def load_steel_residuals() -> Floats:
    """Real steel-plant days, shape (days, 96): power over the plant's mean power inside its shifts.

    Quarter-hours outside the two shifts and in the lunch hour are filled by the neighbouring in-shift quarter-hours
    of the same day, so that any shift plan can be laid over it.
    """
    power_kw = _load("steel_days.npz")["power_kw"].astype(np.float64)
    inside = np.r_[33:47, 53:67]
    ratio = power_kw[:, inside] / power_kw[:, inside].mean()
    return np.tile(ratio, (1, 4))[:, :96]


@cache
def load_station_inventory() -> tuple[Ints, Ints]:
    """Fast and slow piles per public station of one Chinese city, each shape (stations,)."""
    data = _load("station_inventory.npz")
    return data["fast"].astype(np.int64), data["slow"].astype(np.int64)


@dataclass(frozen=True)
class SessionPool:
    """Whole residential plug-in sessions, each shape (sessions,): local arrival, dwell and energy belong together."""

    arrival_minute: Ints
    dwell_minutes: Ints
    energy_kwh: Floats


@cache
def load_residential_sessions(*, shared_place: bool) -> SessionPool:
    """Sessions at shared or at private places of Norwegian apartment garages."""
    data = _load("residential_sessions.npz")
    chosen = data["shared_place"].astype(bool) == shared_place
    return SessionPool(
        arrival_minute=data["arrival_minute"][chosen].astype(np.int64),
        dwell_minutes=data["dwell_minutes"][chosen].astype(np.int64),
        energy_kwh=data["energy_wh"][chosen].astype(np.float64) / 1000.0,
    )
