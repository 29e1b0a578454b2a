"""The meter archive in a SQL database: readings as they came, imported days, and 15-minute energy made from them.

Rules: of two different readings for one meter and instant the first stays and the other is set aside and counted.
Interval energy is the difference of two registers of good quality read exactly at the interval's start and end; it is
never interpolated. Where there is no such pair (so also in the first interval of live telemetry, unless a register was
read at its very start) an imported day answers, and where there is none either, ``nan``.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import chain, groupby, islice
from math import ceil
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, func, select

from vpp.domain.errors import StoreError
from vpp.domain.telemetry import Quality, Reading
from vpp.domain.timegrid import INTERVAL_S, TimeGrid
from vpp.infra.interval_series import (
    days_of,
    fill_from_day,
    pack_days,
    require_boundaries,
    unpack_days,
    whole_second,
)
from vpp.infra.store.engines import Durability, open_engine, store_errors
from vpp.infra.store.migrate import newest_reader, upgrade
from vpp.infra.store.tables import BOUNDARY, interval_day, meter, reading, reading_conflict
from vpp.infra.workers import InlineWorkers
from vpp.ports import IntervalEnergy, Workers

_QUALITY_CODES = {Quality.GOOD: 0, Quality.ESTIMATED: 1, Quality.SUSPECT: 2, Quality.MISSING: 3}
_QUALITIES = {code: quality for quality, code in _QUALITY_CODES.items()}
_KEYS_PER_QUERY = 500
_NOT_ASKED = -1

_Row = tuple[int, int, float, int, int]


class SqlMeterArchive:
    """Implements ``MeterArchive``; one writer process."""

    def __init__(self, engine: Engine, workers: Workers | None = None) -> None:
        """An archive on a database whose schema is up to date; see ``open_archive``.

        Args:
            engine: On the archive's own database.
            workers: Where the database is waited for; inline (blocking the event loop) when not given.
        """
        self._engine = engine
        self._workers = workers or InlineWorkers()
        self._writing = threading.Lock()
        self._mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        self._keys: dict[str, int] = {}
        with store_errors("archive: reading the meters"), engine.connect() as connection:
            self._keys.update((row.id, row.key) for row in connection.execute(select(meter)))

    async def store(self, readings: Sequence[Reading]) -> None:
        """Stores readings in one transaction.

        Raises:
            InputError: an instant has a fraction of a second; nothing was stored.
            StoreError: nothing was stored.
        """
        await self._workers.run(self.store_now, readings)

    async def import_day(self, day: date, meter_ids: Sequence[str], energy_wh: NDArray[np.float64]) -> None:
        """Stores a past day's interval energy, shape (meters, 96), ``nan`` for missing; again changes nothing.

        Raises:
            InputError: wrong shape, or values that are not whole Wh.
            StoreError: a meter has this day already with other values; nothing was stored.
        """
        await self._workers.run(self.import_day_now, day, meter_ids, energy_wh)

    async def interval_energy(self, meter_ids: Sequence[str], grid: TimeGrid) -> IntervalEnergy:
        """Interval energy by the rules at the top of this module.

        Raises:
            StoreError: the database failed.
        """
        return await self._workers.run(self.interval_energy_now, meter_ids, grid)

    async def readings(self, meter_ids: Sequence[str], start: datetime, end: datetime) -> list[Reading]:
        """Readings in ``[start, end)``, ordered by instant, then meter id.

        Raises:
            StoreError: the database failed.
        """
        return await self._workers.run(self.readings_now, meter_ids, start, end)

    async def conflict_count(self) -> int:
        """How often a reading came that differs from the one kept for its meter and instant."""
        return await self._workers.run(self.conflict_count_now)

    def store_now(self, readings: Sequence[Reading]) -> None:
        """``store`` without an event loop."""
        seconds: dict[datetime, int] = {}
        for item in readings:
            if item.at not in seconds:
                seconds[item.at] = whole_second(item.at)
        with (
            self._writing,
            store_errors(f"archive: storing {len(readings)} readings"),
            self._engine.begin() as connection,
        ):
            keys = self._keys_for(connection, (item.meter_id for item in readings))
            rows: list[_Row] = [
                (seconds[item.at], keys[item.meter_id], item.power_kw, item.register_wh, _QUALITY_CODES[item.quality])
                for item in readings
            ]
            if rows:
                self._insert_readings(connection, rows)
        self._keys.update(keys)

    def import_day_now(self, day: date, meter_ids: Sequence[str], energy_wh: NDArray[np.float64]) -> None:
        """``import_day`` without an event loop."""
        blobs = [row.tobytes() for row in pack_days(day, meter_ids, energy_wh)]
        with (
            self._writing,
            store_errors(f"archive: importing {len(blobs)} meters for {day}"),
            self._engine.begin() as connection,
        ):
            keys = self._keys_for(connection, meter_ids)
            known = _imported_blobs(connection, [keys[name] for name in meter_ids], day)
            rows = []
            for meter_id, blob in zip(meter_ids, blobs, strict=True):
                kept = known.get(keys[meter_id])
                if kept is None:
                    rows.append((day.toordinal(), keys[meter_id], blob))
                elif kept != blob:
                    raise StoreError(f"archive: meter {meter_id!r} already has other values for imported day {day}")
            if rows:
                connection.exec_driver_sql(
                    f"INSERT INTO interval_day (day, meter, energy_wh) VALUES ({self._marks(3)})",  # noqa: S608
                    rows,
                )
        self._keys.update(keys)

    def interval_energy_now(self, meter_ids: Sequence[str], grid: TimeGrid) -> IntervalEnergy:
        """``interval_energy`` without an event loop."""
        names = list(dict.fromkeys(meter_ids))
        rows_by_key = {self._keys[name]: row for row, name in enumerate(names) if name in self._keys}
        row_of = np.full(len(self._keys) + 1, _NOT_ASKED, dtype=np.intp)
        row_of[list(rows_by_key)] = list(rows_by_key.values())
        start_s, end_s, days = require_boundaries(grid), int(grid.end.timestamp()), days_of(grid)
        with store_errors("archive: reading interval energy"), self._engine.connect() as connection:
            registers = _boundary_registers(connection, list(rows_by_key), start_s, end_s)
            energy_wh = _differences(registers, row_of, (len(names), len(grid)), start_s)
            if days and np.isnan(energy_wh).any():
                most = 2 * len(rows_by_key) > len(self._keys)
                for day, keys, day_wh in _days(connection, None if most else list(rows_by_key), days):
                    asked = row_of[keys] != _NOT_ASKED
                    fill_from_day(energy_wh, grid, day, row_of[keys[asked]], day_wh[asked])
        if len(names) != len(meter_ids):
            position = {name: row for row, name in enumerate(names)}
            energy_wh = energy_wh[[position[name] for name in meter_ids]]
        return IntervalEnergy(tuple(meter_ids), grid, energy_wh)

    def readings_now(self, meter_ids: Sequence[str], start: datetime, end: datetime) -> list[Reading]:
        """``readings`` without an event loop."""
        names = {self._keys[name]: name for name in meter_ids if name in self._keys}
        first_s, end_s = ceil(start.timestamp()), ceil(end.timestamp())
        wanted = reading.c.meter.in_(bindparam("keys", expanding=True))
        query = select(reading).where(wanted, reading.c.at >= first_s, reading.c.at < end_s)
        rows: list[_Row] = []
        with store_errors("archive: reading readings"), self._engine.connect() as connection:
            for keys in _chunks(names):
                rows.extend(connection.execute(query, {"keys": keys}).all())
        rows.sort(key=lambda row: (row[0], names[row[1]]))
        return [
            Reading(names[key], datetime.fromtimestamp(at_s, UTC), power_kw, register_wh, _QUALITIES[quality])
            for at_s, key, power_kw, register_wh, quality in rows
        ]

    def conflict_count_now(self) -> int:
        """``conflict_count`` without an event loop."""
        with store_errors("archive: counting conflicts"), self._engine.connect() as connection:
            return int(connection.execute(select(func.coalesce(func.sum(reading_conflict.c.times), 0))).scalar_one())

    def close(self) -> None:
        """Gives the database back."""
        self._engine.dispose()

    def _keys_for(self, connection: Connection, meter_ids: Iterable[str]) -> dict[str, int]:
        new = [meter_id for meter_id in dict.fromkeys(meter_ids) if meter_id not in self._keys]
        if not new:
            return self._keys
        first = max(self._keys.values(), default=0) + 1
        keys = {meter_id: key for key, meter_id in enumerate(new, start=first)}
        connection.exec_driver_sql(
            f"INSERT INTO meter (id, key) VALUES ({self._marks(2)})",  # noqa: S608
            list(keys.items()),
        )
        return self._keys | keys

    def _insert_readings(self, connection: Connection, rows: list[_Row]) -> None:
        if self._insert_new(connection, rows) == len(rows):
            return
        kept = _kept_readings(connection, {row[0] for row in rows}, {row[1] for row in rows})
        different = [row for row in rows if kept[row[:2]] != row]
        if different:
            connection.exec_driver_sql(
                "INSERT INTO reading_conflict (at, meter, power_kw, register_wh, quality, times) "  # noqa: S608
                f"VALUES ({self._marks(5)}, 1) ON CONFLICT (meter, at, power_kw, register_wh, quality) "
                "DO UPDATE SET times = reading_conflict.times + 1",
                different,
            )

    def _insert_new(self, connection: Connection, rows: list[_Row]) -> int:
        """Inserts what is not there yet, the first of two for the same place; returns how many."""
        if connection.dialect.name == "postgresql":
            return _copy_new(connection, rows)
        return connection.exec_driver_sql(
            f"INSERT INTO reading (at, meter, power_kw, register_wh, quality) VALUES ({self._marks(5)}) "  # noqa: S608
            "ON CONFLICT DO NOTHING",
            rows,
        ).rowcount

    def _marks(self, count: int) -> str:
        return ", ".join([self._mark] * count)


def open_archive(url: str, workers: Workers | None = None) -> SqlMeterArchive:
    """The archive at ``url``, made or brought up to date first; every commit survives loss of power.

    It has to: once readings are confirmed their gateway forgets them.

    Raises:
        StoreError: it cannot be opened.
    """
    engine = open_engine(url, Durability.FULL)
    upgrade(engine, "archive")
    return SqlMeterArchive(engine, workers)


def read_archive(url: str) -> SqlMeterArchive:
    """The archive at ``url`` as it is, for reading beside the controller that writes it; writes are refused.

    Raises:
        StoreError: it cannot be opened, or its schema is not this program's.
    """
    return SqlMeterArchive(newest_reader(url, "archive"))


def _copy_new(connection: Connection, rows: list[_Row]) -> int:
    """PostgreSQL's COPY, into a table of this transaction, as COPY itself knows no conflict."""
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE IF NOT EXISTS incoming_reading "
        "(number integer, at bigint, meter integer, power_kw double precision, register_wh bigint, quality smallint) "
        "ON COMMIT DELETE ROWS"
    )
    with connection.connection.cursor() as cursor:  # type: ignore[attr-defined]  # psycopg's cursor is a context
        with cursor.copy("COPY incoming_reading FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "int8", "int4", "float8", "int8", "int2"])
            for number, row in enumerate(rows):
                copy.write_row((number, *row))
        cursor.execute(
            "INSERT INTO reading (at, meter, power_kw, register_wh, quality) "
            "SELECT at, meter, power_kw, register_wh, quality FROM incoming_reading ORDER BY number "
            "ON CONFLICT DO NOTHING"
        )
        return int(cursor.rowcount)


def _chunks(keys: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(keys)
    while chunk := list(islice(rest, _KEYS_PER_QUERY)):
        yield chunk


def _kept_readings(
    connection: Connection, instants_s: Iterable[int], keys: Iterable[int]
) -> dict[tuple[int, int], _Row]:
    wanted = (
        reading.c.at.in_(bindparam("instants", expanding=True)),
        reading.c.meter.in_(bindparam("keys", expanding=True)),
    )
    query, key_chunks = select(reading).where(*wanted), list(_chunks(keys))
    return {
        (row.at, row.meter): (row.at, row.meter, row.power_kw, row.register_wh, row.quality)
        for instants in _chunks(instants_s)
        for chunk in key_chunks
        for row in connection.execute(query, {"instants": instants, "keys": chunk})
    }


def _boundary_registers(connection: Connection, keys: list[int], first_s: int, last_s: int) -> NDArray[np.int64]:
    """Good registers on boundaries, one row of (meter key, instant, Wh) each."""
    wanted = reading.c.meter.in_(bindparam("keys", expanding=True))
    query = select(reading.c.meter, reading.c.at, reading.c.register_wh).where(
        wanted, reading.c.at >= first_s, reading.c.at <= last_s, BOUNDARY
    )
    rows = [row for chunk in _chunks(keys) for row in connection.execute(query, {"keys": chunk}).all()]
    return np.fromiter(chain.from_iterable(rows), np.int64, 3 * len(rows)).reshape(-1, 3)


def _differences(
    registers: NDArray[np.int64], row_of: NDArray[np.intp], shape: tuple[int, int], start_s: int
) -> NDArray[np.float64]:
    if not len(registers):
        return np.full(shape, np.nan)
    register_wh = np.full((shape[0], shape[1] + 1), np.nan)
    register_wh[row_of[registers[:, 0]], (registers[:, 1] - start_s) // int(INTERVAL_S)] = registers[:, 2]
    return np.diff(register_wh, axis=1)


def _imported_blobs(connection: Connection, keys: list[int], day: date) -> dict[int, bytes]:
    query = select(interval_day.c.meter, interval_day.c.energy_wh).where(
        interval_day.c.day == day.toordinal(), interval_day.c.meter.in_(bindparam("keys", expanding=True))
    )
    rows = (row for chunk in _chunks(keys) for row in connection.execute(query, {"keys": chunk}).all())
    return {row.meter: row.energy_wh for row in rows}


def _days(
    connection: Connection, keys: list[int] | None, days: list[date]
) -> Iterator[tuple[date, NDArray[np.intp], NDArray[np.float64]]]:
    """Imported days: the day, its meter keys and their energy (meters, 96); of all meters when ``keys`` is ``None``."""
    query = select(interval_day).order_by(interval_day.c.day)
    if keys is None:
        first, last = days[0].toordinal(), days[-1].toordinal()
        found = connection.execute(query.where(interval_day.c.day >= first, interval_day.c.day <= last)).all()
    else:
        query = query.where(
            interval_day.c.day.in_([day.toordinal() for day in days]),
            interval_day.c.meter.in_(bindparam("keys", expanding=True)),
        )
        found = [row for chunk in _chunks(keys) for row in connection.execute(query, {"keys": chunk}).all()]
    for number, rows in groupby(found, key=itemgetter(0)):
        _, day_keys, blobs = zip(*rows, strict=True)
        yield date.fromordinal(number), np.array(day_keys, dtype=np.intp), unpack_days(blobs)
