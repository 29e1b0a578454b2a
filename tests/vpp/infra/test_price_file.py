"""Energy prices from a file: what holds when, and what is refused."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vpp.domain.errors import ConfigError
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.infra.price_file import PriceFile

START = datetime(2026, 7, 22, 6, tzinfo=UTC)
HEAD = "timestamp,price_cny_per_kwh\n"
HOURS = HEAD + "2026-07-22T14:00:00+08:00,0.5\n2026-07-22T15:00:00+08:00,-0.1\n\n2026-07-22T16:00:00+08:00,1.25\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "prices.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_energy_price__each_holds_until_the_next(tmp_path: Path) -> None:
    prices = PriceFile(written(tmp_path, HOURS))

    found = asyncio.run(prices.energy_price_cny_per_kwh(TimeGrid(START, 12)))

    assert found is not None
    assert found.tolist() == [0.5] * 4 + [-0.1] * 4 + [1.25] * 4


@pytest.mark.parametrize("grid", [TimeGrid(START - INTERVAL, 2), TimeGrid(START, 13)])
def test_energy_price__nothing_where_the_file_does_not_reach(tmp_path: Path, grid: TimeGrid) -> None:
    assert asyncio.run(PriceFile(written(tmp_path, HOURS)).energy_price_cny_per_kwh(grid)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected at least 2 prices, found 0"),
        ("time,price\n", "line 1: expected the columns timestamp,price_cny_per_kwh, found 'time,price'"),
        (HOURS.partition("\n\n")[0].rpartition("\n")[0], "expected at least 2 prices, found 1"),
        (HOURS + "2026-07-22T17:00:00+08:00\n", "line 6: expected 2 values, found 1"),
        (HOURS + "2026-07-22T17:00:00,1\n", "line 6: instant '2026-07-22T17:00:00' is not ISO 8601 with a UTC offset"),
        (HOURS + "2026-07-22T16:00:00+08:00,1\n", "line 6: expected an instant after the line before"),
        (HOURS + "2026-07-22T17:00:00+08:00,cheap\n", "line 6: expected a price in CNY/kWh, found 'cheap'"),
        (HOURS + "2026-07-22T17:00:00+08:00,inf\n", "line 6: expected a finite price in CNY/kWh, found 'inf'"),
    ],
)
def test_price_file__refuses(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PriceFile(written(tmp_path, text))


def test_price_file__says_when_it_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        PriceFile(tmp_path / "none.csv")
    (tmp_path / "prices.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not a CSV file in UTF-8"):
        PriceFile(tmp_path / "prices.csv")
