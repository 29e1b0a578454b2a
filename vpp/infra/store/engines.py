"""Database engines for ledger and meter archive, and the one place where SQLAlchemy's errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from vpp.domain.errors import StoreError

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 64 * 1024


class Durability(StrEnum):
    """What a commit survives on SQLite; PostgreSQL always syncs."""

    FULL = "FULL"
    """Loss of power: the log is synced on every commit."""
    NORMAL = "NORMAL"
    """A killed process; after loss of power the last commits may be missing, the file stays sound."""


def open_engine(url: str, durability: Durability) -> Engine:
    """An engine on ``url``, set up for one writer and any number of readers.

    Args:
        url: ``sqlite:///relative.db``, ``sqlite:////absolute.db``, ``sqlite://`` (in memory, gone with the engine) or
            ``postgresql+psycopg://...``.
        durability: Of each commit.

    Raises:
        StoreError: not such an address, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed)
        in_memory = parsed.database in {None, "", ":memory:"}
        engine = create_engine(parsed, poolclass=StaticPool if in_memory else None)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(f"store address {url!r} cannot be used: {error}") from error

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {durability}")
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        cursor.close()

    return engine


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turns database errors inside into ``StoreError``, prefixed by what was being done."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{doing}: {getattr(error, 'orig', None) or error}") from error
