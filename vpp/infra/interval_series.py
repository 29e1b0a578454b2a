"""Arithmetic that every meter archive shares: whole Wh, registers to intervals, trading days to a grid."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vpp.domain.errors import InputError
from vpp.domain.timegrid import INTERVAL, TimeGrid, day_start, format_instant, trading_day

INTERVALS_PER_DAY = 96
MISSING_WH = -(2**31)
"""Stands for ``nan`` in stored days."""
LARGEST_WH = 2**31 - 1


def whole_second(instant: datetime) -> int:
    """Seconds since 1970 of an instant that carries no fraction of a second.

    Raises:
        InputError: it does; archives keep instants to the second.
    """
    if instant.microsecond:
        raise InputError(f"reading at {format_instant(instant)}: instants of readings are whole seconds")
    return int(instant.timestamp())


def pack_days(day: date, meter_ids: Sequence[str], energy_wh: NDArray[np.float64]) -> NDArray[np.int32]:
    """Interval energy of one trading day as stored: shape (meters, 96), little-endian, ``MISSING_WH`` for ``nan``.

    Raises:
        InputError: wrong shape, a meter named twice, or a value that is infinite, fractional or too large to store
            (names meter and interval).
    """
    shape = (len(meter_ids), INTERVALS_PER_DAY)
    if energy_wh.shape != shape:
        raise InputError(f"imported day {day}: energy has shape {energy_wh.shape}, expected (meters, 96) = {shape}")
    if len(set(meter_ids)) != len(meter_ids):
        raise InputError(f"imported day {day}: a meter is named more than once")
    missing = np.isnan(energy_wh)
    wrong = ~missing & ((np.abs(energy_wh) > LARGEST_WH) | (np.rint(energy_wh) != energy_wh))
    if wrong.any():
        row, interval = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            f"imported day {day}: meter {meter_ids[row]!r}, interval {interval}: {energy_wh[row, interval]} Wh is not "
            f"a whole number of at most {LARGEST_WH} Wh"
        )
    return np.where(missing, MISSING_WH, energy_wh).astype("<i4")


def unpack_days(blobs: Sequence[bytes]) -> NDArray[np.float64]:
    """What ``pack_days`` packed, shape (blobs, 96), ``nan`` for missing."""
    packed = np.frombuffer(b"".join(blobs), dtype="<i4").reshape(len(blobs), INTERVALS_PER_DAY)
    energy_wh = packed.astype(np.float64)
    energy_wh[packed == MISSING_WH] = np.nan
    return energy_wh


def days_of(grid: TimeGrid) -> list[date]:
    """The trading days that the grid touches, in order; empty for an empty grid."""
    if not len(grid):
        return []
    first, last = trading_day(grid.start), trading_day(grid.end - INTERVAL)
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def fill_from_day(
    energy_wh: NDArray[np.float64], grid: TimeGrid, day: date, rows: NDArray[np.intp], day_wh: NDArray[np.float64]
) -> None:
    """Puts an imported day where ``energy_wh`` is ``nan``, in place.

    Args:
        energy_wh: Shape (meters, intervals), on ``grid``.
        grid: Of ``energy_wh``.
        day: The trading day.
        rows: Rows of ``energy_wh`` that the day is about, shape (rows,).
        day_wh: Their energy, shape (rows, 96).
    """
    offset = (day_start(day) - grid.start) // INTERVAL
    first, last = max(offset, 0), min(offset + INTERVALS_PER_DAY, len(grid))
    part, present = day_wh[:, first - offset : last - offset], energy_wh[rows, first:last]
    energy_wh[rows, first:last] = np.where(np.isnan(present), part, present)


def require_boundaries(grid: TimeGrid) -> int:
    """Seconds since 1970 of the grid's start, a multiple of 900.

    Raises:
        InputError: it is none (a zone whose offset is no multiple of 15 minutes).
    """
    start_s = int(grid.start.timestamp())
    if start_s % int(INTERVAL.total_seconds()):
        raise InputError(f"grid start {format_instant(grid.start)} is not on a UTC quarter of an hour")
    return start_s
