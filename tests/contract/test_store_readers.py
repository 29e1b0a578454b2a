"""Ledger and archive opened for reading beside their writer: the newest is seen, nothing can be written."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.contract.postgres_process import Cluster
from vpp.domain.errors import StoreError
from vpp.domain.facts import ControllerStarted
from vpp.domain.telemetry import Reading
from vpp.infra.store.archive import open_archive, read_archive
from vpp.infra.store.engines import Durability, open_engine, open_reader
from vpp.infra.store.ledger import open_ledger, read_ledger

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
STARTED = ControllerStarted(at=T0, epoch=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.sqlite'}"
    cluster: Cluster = request.getfixturevalue("postgres")
    return cluster.new_database()


def test_read_ledger__sees_what_its_writer_appends_and_writes_nothing(url: str) -> None:
    writer = open_ledger(url)
    writer.append_now([STARTED])
    reader = read_ledger(url)
    writer.append_now([STARTED])

    assert [stored.position for stored in reader.read_page(0)] == [1, 2]
    assert reader.verify() is None
    with pytest.raises(StoreError, match=r"read.?only"):
        reader.append_now([ControllerStarted(at=T0, epoch=2)])
    reader.close()
    assert writer.append_now([STARTED]) == 3
    writer.close()


def test_read_archive__sees_what_its_writer_stores_and_writes_nothing(url: str) -> None:
    writer = open_archive(url)
    writer.store_now([Reading("m", T0, 1.0, 5)])
    reader = read_archive(url)

    assert [found.register_wh for found in reader.readings_now(["m"], T0, T0.replace(hour=7))] == [5]
    with pytest.raises(StoreError, match=r"read.?only"):
        reader.store_now([Reading("m", T0.replace(minute=1), 1.0, 6)])
    reader.close()
    writer.close()


def test_read_ledger__a_database_that_nobody_has_used(url: str) -> None:
    engine = open_engine(url, Durability.FULL)
    engine.connect().close()
    engine.dispose()

    with pytest.raises(StoreError, match="ledger: the database is empty; no controller has been started on it"):
        read_ledger(url)


def test_read_archive__another_versions_schema(url: str) -> None:
    open_archive(url).close()
    table = "alembic_version" if url.startswith("sqlite") else "alembic_version_archive"
    engine = open_engine(url, Durability.FULL)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET version_num = 'archive_0000'"))  # noqa: S608 - our own names
    engine.dispose()

    with pytest.raises(StoreError, match="archive: the schema has revision 'archive_0000', this version of the prog"):
        read_archive(url)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("sqlite:////nowhere/ledger.sqlite", "/nowhere/ledger.sqlite: there is no such database"),
        ("sqlite://", "store address 'sqlite://' cannot be read: expected a sqlite file or postgresql"),
        ("mysql://u:secret@h/d", r"store address 'mysql://u:\*\*\*@h/d' cannot be read: expected a sqlite file"),
        ("ledger", "store address 'ledger' cannot be used: "),
    ],
)
def test_open_reader__refuses(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        open_reader(address)
