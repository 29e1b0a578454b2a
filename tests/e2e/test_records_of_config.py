"""The commands that read a store by a controller's settings: on PostgreSQL and on files, beside a writer."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml
from sqlalchemy import MetaData, insert, select
from typer.testing import CliRunner, Result

from tests.contract.postgres_process import Cluster, running_postgres
from tests.e2e.conftest import RecordedRun
from vpp.cli.app import app
from vpp.infra.store.archive import open_archive
from vpp.infra.store.engines import Durability, open_engine
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.store.sole_writer import sole_writer
from vpp.infra.store.tables import ARCHIVE, LEDGER

PEAK = {"kw": 1000.0, "source": "test", "date": "2026-07-01"}


def vpp(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def settings(file: Path, **store: str) -> Path:
    file.write_text(yaml.safe_dump({"store": store, "reference_peak": PEAK}), encoding="utf-8")
    return file


@dataclass(frozen=True)
class Kept:
    """A controller's settings, and where its ledger lies."""

    config: Path
    store: Path
    ledger_url: str


def moved(run: RecordedRun, folder: Path, url: str) -> Kept:
    """The run's databases, row by row, in one database of a server; its set-up files in ``folder``."""
    source = StoreFolder(run.store)
    open_ledger(url).close()
    open_archive(url).close()
    for from_url, tables in ((source.ledger_url, LEDGER), (source.archive_url, ARCHIVE)):
        copy_rows(from_url, url, tables)
    shutil.copytree(run.store, folder / "store", ignore=shutil.ignore_patterns("*.sqlite*"))
    config = settings(folder / "controller.yaml", folder="store", ledger_url=url, archive_url=url)
    return Kept(config, folder / "store", url)


def copy_rows(from_url: str, to_url: str, tables: MetaData) -> None:
    source, target = open_engine(from_url, Durability.FULL), open_engine(to_url, Durability.FULL)
    with source.connect() as reading, target.begin() as writing:
        for table in tables.sorted_tables:
            if rows := [dict(row) for row in reading.execute(select(table)).mappings()]:
                writing.execute(insert(table), rows)
    source.dispose()
    target.dispose()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with running_postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def kept(request: pytest.FixtureRequest, quick_run: RecordedRun, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    if request.param == "postgresql":
        server: Cluster = request.getfixturevalue("cluster")
        return moved(quick_run, folder, server.new_database())
    shutil.copytree(quick_run.store, folder / "store")
    config = settings(folder / "controller.yaml", folder="store")
    return Kept(config, folder / "store", StoreFolder(folder / "store").ledger_url)


def test_records__the_same_as_by_folder(kept: Kept, quick_run: RecordedRun) -> None:
    for words in (("report", "event-1"), ("event", "list"), ("event", "show", "event-1"), ("audit", "verify")):
        by_config = vpp(*words, "--config", kept.config, "--json")
        assert by_config.exit_code == 0, by_config.output
        assert by_config.stdout == vpp(*words, "--store", quick_run.store, "--json").stdout


def test_settle_command__the_statements_of_the_day(kept: Kept, quick_run: RecordedRun, tmp_path: Path) -> None:
    out = tmp_path / "statements.jsonl"

    result = vpp("settle", "event-1", "--config", kept.config, "--out", out, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["equals_issued"] is True
    assert out.read_bytes() == (quick_run.out / "statements.jsonl").read_bytes()


def test_records__beside_the_controller_that_writes(kept: Kept) -> None:
    with sole_writer(kept.store, kept.ledger_url):
        ledger = open_ledger(kept.ledger_url)
        before = ledger.read_page(0)
        found = json.loads(vpp("audit", "verify", "--config", kept.config, "--json").stdout)
        listed = vpp("event", "list", "--config", kept.config)
        assert ledger.read_page(0) == before
        ledger.close()

    assert (found["sound"], listed.exit_code) == (True, 0)


def test_audit_verify__a_forged_fact_on_postgresql(quick_run: RecordedRun, cluster: Cluster, tmp_path: Path) -> None:
    kept = moved(quick_run, tmp_path, cluster.new_database())
    with psycopg.connect(kept.ledger_url.replace("+psycopg", "")) as connection:
        connection.execute("ALTER TABLE fact DISABLE TRIGGER ALL")
        connection.execute("UPDATE fact SET payload = payload || ' '::bytea WHERE position = 7")

    result = vpp("audit", "verify", "--config", kept.config, "--json")

    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["sound"], found["broken_at"]) == (False, 7)


def test_records__a_database_that_no_controller_has_used(
    quick_run: RecordedRun, cluster: Cluster, tmp_path: Path
) -> None:
    empty = cluster.new_database()
    config = settings(tmp_path / "c.yaml", folder=str(quick_run.store), ledger_url=empty, archive_url=empty)

    result = vpp("audit", "verify", "--config", config)

    assert result.exit_code == 2
    assert result.stderr == (f"error: {config}: ledger: the database is empty; no controller has been started on it\n")
    with psycopg.connect(empty.replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert found == (0,)


def test_records__a_server_that_is_not_there(quick_run: RecordedRun, tmp_path: Path) -> None:
    nowhere = f"postgresql://vpp@/vpp?host={tmp_path}"
    config = settings(tmp_path / "c.yaml", folder=str(quick_run.store), ledger_url=nowhere)

    result = vpp("event", "list", "--config", config)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {config}: ledger: reading the schema's revision: ")
    assert str(tmp_path) in result.stderr
    assert "Traceback" not in result.output
