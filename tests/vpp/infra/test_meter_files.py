"""Meter files: what is accepted, and every refusal with file, row, value and expectation."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from vpp.domain.errors import InputError, StoreError
from vpp.infra.meter_files import history_of, local_starts, read_meters, write_baselines

SHANGHAI = ZoneInfo("Asia/Shanghai")
HEADER = "site_id,timestamp,power_kw"


def csv_file(tmp_path: Path, *rows: str, header: str = HEADER) -> Path:
    path = tmp_path / "meters.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_read_meters__csv_with_offset_gap_and_repeat(tmp_path: Path) -> None:
    path = csv_file(
        tmp_path,
        "b,2026-07-20T14:00:00+08:00,1.5",
        "b,2026-07-20T06:15:00Z,2.5",
        "a,2026-07-20 14:15+08:00,",
        "b,2026-07-20T14:00:00+08:00,1.5",
    )

    readings = read_meters(path)

    assert readings.site_ids == ("a", "b")
    assert readings.starts == (datetime(2026, 7, 20, 6, tzinfo=UTC), datetime(2026, 7, 20, 6, 15, tzinfo=UTC))
    assert readings.power_kw[1].tolist() == [1.5, 2.5]
    assert np.isnan(readings.power_kw[0]).all()
    assert (readings.step_minutes, readings.missing_rows, readings.repeated_rows) == (15, 1, 1)


def test_read_meters__parquet_with_zone_aware_stamps(tmp_path: Path) -> None:
    stamps = [datetime(2026, 7, 20, hour, tzinfo=UTC) for hour in (6, 7)]
    table = pa.table(
        {
            "site_id": pa.array([7, 7]),
            "timestamp": pa.array(stamps, pa.timestamp("ns", "Asia/Shanghai")),
            "power_kw": pa.array([1.0, None], pa.float32()),
        }
    )
    path = tmp_path / "meters.parquet"
    pyarrow.parquet.write_table(table, path)

    readings = read_meters(path)

    assert readings.site_ids == ("7",)
    assert readings.starts == tuple(stamps)
    assert readings.step_minutes == 60
    assert readings.missing_rows == 1


def test_read_meters__gaps_are_no_other_step(tmp_path: Path) -> None:
    minutes = [0, 15, 30, 90, 150, 165, 225]
    start = datetime(2026, 7, 20, tzinfo=UTC)
    rows = [f"a,{(start + timedelta(minutes=m)).isoformat()},1" for m in minutes]

    assert read_meters(csv_file(tmp_path, *rows)).step_minutes == 15


GOOD = "a,2026-07-20T14:00:00+08:00,1"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [GOOD, "a,2026-07-20T14:15:00,1"],
            "row 2: timestamp: instant '2026-07-20T14:15:00' is not ISO 8601 with a UTC",
        ),
        ([GOOD, "a,yesterday,1"], "row 2: timestamp: instant 'yesterday' is not ISO 8601"),
        ([GOOD, "a,,1"], "row 2: timestamp is empty, expected ISO 8601 with a UTC offset"),
        ([GOOD, "a,2026-07-20T14:20:00+08:00,1"], "row 2: timestamp .* is not on a 15-minute boundary"),
        ([GOOD, "a,2026-07-20T14:15:00+08:00,NaN"], "row 2: power_kw 'NaN' is not a finite number, expected kW"),
        ([GOOD, "a,2026-07-20T14:15:00+08:00,inf"], "row 2: power_kw 'inf' is not a finite number, expected kW"),
        ([GOOD, "a,2026-07-20T14:15:00+08:00,12 kW"], "row 2: power_kw '12 kW' is not a number, expected kW"),
        (
            [GOOD, "a,2026-07-20T06:00:00Z,2"],
            "row 2: power_kw 2.0 kW contradicts 1.0 kW of row 1 for the same site and interval, expected one value",
        ),
        ([GOOD, ",2026-07-20T14:15:00+08:00,1"], "row 2: site_id is empty, expected the meter's name"),
        ([GOOD], "no site has two intervals, so that the step .* cannot be told"),
        ([GOOD, "a,2026-07-20T14:30:00+08:00,1"], "intervals of 30 minutes, expected 15 or 60"),
        ([], "there is no reading in it"),
    ],
)
def test_read_meters__refuses(tmp_path: Path, rows: list[str], message: str) -> None:
    path = csv_file(tmp_path, *rows)

    with pytest.raises(InputError, match=message) as caught:
        read_meters(path)

    assert str(caught.value).startswith(f"{path}: ")


def test_read_meters__refuses_mixed_steps(tmp_path: Path) -> None:
    start = datetime(2026, 7, 20, tzinfo=UTC)
    quarters = [f"a,{(start + timedelta(minutes=15 * i)).isoformat()},1" for i in range(8)]
    hours = [f"b,{(start + timedelta(hours=i)).isoformat()},1" for i in range(8)]

    with pytest.raises(
        InputError, match="row 9: intervals of 60 minutes from here on, of 15 minutes elsewhere, expected"
    ):
        read_meters(csv_file(tmp_path, *quarters, *hours))


def test_read_meters__refuses_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'power_kw' is missing, expected site_id,timestamp,power_kw"):
        read_meters(csv_file(tmp_path, "a,2026-07-20T14:00:00+08:00,1", header="site_id,timestamp,kw"))


def test_read_meters__refuses_naive_parquet_stamps(tmp_path: Path) -> None:
    table = pa.table(
        {
            "site_id": ["a"],
            "timestamp": pa.array([datetime(2026, 7, 20, 6)], pa.timestamp("us")),  # noqa: DTZ001 - what is refused
            "power_kw": [1.0],
        }
    )
    path = tmp_path / "meters.parquet"
    pyarrow.parquet.write_table(table, path)

    with pytest.raises(InputError, match="row 1: timestamp 2026-07-20 06:00:00 has no UTC offset"):
        read_meters(path)


def test_read_meters__refuses_an_unknown_extension(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"extension '\.xlsx' is not known, expected \.csv or \.parquet"):
        read_meters(tmp_path / "meters.xlsx")


@pytest.mark.parametrize("name", ["broken.csv", "broken.parquet"])
def test_read_meters__refuses_what_is_no_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(f"{HEADER}\na,2026-07-20T14:00:00+08:00\n", encoding="utf-8")

    with pytest.raises(InputError, match=f"{name}: is no readable"):
        read_meters(tmp_path / name)


def test_read_meters__missing_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none\.csv: cannot be read"):
        read_meters(tmp_path / "none.csv")


def test_history_of__cuts_local_days(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a,2026-07-19T15:45:00Z,1", "a,2026-07-19T16:00:00Z,2")

    history = history_of(read_meters(path), SHANGHAI, excluded_days=[date(2026, 7, 20)])

    assert history.days == (date(2026, 7, 19), date(2026, 7, 20))
    assert history.power_kw[0, 0, 95] == 1.0
    assert history.power_kw[0, 1, 0] == 2.0
    assert history.event_days.tolist() == [[False, True]]


def test_history_of__doubled_hour_is_averaged_and_skipped_hour_missing(tmp_path: Path) -> None:
    autumn = ["a,2025-10-26T00:00:00Z,4", "a,2025-10-26T01:00:00Z,6"]  # 01:00 twice in London
    spring = ["a,2026-03-29T00:00:00Z,1", "a,2026-03-29T01:00:00Z,1"]  # 00:00, then 02:00

    history = history_of(read_meters(csv_file(tmp_path, *autumn, *spring)), ZoneInfo("Europe/London"))

    assert history.power_kw[0, 0, 1] == 5.0
    assert history.power_kw[0, 1, [0, 2]].tolist() == [1.0, 1.0]
    assert np.isnan(history.power_kw[0, 1, 1])


def test_history_of__refuses_hours_that_are_none_in_the_zone(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a,2026-07-20T00:00:00Z,1", "a,2026-07-20T01:00:00Z,1")

    with pytest.raises(InputError, match="is not a whole number of 60 minutes from midnight in Asia/Kolkata"):
        history_of(read_meters(path), ZoneInfo("Asia/Kolkata"))


def test_write_baselines__csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    start = datetime(2026, 7, 20, 6, tzinfo=UTC)
    starts = local_starts(start, start + timedelta(minutes=30), 15, SHANGHAI)
    baseline_kw = np.array([[1.25, 2.0], [np.nan, np.nan]])
    for name in ("out.csv", "out.parquet"):
        write_baselines(tmp_path / name, ["a,b", "c"], starts, baseline_kw, np.array([True, False]))

    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == (
        "site_id,interval_start,baseline_kw,sufficient\n"
        '"a,b",2026-07-20T14:00:00+08:00,1.25,true\n'
        '"a,b",2026-07-20T14:15:00+08:00,2.0,true\n'
        "c,2026-07-20T14:00:00+08:00,,false\n"
        "c,2026-07-20T14:15:00+08:00,,false\n"
    )
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["site_id", "interval_start", "baseline_kw", "sufficient"]
    assert table["baseline_kw"].to_pylist() == [1.25, 2.0, None, None]
    assert table["interval_start"].to_pylist()[0] == start


def test_write_baselines__refuses_an_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"out\.csv: cannot be written"):
        write_baselines(tmp_path / "none" / "out.csv", [], [], np.zeros((0, 0)), np.zeros(0, dtype=np.bool_))
