"""Database engines for ledger, meter archive and accounts, and the one place where SQLAlchemy's errors become ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from vpp.domain.errors import StoreError

_BUSY_TIMEOUT_MS = 5_000
_CACHE_KIB = 64 * 1024
_STATEMENT_TIMEOUT_MS = 30_000
_CONNECT_TIMEOUT_S = 5
_PASSWORD = re.compile(r"(://[^:/@]*:)[^@]*@")


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
        if parsed.get_backend_name() == "postgresql":
            return _postgresql(parsed)
        if parsed.get_backend_name() != "sqlite":
            raise StoreError(f"store address {shown(url)!r} cannot be used: expected sqlite or postgresql")
        in_memory = parsed.database in {None, "", ":memory:"}
        engine = create_engine(parsed, poolclass=StaticPool if in_memory else None)
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(f"store address {shown(url)!r} cannot be used: {error}") from error

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute(f"PRAGMA synchronous = {durability}")
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        cursor.close()

    return engine


def open_reader(url: str) -> Engine:
    """An engine on ``url`` that cannot write, so that it may stand beside the program that does.

    Args:
        url: Of a database that is there; as for ``open_engine``, but not in memory.

    Raises:
        StoreError: not such an address, its driver is not installed, or there is no such file.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            return _postgresql(parsed, "-c default_transaction_read_only=on")
        if parsed.get_backend_name() != "sqlite" or not parsed.database:
            raise StoreError(f"store address {shown(url)!r} cannot be read: expected a sqlite file or postgresql")
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StoreError(f"store address {shown(url)!r} cannot be used: {error}") from error
    file = Path(parsed.database)
    if not file.is_file():
        raise StoreError(f"{file}: there is no such database")
    engine = create_engine(parsed)

    @event.listens_for(engine, "connect")
    def _set_up(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        # Not mode=ro: the index beside a write-ahead log, which readers share too, has to be made when it is missing.
        cursor.execute("PRAGMA query_only = ON")
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
        cursor.close()

    return engine


def _postgresql(parsed: URL, more: str = "") -> Engine:
    """An engine that finds out when the server was restarted, and that never waits for it for ever."""
    waits = f"-c statement_timeout={_STATEMENT_TIMEOUT_MS} -c lock_timeout={_BUSY_TIMEOUT_MS} {more}".strip()
    told = parsed.query.get("options")
    if isinstance(told, str):
        waits = f"{waits} {told}"
    return create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=4,
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "vpp", "options": waits},
    )


def with_password(url: str, password: str | None) -> str:
    """The address with that password in it; as it was for a file, or without a password.

    Raises:
        StoreError: not an address.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"store address {shown(url)!r} cannot be used: {error}") from error
    if password is None or parsed.get_backend_name() == "sqlite":
        return url
    return parsed.set(password=password).render_as_string(hide_password=False)


def shown(url: str) -> str:
    """The address as it may be shown: without its password."""
    return _PASSWORD.sub(r"\1***@", url)


@contextmanager
def store_errors(doing: str) -> Iterator[None]:
    """Turns database errors inside into ``StoreError``, prefixed by what was being done."""
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreError(f"{doing}: {getattr(error, 'orig', None) or error}") from error
