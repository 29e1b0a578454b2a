"""What all devices of a kind share on a day: its level, and a slow swing within the day.

A same-day adjustment removes the level and cannot remove the swing. The swing is bounded, and its phase walks by the
golden ratio through the days in order of their heat, from a start that the seed draws: hot days, on which baselines
are judged, then have evenly spread phases, and the error of a portfolio baseline has the size seen on real portfolios
without depending much on the seed.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulator.district import Kind
from simulator.streams import Streams, keys_of
from simulator.weather import HOUR, Weather

Floats = NDArray[np.float64]
_GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class CommonSpec:
    """Size of what a kind shares, as fractions of its load.

    Attributes:
        day_sd: Standard deviation of the day's level (clipped at twice that).
        day_memory: Share of a day's level that the next day inherits.
        own_swing: Amplitude of the kind's own swing.
        joint_swing: Amplitude of the slow swing that all kinds share.
        joint_ripple: Amplitude of a fast one, which hits 15-minute values and hardly their mean over an event.
    """

    day_sd: float
    day_memory: float
    own_swing: float
    joint_swing: float
    joint_ripple: float


COMMON: MappingProxyType[Kind, CommonSpec] = MappingProxyType(
    {
        "factory_line": CommonSpec(0.045, 0.6, 0.006, 0.024, 0.032),
        "factory_process": CommonSpec(0.02, 0.6, 0.005, 0.015, 0.0),
        "public_charging": CommonSpec(0.06, 0.3, 0.03, 0.03, 0.0),
        "residential_charging": CommonSpec(0.05, 0.2, 0.03, 0.03, 0.0),
        "cooling": CommonSpec(0.045, 0.5, 0.006, 0.024, 0.032),
        "lighting": CommonSpec(0.02, 0.3, 0.01, 0.015, 0.0),
        "storage": CommonSpec(0.0, 0.0, 0.0, 0.0, 0.0),
    }
)
_PERIOD_H = 6.0
"""A swing of about this length differs most between a morning adjustment window and an early-afternoon event."""
_RIPPLE_H = 1.6
_FLATNESS = 1.5
"""Flattens the tops of the swing: its largest value lies closer to its usual one than a sine's."""


def common_factor(kind: Kind, streams: Streams, weather: Weather) -> Floats:
    """Factor on the load of ``kind``, shape (days, 96), the last row being the event day."""
    spec = COMMON[kind]
    days = len(weather.days)
    rank = np.argsort(np.argsort(-weather.tmax_c, kind="stable"), kind="stable")
    key = keys_of([kind])
    shocks = np.clip(streams.normal(key, "common/day", days)[0], -2.0, 2.0) * spec.day_sd
    level = np.empty(days)
    carried = 0.0
    scale = np.sqrt(1.0 - spec.day_memory**2)
    for day in range(days):
        carried = spec.day_memory * carried + scale * shocks[day]
        level[day] = carried
    own = _swing(streams, kind, rank)
    joint = _swing(streams, "all", rank)
    ripple = _swing(streams, "ripple", rank, period_h=_RIPPLE_H)
    return 1.0 + level[:, None] + spec.own_swing * own + spec.joint_swing * joint + spec.joint_ripple * ripple


def _swing(streams: Streams, name: str, rank: NDArray[np.int64], period_h: float = _PERIOD_H) -> Floats:
    start = streams.scalar(name, "common/phase")
    phase = (start + _GOLDEN * rank) % 1.0
    wave = np.sin(2.0 * np.pi * (HOUR[None, :] / period_h + phase[:, None]))
    return np.asarray(np.tanh(_FLATNESS * wave) / np.tanh(_FLATNESS), dtype=np.float64)
