"""Everything exogenous of one run, made once: meters' history, weather, and what devices would do in the window.

A run with an event and its no-event twin share one such object, and nothing ever writes to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from simulator.common_factors import common_factor
from simulator.devices.piles import WindowSessions, cut_sessions
from simulator.district import District, Kind
from simulator.sessions import make_sessions, uncontrolled_quarter_kw
from simulator.streams import Streams
from simulator.uncontrolled import cooling_kw, lighting_kw, line_kw, process_kw, storage_kw
from simulator.weather import QUARTERS, Weather, make_weather

Floats = NDArray[np.float64]
ZONE = ZoneInfo("Asia/Shanghai")

_MINUTE_NOISE: dict[Kind, float] = {
    "factory_line": 0.05,
    "factory_process": 0.015,
    "cooling": 0.02,
    "lighting": 0.005,
    "storage": 0.0,
}


@dataclass(frozen=True, slots=True)
class Window:
    """The simulated part of one local day, whole 15-minute intervals, half-open.

    Raises:
        ValueError: naive or reversed instants, an end on another day, or a start off the 15-minute grid.
    """

    day: date
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"window {self.start} .. {self.end}: expected instants with a UTC offset")
        if not (self.day_start <= self.start < self.end <= self.day_start + timedelta(days=1)):
            raise ValueError(f"window {self.start} .. {self.end}: expected to lie within {self.day} of Asia/Shanghai")
        if self.first_minute % 15 or self.minutes % 15:
            raise ValueError(f"window {self.start} .. {self.end}: expected whole 15-minute intervals")

    @property
    def day_start(self) -> datetime:
        """UTC instant at which the local day begins."""
        return datetime.combine(self.day, time(), ZONE).astimezone(UTC)

    @property
    def first_minute(self) -> int:
        """Minute of the day at which the window starts."""
        return round((self.start - self.day_start).total_seconds() / 60)

    @property
    def minutes(self) -> int:
        """Length of the window."""
        return round((self.end - self.start).total_seconds() / 60)


@dataclass(frozen=True, slots=True)
class WeatherSpec:
    """Daily maxima, oldest first, the event day last, and the daily swing."""

    tmax_c: Sequence[float]
    swing_k: float


@dataclass(frozen=True)
class History:
    """What the sub-meters recorded.

    Attributes:
        days: Past days, oldest first, D of them.
        resource_ids: Order of the first axis.
        power_kw: Mean power per 15 minutes, shape (resources, D, 96), float32.
        today_kw: The event day up to the window's start, shape (resources, intervals), float32.
    """

    days: tuple[date, ...]
    resource_ids: tuple[str, ...]
    power_kw: NDArray[np.float32]
    today_kw: NDArray[np.float32]


@dataclass(frozen=True)
class Exogenous:
    """All that no command can change.

    Attributes:
        quarter_kw: Uncontrolled mean power per resource, shape (resources, days, 96), float32, event day last.
        minute_kw: Uncontrolled power per device in the window, shape (minutes, devices); 0 for piles, which have
            sessions instead.
        sessions: Charging sessions of the window.
    """

    district: District
    window: Window
    seed: int
    weather: Weather
    quarter_kw: NDArray[np.float32]
    minute_kw: Floats
    sessions: WindowSessions


def build_exogenous(district: District, *, seed: int, window: Window, weather: WeatherSpec) -> Exogenous:
    """The history, the event day and the window's exogenous paths for one seed."""
    streams = Streams(seed)
    days = make_weather(
        window.day,
        weather.tmax_c,
        swing_k=weather.swing_k,
        holidays=district.holidays,
        streams=streams,
        working_weekends=district.working_weekends,
    )
    devices = district.devices
    quarter_kw = np.zeros((len(district.resources), len(days.days), QUARTERS), dtype=np.float32)
    minute_kw = np.zeros((window.minutes, len(devices.ids)))
    makers = {
        "factory_line": line_kw,
        "factory_process": process_kw,
        "cooling": cooling_kw,
        "lighting": lighting_kw,
    }
    for kind, part in devices.kind_slices.items():
        if part.stop == part.start or kind in {"public_charging", "residential_charging"}:
            continue
        device_kw = storage_kw(district, days) if kind == "storage" else makers[kind](district, streams, days)
        starts, rows = _resource_starts(district, part)
        quarter_kw[rows] = np.add.reduceat(device_kw, starts, axis=0)
        minute_kw[:, part] = _minutes(device_kw[:, -1, :], window, _noise(district, streams, kind, window))
    sessions = _charging(district, streams, days, window, quarter_kw)
    return Exogenous(district, window, seed, days, quarter_kw, minute_kw, sessions)


def _resource_starts(district: District, part: slice) -> tuple[NDArray[np.int64], slice]:
    index = district.devices.resource_index[part]
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    return starts, slice(int(index[0]), int(index[-1]) + 1)


def _noise(district: District, streams: Streams, kind: Kind, window: Window) -> Floats:
    """Relative noise per minute with zero mean in every 15 minutes, shape (devices, minutes)."""
    keys = district.devices.keys[district.devices.kind_slices[kind]]
    size = _MINUTE_NOISE[kind]
    if size == 0.0:
        return np.zeros((keys.size, window.minutes))
    draws = streams.normal(keys, f"{kind}/minute", window.minutes, first=window.first_minute)
    quarters = np.clip(draws, -3.0, 3.0).reshape(keys.size, -1, 15)
    return np.asarray(size * (quarters - quarters.mean(axis=2, keepdims=True)).reshape(keys.size, -1))


def _minutes(day_kw: Floats, window: Window, noise: Floats) -> Floats:
    first = window.first_minute // 15
    steps = np.repeat(day_kw[:, first : first + window.minutes // 15], 15, axis=1)
    return np.asarray((steps * (1.0 + noise)).T, dtype=np.float64)


def _charging(
    district: District, streams: Streams, weather: Weather, window: Window, quarter_kw: NDArray[np.float32]
) -> WindowSessions:
    """Fills the piles' part of ``quarter_kw`` and returns the window's sessions."""
    devices = district.devices
    part = devices.pile_slice
    days = len(weather.days)
    demand = (
        common_factor("public_charging", streams, weather),
        common_factor("residential_charging", streams, weather),
    )
    sessions = make_sessions(devices.piles, devices.keys[part], streams, demand, days)
    index = devices.resource_index[part]
    if index.size:
        rows = slice(int(index[0]), int(index[-1]) + 1)
        quarter_kw[rows] = uncontrolled_quarter_kw(
            sessions, index - rows.start, groups=rows.stop - rows.start, days=days
        )
    start_minute = (days - 1) * 1440 + window.first_minute
    return cut_sessions(sessions, piles=index.size, start_minute=start_minute, minutes=window.minutes)
