"""Brings a database to the newest schema when it is opened."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Engine, func, select

from vpp.domain.errors import StoreError
from vpp.infra.store.engines import open_reader, store_errors

_MIGRATIONS = Path(__file__).parent / "migrations"
_UPGRADING = 0x76707000


def upgrade(engine: Engine, database: str) -> None:
    """Applies all revisions of ``database`` that ``engine`` lacks, in one transaction.

    Args:
        engine: Where to.
        database: ``ledger``, ``archive`` or ``access``.

    Raises:
        StoreError: the database is newer than this program, or a revision failed; nothing was changed.
    """
    scripts = ScriptDirectory(str(_MIGRATIONS / database))

    def steps(revision: tuple[str, ...], _context: MigrationContext) -> list[RevisionStep]:
        return scripts._upgrade_revs("head", revision)  # type: ignore[arg-type]  # noqa: SLF001

    with store_errors(f"{database}: bringing the schema up to date"):
        try:
            with engine.begin() as connection, EnvironmentContext(Config(), scripts, fn=steps) as environment:
                environment.configure(
                    connection=connection, transactional_ddl=True, version_table=_version_table(engine, database)
                )
                if engine.dialect.name == "postgresql":
                    # Two programs that start together bring the schema up to date one after the other.
                    connection.execute(select(func.pg_advisory_xact_lock(_UPGRADING)))
                with environment.begin_transaction():
                    environment.run_migrations()
        except CommandError as error:
            raise StoreError(f"{database}: the schema is not known to this version of the program: {error}") from error


def newest_reader(url: str, database: str) -> Engine:
    """An engine on ``url`` that cannot write, once its schema is known to be this program's.

    Args:
        url: As for ``open_reader``.
        database: As for ``upgrade``.

    Raises:
        StoreError: it cannot be read, or has the schema of another version of the program.
    """
    engine = open_reader(url)
    try:
        _require_newest(engine, database)
    except StoreError:
        engine.dispose()
        raise
    return engine


def _require_newest(engine: Engine, database: str) -> None:
    newest = ScriptDirectory(str(_MIGRATIONS / database)).get_current_head()
    with store_errors(f"{database}: reading the schema's revision"), engine.connect() as connection:
        options = {"version_table": _version_table(engine, database)}
        found = MigrationContext.configure(connection, opts=options).get_current_revision()
    if found is None:
        raise StoreError(f"{database}: the database is empty; no controller has been started on it")
    if found != newest:
        raise StoreError(
            f"{database}: the schema has revision {found!r}, this version of the program reads {newest!r}; "
            "use the program's version that the controller has"
        )


def _version_table(engine: Engine, database: str) -> str:
    """On a server the three may share one database, and each has its own revision; a SQLite file holds one only."""
    return "alembic_version" if engine.dialect.name == "sqlite" else f"alembic_version_{database}"
