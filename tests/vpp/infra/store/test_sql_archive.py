"""What only the archive on disk does: reopening, and the index that makes interval energy fast."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from vpp.domain.telemetry import Reading
from vpp.domain.timegrid import INTERVAL, TimeGrid
from vpp.infra.store.archive import open_archive

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)


def test_open__finds_meters_and_readings_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/archive.db"
    first = open_archive(url)
    first.store_now([Reading("b", T0, 1.0, 10), Reading("a", T0, 1.0, 20)])
    first.import_day_now(date(2026, 7, 1), ["c"], np.zeros((1, 96)))
    first.close()
    second = open_archive(url)
    second.store_now([Reading("a", T0 + INTERVAL, 1.0, 25), Reading("d", T0, 1.0, 1)])
    energy = asyncio.run(second.interval_energy(["a", "b", "d"], TimeGrid(T0, 1)))
    np.testing.assert_array_equal(energy.energy_wh, [[5.0], [np.nan], [np.nan]])
    second.close()


def test_interval_energy__reads_the_boundary_index_only() -> None:
    archive = open_archive("sqlite://")
    with archive._engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT meter, at, register_wh FROM reading WHERE meter IN (1, 2) "
            "AND at >= 0 AND at <= 9 AND at % 900 = 0 AND quality = 0"
        ).all()
    assert "USING COVERING INDEX boundary_register (meter=? AND at>? AND at<?)" in str(plan)


def test_open__a_commit_is_synced_before_readings_are_confirmed(tmp_path: Path) -> None:
    archive = open_archive(f"sqlite:///{tmp_path}/archive.db")
    with archive._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
    archive.close()
