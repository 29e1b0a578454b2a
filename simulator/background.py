"""Load that belongs to no resource, per node, and the day-ahead forecast of every node's flow."""

from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.district import District
from simulator.history import Exogenous
from simulator.streams import Streams, keys_of
from simulator.uncontrolled import REFERENCE_C, slow_noise
from simulator.weather import HOUR, QUARTERS

Floats = NDArray[np.float64]

_NODE_NOISE = 0.01
_JOINT_NOISE = 0.006
_FORECAST_ERROR_K = 0.8
_NODE_FORECAST_ERROR = 0.02
_PAST_DAYS = 5


class GridLike(Protocol):
    """Consecutive 15-minute intervals."""

    @property
    def start(self) -> datetime:
        """Start of the first interval."""

    @property
    def count(self) -> int:
        """Number of intervals."""


class Background:
    """Unmetered load of the event day.

    Attributes:
        minute_kw: What hangs directly from each node, shape (window minutes, nodes).
    """

    def __init__(self, exogenous: Exogenous) -> None:
        self._exogenous = exogenous
        district = exogenous.district
        streams = Streams(exogenous.seed)
        keys = keys_of([f"node/{node.id}" for node in district.nodes])
        noise = _NODE_NOISE * slow_noise(keys, "node/noise", streams, 1, memory=0.95)[:, 0, :]
        noise = noise + _JOINT_NOISE * slow_noise(keys_of(["nodes"]), "node/joint", streams, 1, memory=0.97)[0]
        expected = _expected_kw(district, exogenous.weather.felt_c[-1])
        day_kw = expected * (1.0 + np.clip(noise, -0.04, 0.04))
        minute_of_day = (np.arange(1440) + 0.5) / 60.0
        fine = np.array([np.interp(minute_of_day, HOUR, row) for row in day_kw])
        first = exogenous.window.first_minute
        self.minute_kw: Floats = np.ascontiguousarray(fine[:, first : first + exogenous.window.minutes].T)

    def forecast_kw(self, grid: GridLike) -> Floats:
        """Forecast made the day before: no noise known, temperature and level of each node a little wrong.

        The resources' part is the mean of their last five working days, cooling corrected for the forecast
        temperature; nothing of the event day's meters is used.

        Raises:
            ValueError: the grid leaves the event day.
        """
        exogenous = self._exogenous
        district = exogenous.district
        first = round((grid.start - exogenous.window.day_start).total_seconds() / 900)
        if first < 0 or first + grid.count > QUARTERS:
            raise ValueError(f"forecast from {grid.start} over {grid.count} intervals leaves {exogenous.window.day}")
        streams = Streams(exogenous.seed)
        error_k = _FORECAST_ERROR_K * (2.0 * streams.scalar("weather", "forecast/error") - 1.0)
        felt = exogenous.weather.felt_c[-1] + error_k
        keys = keys_of([f"node/{node.id}" for node in district.nodes])
        wrong = 1.0 + _NODE_FORECAST_ERROR * (2.0 * streams.uniform(keys, "forecast/node", 1) - 1.0)
        own = _expected_kw(district, felt) * wrong + self._resources_kw(felt)
        return np.asarray((district.below @ own)[:, first : first + grid.count], dtype=np.float64)

    def _resources_kw(self, felt_c: Floats) -> Floats:
        """Expected load of each node's own resources, shape (nodes, 96)."""
        exogenous = self._exogenous
        district = exogenous.district
        past = np.flatnonzero(exogenous.weather.workday[:-1])[-_PAST_DAYS:]
        usual = exogenous.quarter_kw[:, past, :].mean(axis=1).astype(np.float64)
        warmer = felt_c - exogenous.weather.felt_c[past].mean(axis=0)
        cooling = np.array([resource.kind == "cooling" for resource in district.resources])
        usual[cooling] *= np.maximum(1.0 + 0.06 * warmer, 0.5)
        total = np.zeros((len(district.nodes), QUARTERS))
        np.add.at(total, district.node_of_resource, usual)
        return total


def _expected_kw(district: District, felt_c: Floats) -> Floats:
    """Sector shapes and their answer to the temperature, shape (nodes, 96)."""
    weights = {
        group: np.array([node.weights.get(group, 0.0) for node in district.nodes])
        for group in {sector.group for sector in district.background}
    }
    total = np.zeros((len(district.nodes), QUARTERS))
    for sector in district.background:
        shape = np.interp(HOUR, np.arange(25), np.append(sector.shape, sector.shape[0]))
        warmth = np.maximum(1.0 + sector.slope_per_k * (felt_c - REFERENCE_C), 0.3)
        total += weights[sector.group][:, None] * (sector.peak_kw * shape * warmth)[None, :]
    return total
