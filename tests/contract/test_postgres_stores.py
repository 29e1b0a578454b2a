"""What only a database server does: it is shared, it is restarted, it is reached with a password."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from tests.contract.postgres_process import Cluster
from vpp.domain.errors import StoreError
from vpp.domain.facts import ControllerStarted
from vpp.domain.telemetry import Reading
from vpp.infra.store.access import open_access
from vpp.infra.store.archive import open_archive
from vpp.infra.store.engines import Durability, open_engine
from vpp.infra.store.ledger import open_ledger
from vpp.infra.store.migrate import upgrade
from vpp.infra.store.sole_writer import sole_writer
from vpp.infra.store.tables import ACCESS, ARCHIVE, LEDGER

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
STARTED = ControllerStarted(at=T0, epoch=1)


def test_one_database__holds_ledger_archive_and_access(postgres: Cluster) -> None:
    url = postgres.new_database()
    for _ in range(2):
        ledger, archive, access = open_ledger(url), open_archive(url), open_access(url)
        assert ledger.append_now([STARTED]) >= 1
        archive.store_now([Reading("m", T0, 1.0, 5)])
        for store in (ledger, archive, access):
            store.close()
    assert open_ledger(url).verify() is None


@pytest.mark.parametrize(("database", "tables"), [("ledger", LEDGER), ("archive", ARCHIVE), ("access", ACCESS)])
def test_upgrade__leaves_exactly_the_tables_of_the_code(postgres: Cluster, database: str, tables: MetaData) -> None:
    engine = open_engine(postgres.new_database(), Durability.FULL)
    upgrade(engine, database)
    with engine.connect() as connection:
        options = {"version_table": f"alembic_version_{database}"}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), tables) == []
    engine.dispose()


@pytest.mark.parametrize("statement", ["UPDATE fact SET kind = 'x'", "DELETE FROM fact", "TRUNCATE fact"])
def test_facts__cannot_be_changed(postgres: Cluster, statement: str) -> None:
    url = postgres.new_database()
    ledger = open_ledger(url)
    ledger.append_now([STARTED])
    with (
        psycopg.connect(url.replace("+psycopg", "")) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="facts are append-only"),
    ):
        connection.execute(statement.encode())
    ledger.close()


def test_append__second_writer_is_refused_and_writes_nothing(postgres: Cluster) -> None:
    url = postgres.new_database()
    first, second = open_ledger(url), open_ledger(url)
    first.append_now([STARTED])
    with pytest.raises(StoreError, match=r"appending 2 facts behind position 0: duplicate key"):
        second.append_now([STARTED, STARTED])
    assert len(first.read_page(0)) == 1
    first.close()
    second.close()


def test_stores__go_on_when_the_server_was_restarted(postgres: Cluster) -> None:
    url = postgres.new_database()
    ledger, archive = open_ledger(url), open_archive(url)
    ledger.append_now([STARTED])
    archive.store_now([Reading("m", T0, 1.0, 5)])
    postgres.restart()
    assert ledger.append_now([STARTED]) == 2
    archive.store_now([Reading("m", T0, 1.0, 5), Reading("n", T0, 1.0, 6)])
    assert [each.meter_id for each in archive.readings_now(["m", "n"], T0, T0.replace(hour=7))] == ["m", "n"]
    assert ledger.verify() is None
    ledger.close()
    archive.close()


def test_sole_writer__second_controller_on_the_same_ledger_is_refused(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.new_database()
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        sole_writer(tmp_path / "a", url),
        pytest.raises(StoreError, match=r"ledger postgresql.* is in use by another controller"),
        sole_writer(tmp_path / "b", url),
    ):
        pass
    with sole_writer(tmp_path / "b", url):
        pass


def test_sole_writer__two_ledgers_on_one_server(postgres: Cluster, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with sole_writer(tmp_path / "a", postgres.new_database()), sole_writer(tmp_path / "b", postgres.new_database()):
        pass


def test_open__unreachable_server_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql://vpp:s3cret-word@/none?host={tmp_path}"
    with pytest.raises(StoreError, match=r"ledger: bringing the schema up to date: connection .*failed") as caught:
        open_ledger(url)
    assert "s3cret-word" not in str(caught.value)
    with pytest.raises(StoreError) as caught, sole_writer(tmp_path, url):
        pass
    assert "s3cret-word" not in str(caught.value)


def test_import_day__many_rows_come_back(postgres: Cluster) -> None:
    archive = open_archive(postgres.new_database())
    readings = [Reading(f"m{number}", T0, float(number), number) for number in range(5_000)]
    archive.store_now(readings)
    archive.store_now(readings)
    assert archive.conflict_count_now() == 0
    assert len(archive.readings_now([each.meter_id for each in readings], T0, T0.replace(hour=7))) == 5_000
    archive.import_day_now(date(2026, 7, 19), ["m1"], np.full((1, 96), 3.0))
    archive.close()
