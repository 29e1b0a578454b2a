"""Interval readings in CSV or Parquet files, for ``vpp baseline``; every refusal names file, row and value.

In: ``site_id,timestamp,power_kw``, the timestamp being the interval's start with its UTC offset and the power the
interval's mean. Out: ``site_id,interval_start,baseline_kw,sufficient``. Rows are counted from 1 without the header.
"""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from vpp.domain.errors import InputError, StoreError
from vpp.domain.load_history import Floats, LoadHistory
from vpp.domain.timegrid import parse_instant

COLUMNS = ("site_id", "timestamp", "power_kw")
STEPS_MINUTES = (15, 60)
US_PER_MINUTE = 60_000_000
MIXED_RUN = 4
MINUTES_PER_DAY = 24 * 60


@dataclass(frozen=True, slots=True, eq=False)
class MeterReadings:
    """A file's readings on one time axis.

    Attributes:
        site_ids: Sorted.
        starts: Instants of the axis, ascending, shape (times,), every one with a reading of some site.
        power_kw: Shape (sites, times), ``nan`` where a site has no reading.
        step_minutes: 15 or 60.
        missing_rows: Rows with an empty power; they count as missing.
        repeated_rows: Rows that say again what another one said.
    """

    file: str
    site_ids: tuple[str, ...]
    starts: tuple[datetime, ...]
    power_kw: Floats
    step_minutes: int
    missing_rows: int
    repeated_rows: int


def read_meters(path: Path) -> MeterReadings:
    """The readings of ``path``.

    Raises:
        InputError: unknown extension, missing column, a timestamp without offset or off its step, a power that is not a
            finite number, one interval with two values, or steps that are mixed or neither 15 minutes nor one hour.
        StoreError: the file cannot be read.
    """
    table = _read_table(path)
    site_text = table["site_id"].cast(pa.string())
    if site_text.null_count or not table.num_rows:
        row = _first(pc.is_null(site_text)) if table.num_rows else 1
        raise InputError(f"{path}: row {row}: site_id is empty, expected the meter's name")
    codes = site_text.combine_chunks().dictionary_encode()
    names = codes.dictionary.to_pylist()
    order = np.argsort(np.array(names, dtype=object), kind="stable")
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    site = rank[codes.indices.to_numpy(zero_copy_only=False)]
    instant_us = _instants_us(path, table["timestamp"])
    power_kw = _powers_kw(path, table["power_kw"])
    axis, column = np.unique(instant_us, return_inverse=True)
    grid = np.full((len(names), axis.size), np.nan)
    repeated = _fill(path, grid, site, column, power_kw)
    step = _step_minutes(path, site, instant_us)
    return MeterReadings(
        str(path),
        tuple(names[i] for i in order),
        tuple(datetime.fromtimestamp(int(us) // 1_000_000, UTC) for us in axis),
        grid,
        step,
        int(np.isnan(power_kw).sum()),
        repeated,
    )


def history_of(readings: MeterReadings, zone: ZoneInfo, *, excluded_days: Sequence[date] = ()) -> LoadHistory:
    """The readings by local day and slot of the local clock.

    Where the clock is set back the doubled hour is averaged; where it is set forward the skipped slots are missing.

    Raises:
        InputError: interval starts are not whole steps from local midnight.
    """
    local = [start.astimezone(zone) for start in readings.starts]
    days = tuple(sorted({moment.date() for moment in local}))
    position = {day: i for i, day in enumerate(days)}
    slots = MINUTES_PER_DAY // readings.step_minutes
    minutes = np.array([moment.hour * 60 + moment.minute for moment in local], dtype=np.int64)
    if (minutes % readings.step_minutes).any():
        at = readings.starts[int(np.argmax(minutes % readings.step_minutes != 0))].astimezone(zone)
        raise InputError(
            f"{readings.file}: interval start {at.isoformat()} is not a whole number of "
            f"{readings.step_minutes} minutes from midnight in {zone.key}"
        )
    cell = np.array([position[moment.date()] for moment in local]) * slots + minutes // readings.step_minutes
    power_kw = np.full((len(readings.site_ids), len(days) * slots), np.nan)
    power_kw[:, cell] = readings.power_kw
    for doubled in np.flatnonzero(np.bincount(cell) > 1):
        pair = readings.power_kw[:, cell == doubled]
        power_kw[:, doubled] = pair.mean(axis=1)
    answered = np.array([day in excluded_days for day in days], dtype=np.bool_)
    return LoadHistory.of(
        readings.site_ids,
        days,
        power_kw.reshape(len(readings.site_ids), len(days), slots),
        event_days=np.tile(answered, (len(readings.site_ids), 1)),
    )


def write_baselines(
    path: Path, site_ids: Sequence[str], starts: Sequence[datetime], baseline_kw: Floats, sufficient: NDArray[np.bool_]
) -> None:
    """Writes one row per site and interval, sites as given, power empty where there is no baseline.

    Args:
        path: ``.csv`` or ``.parquet``.
        site_ids: Shape (sites,).
        starts: Interval starts in the zone that people read, shape (T,).
        baseline_kw: Shape (sites, T), not rounded.
        sufficient: Shape (sites,).

    Raises:
        InputError: unknown extension.
        StoreError: the file cannot be written.
    """
    try:
        if _extension(path) == ".csv":
            _write_csv(path, site_ids, starts, baseline_kw, sufficient)
        else:
            _write_parquet(path, site_ids, starts, baseline_kw, sufficient)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def _write_csv(
    path: Path, site_ids: Sequence[str], starts: Sequence[datetime], baseline_kw: Floats, sufficient: NDArray[np.bool_]
) -> None:
    stamps = [start.isoformat() for start in starts]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("site_id", "interval_start", "baseline_kw", "sufficient"))
        for site_id, row, is_sufficient in zip(site_ids, baseline_kw.tolist(), sufficient.tolist(), strict=True):
            flag = "true" if is_sufficient else "false"
            writer.writerows(
                (site_id, stamp, "" if math.isnan(kw) else repr(kw), flag)
                for stamp, kw in zip(stamps, row, strict=True)
            )


def _write_parquet(
    path: Path, site_ids: Sequence[str], starts: Sequence[datetime], baseline_kw: Floats, sufficient: NDArray[np.bool_]
) -> None:
    sites, times = len(site_ids), len(starts)
    stamp_type = pa.timestamp("us", str(starts[0].tzinfo) if starts else "UTC")
    columns = {
        "site_id": pa.array([site_id for site_id in site_ids for _ in range(times)], pa.string()),
        "interval_start": pa.array([start.astimezone(UTC) for start in starts] * sites, stamp_type),
        "baseline_kw": pa.array(baseline_kw.reshape(-1), pa.float64(), from_pandas=True),
        "sufficient": pa.array(np.repeat(sufficient, times), pa.bool_()),
    }
    pyarrow.parquet.write_table(pa.table(columns), path)


def _extension(path: Path) -> str:
    extension = path.suffix.lower()
    if extension not in (".csv", ".parquet"):
        raise InputError(f"{path}: extension {path.suffix!r} is not known, expected .csv or .parquet")
    return extension


def _read_table(path: Path) -> pa.Table:
    try:
        if _extension(path) == ".csv":
            as_text = pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(COLUMNS, pa.string()), null_values=[""], strings_can_be_null=True
            )
            table = pyarrow.csv.read_csv(path, convert_options=as_text)
        else:
            table = pyarrow.parquet.read_table(path)
    except pa.ArrowInvalid as error:
        raise InputError(f"{path}: is no readable {path.suffix} table: {error}") from error
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be read: {error}") from error
    for name in COLUMNS:
        if name not in table.column_names:
            raise InputError(f"{path}: column {name!r} is missing, expected {','.join(COLUMNS)}")
    if not table.num_rows:
        raise InputError(f"{path}: there is no reading in it")
    return table


def _first(flags: pa.ChunkedArray) -> int:
    """Number of the first row that is true, counted from 1."""
    return int(pc.index(flags, value=True).as_py()) + 1


def _instants_us(path: Path, column: pa.ChunkedArray) -> NDArray[np.int64]:
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.tz is None:
        raise InputError(
            f"{path}: row 1: timestamp {column[0].as_py()} has no UTC offset, expected a zone-aware column"
        )
    if column.null_count:
        raise InputError(
            f"{path}: row {_first(pc.is_null(column))}: timestamp is empty, expected ISO 8601 with a UTC offset"
        )
    utc_us = pa.timestamp("us", "UTC")
    if pa.types.is_timestamp(kind):
        stamps = column.cast(utc_us, safe=False)
    else:
        text = column.cast(pa.string())
        try:
            stamps = text.cast(utc_us)
        except pa.ArrowInvalid:
            stamps = pa.chunked_array([pa.array(_parse_rows(path, text), utc_us)])
    instants: NDArray[np.int64] = stamps.cast(pa.int64()).combine_chunks().to_numpy(zero_copy_only=False)
    off = instants % (STEPS_MINUTES[0] * US_PER_MINUTE) != 0
    if off.any():
        row = int(np.argmax(off))
        raise InputError(
            f"{path}: row {row + 1}: timestamp {column[row].as_py()} is not on a 15-minute boundary, "
            "expected the start of a 15-minute or hourly interval"
        )
    return instants


def _parse_rows(path: Path, text: pa.ChunkedArray) -> list[datetime]:
    instants: list[datetime] = []
    for row, value in enumerate(text.to_pylist(), start=1):
        try:
            instants.append(parse_instant(value))
        except InputError as error:
            raise InputError(f"{path}: row {row}: timestamp: {error}") from error
    return instants


def _powers_kw(path: Path, column: pa.ChunkedArray) -> Floats:
    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        numbers = column.cast(pa.float64())
    else:
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        try:
            numbers = text.cast(pa.float64())
        except pa.ArrowInvalid:
            row, value = next((i, v) for i, v in enumerate(text.to_pylist(), 1) if v is not None and not _is_number(v))
            raise InputError(
                f"{path}: row {row}: power_kw {value!r} is not a number, expected kW, or nothing where missing"
            ) from None
    bad = pc.invert(pc.is_finite(numbers))
    if pc.any(bad).as_py():
        row = _first(bad)
        raise InputError(
            f"{path}: row {row}: power_kw {column[row - 1].as_py()!r} is not a finite number, "
            "expected kW, or nothing where missing"
        )
    powers: Floats = numbers.combine_chunks().to_numpy(zero_copy_only=False)
    return powers


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _step_minutes(path: Path, site: NDArray[np.int64], instant_us: NDArray[np.int64]) -> int:
    """15 or 60: the smallest distance between two readings of a site.

    A quarter-hourly file in which some site goes on for hours at another step is refused: no gap looks like that, and
    an hour's mean is not a quarter's.
    """
    order = np.lexsort((instant_us, site))
    gap = np.diff(instant_us[order]) // US_PER_MINUTE
    gap[np.diff(site[order]) != 0] = 0
    if not gap.any():
        raise InputError(f"{path}: no site has two intervals, so that the step (15 or 60 minutes) cannot be told")
    step = int(gap[gap > 0].min())
    if step not in STEPS_MINUTES:
        raise InputError(f"{path}: intervals of {step} minutes, expected 15 or 60")
    for other in (30, 60) if step == STEPS_MINUTES[0] else ():
        run = np.convolve(gap == other, np.ones(MIXED_RUN), "valid") >= MIXED_RUN
        if run.any():
            row = int(order[int(np.argmax(run))]) + 1
            raise InputError(
                f"{path}: row {row}: intervals of {other} minutes from here on, of {step} minutes elsewhere, "
                "expected one step for the whole file"
            )
    return step


def _fill(path: Path, grid: Floats, site: NDArray[np.int64], column: NDArray[np.intp], power_kw: Floats) -> int:
    """Puts the readings into ``grid``; how many rows only repeat another one."""
    cell = site * grid.shape[1] + column
    _, first, inverse = np.unique(cell, return_index=True, return_inverse=True)
    earlier = power_kw[first[inverse]]
    differs = (earlier != power_kw) & ~(np.isnan(earlier) & np.isnan(power_kw))
    if differs.any():
        row = int(np.argmax(differs))
        raise InputError(
            f"{path}: row {row + 1}: power_kw {power_kw[row]} kW contradicts {earlier[row]} kW of row "
            f"{int(first[inverse[row]]) + 1} for the same site and interval, expected one value"
        )
    grid.reshape(-1)[cell] = power_kw
    return int(cell.size - first.size)


def local_starts(start: datetime, end: datetime, step_minutes: int, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Interval starts of ``[start, end)`` in ``zone``."""
    step = timedelta(minutes=step_minutes)
    count = (end - start) // step
    return tuple((start + i * step).astimezone(zone) for i in range(count))
