"""Energy prices from a CSV file: ``timestamp,price_cny_per_kwh``, each price holding until the next line's instant."""

import csv
import math
from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import numpy as np

from vpp.domain.errors import ConfigError, InputError
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import TimeGrid, parse_instant
from vpp.ports import NO_PRICES, EnergyPrices

COLUMNS = ("timestamp", "price_cny_per_kwh")


def prices_of(path: Path | None) -> EnergyPrices:
    """The prices of a file, or none where there is none.

    Raises:
        ConfigError: as ``PriceFile``.
    """
    return NO_PRICES if path is None else PriceFile(path)


class PriceFile:
    """Prices as a file had them when it was read (``vpp.ports.EnergyPrices``)."""

    def __init__(self, path: Path) -> None:
        """Reads the whole file.

        Raises:
            ConfigError: it cannot be read, or a line is wrong; names file, line and what was expected.
        """
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                self._starts, self._prices = _read(str(path), csv.reader(file))
        except OSError as error:
            raise ConfigError(str(path), "", f"cannot be read ({error.strerror})") from error
        except (UnicodeDecodeError, csv.Error) as error:
            raise ConfigError(str(path), "", f"is not a CSV file in UTF-8: {error}") from error
        # The last price holds as long as the one before it did.
        self._end = self._starts[-1] + (self._starts[-1] - self._starts[-2])

    async def energy_price_cny_per_kwh(self, grid: TimeGrid) -> Series | None:
        """Per interval, shape (len(grid),), the price at its start; ``None`` where the file does not cover the grid."""
        if grid.start < self._starts[0] or grid.end > self._end:
            return None
        return np.array([self._prices[bisect_right(self._starts, interval) - 1] for interval in grid])


def _read(file: str, rows: Iterable[list[str]]) -> tuple[list[datetime], list[float]]:
    starts: list[datetime] = []
    prices: list[float] = []
    for number, row in enumerate(rows, start=1):
        if number == 1:
            if tuple(row) != COLUMNS:
                raise ConfigError(file, "line 1", f"expected the columns {','.join(COLUMNS)}, found {','.join(row)!r}")
            continue
        if not row:
            continue
        start, price = _line(file, number, row)
        if starts and start <= starts[-1]:
            raise ConfigError(file, f"line {number}", f"expected an instant after the line before, found {row[0]!r}")
        starts.append(start)
        prices.append(price)
    if len(starts) <= 1:
        raise ConfigError(file, "", f"expected at least 2 prices, found {len(starts)}")
    return starts, prices


def _line(file: str, number: int, row: list[str]) -> tuple[datetime, float]:
    where = f"line {number}"
    if len(row) != len(COLUMNS):
        raise ConfigError(file, where, f"expected {len(COLUMNS)} values, found {len(row)}")
    try:
        start = parse_instant(row[0])
    except InputError as error:
        raise ConfigError(file, where, str(error)) from error
    try:
        price = float(row[1])
    except ValueError as error:
        raise ConfigError(file, where, f"expected a price in CNY/kWh, found {row[1]!r}") from error
    if not math.isfinite(price):
        raise ConfigError(file, where, f"expected a finite price in CNY/kWh, found {row[1]!r}")
    return start, price
