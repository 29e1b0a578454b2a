"""Opening databases: bad addresses, missing folders, foreign and newer files; schema against migrations."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData

from vpp.domain.errors import StoreError
from vpp.infra.store.archive import open_archive
from vpp.infra.store.engines import Durability, open_engine, shown, with_password
from vpp.infra.store.ledger import open_ledger
from vpp.infra.store.migrate import upgrade
from vpp.infra.store.tables import ACCESS, ARCHIVE, LEDGER


@pytest.mark.parametrize("url", ["nonsense", "nosuchbase:///x"])
def test_open_engine__unusable_address(url: str) -> None:
    with pytest.raises(StoreError, match=f"store address '{url}' cannot be used"):
        open_engine(url, Durability.FULL)


def test_open_ledger__missing_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="ledger: bringing the schema up to date: unable to open database file"):
        open_ledger(f"sqlite:///{tmp_path}/missing/ledger.db")


def test_open_archive__not_a_database(tmp_path: Path) -> None:
    (tmp_path / "archive.db").write_text("this is not a database, it only has the name of one " * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        open_archive(f"sqlite:///{tmp_path}/archive.db")


def test_upgrade__database_of_a_newer_version(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db", Durability.FULL)
    upgrade(engine, "ledger")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'ledger_9999'")
    with pytest.raises(StoreError, match=r"ledger: the schema is not known to this version .*ledger_9999"):
        upgrade(engine, "ledger")


@pytest.mark.parametrize(("database", "tables"), [("ledger", LEDGER), ("archive", ARCHIVE), ("access", ACCESS)])
def test_upgrade__twice_leaves_exactly_the_tables_of_the_code(database: str, tables: MetaData) -> None:
    engine = open_engine("sqlite://", Durability.NORMAL)
    upgrade(engine, database)
    upgrade(engine, database)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []


def test_open_engine__other_databases_are_refused() -> None:
    with pytest.raises(StoreError, match=r"'mysql://u:\*\*\*@h/d' cannot be used: expected sqlite or postgresql"):
        open_engine("mysql://u:secret@h/d", Durability.FULL)


def test_shown__has_no_password() -> None:
    assert shown("postgresql://u:s3:cret@h/d") == "postgresql://u:***@h/d"
    assert shown("postgresql://u@h/d") == "postgresql://u@h/d"


def test_with_password__goes_into_servers_addresses_only() -> None:
    assert with_password("postgresql://u@h/d", "p@ss/word") == "postgresql://u:p%40ss%2Fword@h/d"
    assert with_password("postgresql://u@h/d", None) == "postgresql://u@h/d"
    assert with_password("sqlite:///a.db", "word") == "sqlite:///a.db"
    with pytest.raises(StoreError, match="store address 'nonsense' cannot be used"):
        with_password("nonsense", "word")
