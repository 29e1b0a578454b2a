"""Strict instants, trading days and intervals."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpp.domain.errors import InputError
from vpp.domain.timegrid import (
    INTERVAL,
    TimeGrid,
    ceil_interval,
    day_grid,
    day_start,
    floor_interval,
    format_instant,
    parse_instant,
    trading_day,
)

NOON = datetime(2026, 7, 20, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-07-20T12:00:00+08:00",
        "2026-07-20T12:00+08:00",
        "2026-07-20 12:00:00+0800",
        "2026-07-20T04:00:00Z",
        "2026-07-20t04:00:00z",
        " 2026-07-19T18:00:00.000-10:00 ",
        NOON.astimezone(timezone(timedelta(hours=8))),
    ],
)
def test_parse_instant__takes_text_with_an_offset(text: object) -> None:
    assert parse_instant(text) == NOON
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (0, "instant 0 is not ISO 8601 text"),
        (1.5, "instant 1.5 is not ISO 8601 text"),
        (None, "instant None is not ISO 8601 text"),
        (True, "instant True is not ISO 8601 text"),
        (date(2026, 7, 20), "is not ISO 8601 text"),
        ("1", "instant '1' is not ISO 8601 with a UTC offset, such as 2026-07-20T14:00:00"),
        ("", "instant '' is not ISO 8601 with a UTC offset"),
        ("2026-07-20", "is not ISO 8601 with a UTC offset"),
        ("2026-07-20T12:00:00", "is not ISO 8601 with a UTC offset"),
        ("20260720T120000Z", "is not ISO 8601 with a UTC offset"),
        ("2026-W30-1T12:00:00Z", "is not ISO 8601 with a UTC offset"),
        ("2026-07-20T12:00:00 Europe/Paris", "is not ISO 8601 with a UTC offset"),
        ("2026-02-30T12:00:00Z", "instant '2026-02-30T12:00:00Z' does not exist"),
        ("2026-13-01T12:00:00Z", "does not exist"),
        ("2026-07-20T25:00:00Z", "does not exist"),
        ("2026-07-20T12:00:00+25:00", "does not exist"),
        ("0001-01-01T00:00:00+08:00", "does not exist"),
        ("٢٠٢٦-07-20T12:00:00Z", "does not exist|is not ISO 8601"),
        (NOON.replace(tzinfo=None), "instant '2026-07-20T04:00:00' has no UTC offset"),
    ],
)
def test_parse_instant__refuses_the_rest(text: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_instant(text)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_format_instant__reads_back(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)

    assert parse_instant(format_instant(instant)) == instant


def test_trading_day__begins_at_local_midnight() -> None:
    assert day_start(date(2026, 7, 20)) == datetime(2026, 7, 19, 16, tzinfo=UTC)
    assert trading_day(datetime(2026, 7, 19, 15, 59, tzinfo=UTC)) == date(2026, 7, 19)
    assert trading_day(datetime(2026, 7, 19, 16, tzinfo=UTC)) == date(2026, 7, 20)


def test_day_grid__has_96_intervals() -> None:
    grid = day_grid(date(2026, 7, 20))

    assert (len(grid), grid.end) == (96, day_start(date(2026, 7, 21)))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_floor_and_ceil__enclose_the_instant(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)

    low, high = floor_interval(instant), ceil_interval(instant)

    assert low <= instant < low + INTERVAL
    assert high - low == (timedelta() if low == instant else INTERVAL)


def test_time_grid__iterates_half_open() -> None:
    grid = TimeGrid(NOON, 2)

    assert list(grid) == [NOON, NOON + INTERVAL]
    assert NOON in grid
    assert grid.end not in grid
    assert "noon" not in grid
    assert [grid.index_of(NOON + m * timedelta(minutes=1)) for m in (-1, 0, 14, 15, 30)] == [-1, 0, 0, 1, 2]


@pytest.mark.parametrize(
    ("start", "count", "message"),
    [
        (NOON.replace(tzinfo=None), 1, "grid start '2026-07-20T04:00:00' has no UTC offset"),
        (NOON + timedelta(minutes=1), 1, "grid start 2026-07-20T04:01:00Z is not on a 15-minute boundary"),
        (NOON, -1, "grid length -1 is negative"),
    ],
)
def test_time_grid__refuses(start: datetime, count: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TimeGrid(start, count)


def test_between__wants_whole_intervals() -> None:
    assert len(TimeGrid.between(NOON, NOON + 4 * INTERVAL)) == 4
    with pytest.raises(InputError, match="2026-07-20T04:20:00Z is not a whole number of 15-minute intervals"):
        TimeGrid.between(NOON, NOON + timedelta(minutes=20))


def test_time_grid__clock_is_local_time_past_midnight_too() -> None:
    grid = TimeGrid(parse_instant("2026-07-20T23:30:00+08:00"), 4)
    assert [grid.clock(i) for i in range(4)] == ["23:30", "23:45", "00:00", "00:15"]
