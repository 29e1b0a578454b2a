"""The gateway's own expectation without a command: the typical day, moved by how today differs from it."""

import math
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from adapters.kit.resource_spec import INTERVALS_PER_DAY, ResourceSpec
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL, TimeGrid, day_start, trading_day

MEMORY_MIN = 30.0
LASTING_MIN = 720.0
"""What makes a day unusual, its heat above all, lasts for most of it."""
RATIO_LIMITS = (0.5, 1.5)
_WORTH_A_RATIO = 0.05
_WITHOUT_RATIO = frozenset(
    {ResourceKind.FACTORY_LINE, ResourceKind.STORAGE, ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING}
)


class OwnForecast:
    """Per resource, ``profile * (1 + (ratio - 1) * exp(-lead / LASTING_MIN))``.

    ``ratio`` is the mean of recent free minutes over the profile's value then, within ``RATIO_LIMITS``; minutes under
    a command do not count. Without a profile the recent mean is taken to last. Storage follows its declared schedule;
    charging has no ratio either, because the few cars that are there say nothing of those to come, and lines none
    because a stop now says nothing of the next hours.
    """

    def __init__(self, specs: Sequence[ResourceSpec]) -> None:
        """Expects the profile until minutes have been seen."""
        count = len(specs)
        self._profile = np.full((count, INTERVALS_PER_DAY), np.nan)
        for row, spec in enumerate(specs):
            if spec.profile_kw is not None:
                self._profile[row] = spec.profile_kw
            elif spec.kind is ResourceKind.STORAGE:
                self._profile[row] = 0.0
        self._has_profile = ~np.isnan(self._profile[:, 0])
        self._fixed = np.array([spec.kind is ResourceKind.STORAGE for spec in specs], dtype=bool)
        self._own_ratio = ~np.array([spec.kind in _WITHOUT_RATIO for spec in specs], dtype=bool)
        self._worth_kw = _WORTH_A_RATIO * np.array([spec.rated_kw for spec in specs])
        self._recent_kw = np.full(count, np.nan)
        self._ratio = np.ones(count)

    def observe(self, at: datetime, power_kw: Series, free: NDArray[np.bool_]) -> None:
        """Takes in a minute; ``free`` says which resources ran without a command and were read well."""
        seen = ~np.isnan(self._recent_kw)
        kept = math.exp(-1.0 / MEMORY_MIN)
        blended = np.where(seen, kept * self._recent_kw + (1 - kept) * power_kw, power_kw)
        self._recent_kw = np.where(free, blended, self._recent_kw)
        typical = self._profile[:, _column(at - INTERVAL / 15)]
        usable = free & self._has_profile & self._own_ratio & (typical > self._worth_kw)
        ratio = np.clip(self._recent_kw / np.where(usable, typical, 1.0), *RATIO_LIMITS)
        self._ratio = np.where(usable, ratio, self._ratio)

    def over(self, grid: TimeGrid) -> Series:
        """Expected power per resource and interval, shape (resources, len(grid)), kW."""
        first = _column(grid.start)
        columns = (first + np.arange(len(grid))) % INTERVALS_PER_DAY
        lead_min = INTERVAL.total_seconds() / 60 * np.arange(len(grid))
        lasting = np.exp(-lead_min / LASTING_MIN)
        moved = self._profile[:, columns] * (1.0 + np.outer(self._ratio - 1.0, lasting))
        persistent = np.nan_to_num(self._recent_kw, nan=0.0)[:, np.newaxis]
        expected = np.where(self._has_profile[:, np.newaxis], moved, persistent)
        # Only a battery may be expected to feed back; a load's meter noise must not look like it.
        return np.where(self._fixed[:, np.newaxis], expected, np.maximum(expected, 0.0))


def _column(instant: datetime) -> int:
    """Index of the interval within its trading day."""
    return int((instant - day_start(trading_day(instant))) // INTERVAL) % INTERVALS_PER_DAY
