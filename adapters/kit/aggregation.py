"""Devices to resources: sums of power and registers with an honest quality. The hot path: numpy only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from adapters.kit.driver import DeviceReadings, Indices, Mask, Registers
from adapters.kit.resource_spec import ResourceSpec
from vpp.domain.flexibility import Series
from vpp.domain.telemetry import Quality
from vpp.wire.messages import WireReading

N = TypeVar("N", np.float64, np.int64)
IMPLAUSIBLE_RATIO = 1.5
"""Power beyond this multiple of the rating is reported, but marked."""


@dataclass(frozen=True, slots=True, eq=False)
class ResourceMinute:
    """All resources' minute; shapes (resources,).

    Attributes:
        good: Where the quality is good.
        known: Whether any of the devices has ever been read.
    """

    power_kw: Series
    register_wh: Registers
    quality: tuple[Quality, ...]
    good: Mask
    known: Mask


class Aggregator:
    """Sums devices, holding the last known value of those that are out of reach.

    A held value is never taken for a good one: the resource's reading is ``suspect`` while some of its devices are out
    of reach, ``missing`` while all are; a resource of which nothing was ever read gives no reading at all.
    """

    def __init__(self, specs: Sequence[ResourceSpec], device_count: int) -> None:
        """Remembers nothing yet.

        Args:
            specs: Resources in the order of the results.
            device_count: Length of the driver's arrays.
        """
        counts = np.array([spec.device_count for spec in specs], dtype=np.int64)
        self._members: Indices = (
            np.concatenate([np.arange(spec.first_device, spec.first_device + spec.device_count) for spec in specs])
            if specs
            else np.zeros(0, dtype=np.int64)
        )
        self._starts: Indices = np.cumsum(counts) - counts
        self._counts: Indices = counts
        self._ids = [spec.id for spec in specs]
        self._largest_kw = IMPLAUSIBLE_RATIO * np.array([spec.rated_kw for spec in specs])
        self._power_kw = np.zeros(device_count)
        self._register_wh: Registers = np.zeros(device_count, dtype=np.int64)
        self._known: Mask = np.zeros(device_count, dtype=bool)
        self._all_known: Mask = np.ones(len(specs), dtype=bool)
        self._all_good = (Quality.GOOD,) * len(specs)
        self._all_in_order = bool(np.array_equal(self._members, np.arange(device_count)))

    def add(self, readings: DeviceReadings | None) -> ResourceMinute:
        """The minute's sums; ``None`` when the devices could not be read at all."""
        if not self._ids:
            return ResourceMinute(np.zeros(0), np.zeros(0, dtype=np.int64), (), self._all_known, self._all_known)
        if readings is None:
            good: Mask = np.zeros_like(self._known)
        else:
            good = readings.online & np.isfinite(readings.power_kw)
            np.copyto(self._power_kw, readings.power_kw, where=good)
            np.copyto(self._register_wh, readings.register_wh, where=good)
            self._known |= good
        power_kw = self._sum(self._power_kw)
        plausible = np.abs(power_kw) <= self._largest_kw
        answering = self._counts if good.all() else self._sum(good.astype(np.int64))
        resource_good = plausible & (answering == self._counts)
        quality = self._all_good if resource_good.all() else _qualities(resource_good, answering)
        known = self._all_known if self._known.all() else self._sum(self._known.astype(np.int64)) > 0
        return ResourceMinute(power_kw, self._sum(self._register_wh), quality, resource_good, known)

    def wire_readings(self, minute: ResourceMinute) -> tuple[list[WireReading], list[str]]:
        """Readings as they stand in the telemetry message, and the ids of resources that were never read."""
        powers = np.round(minute.power_kw, 6).tolist()
        registers = minute.register_wh.tolist()
        if minute.known.all():
            rows = zip(self._ids, powers, registers, minute.quality, strict=True)
            return [WireReading(*row) for row in rows], []
        known = minute.known.tolist()
        rows = zip(self._ids, powers, registers, minute.quality, strict=True)
        readings = [WireReading(*row) for row, is_known in zip(rows, known, strict=True) if is_known]
        return readings, [name for name, is_known in zip(self._ids, known, strict=True) if not is_known]

    def _sum(self, values: NDArray[N]) -> NDArray[N]:
        members = values if self._all_in_order else values[self._members]
        return np.add.reduceat(members, self._starts, dtype=values.dtype)


def _qualities(good: Mask, answering: Indices) -> tuple[Quality, ...]:
    return tuple(
        Quality.GOOD if is_good else Quality.SUSPECT if count else Quality.MISSING
        for is_good, count in zip(good.tolist(), answering.tolist(), strict=True)
    )
