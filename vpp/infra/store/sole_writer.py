"""One controller per store: the second one is refused before it has done anything.

Should two run all the same (a lock is lost with the server that held it), the ledger itself refuses the second one's
first append, since a position is written once; gateways obey the higher epoch.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from vpp.domain.errors import StoreError
from vpp.infra.store.engines import Durability, open_engine, shown, store_errors

_CONTROLLER = 0x76707001


@contextmanager
def sole_writer(folder: Path, ledger_url: str) -> Iterator[None]:
    """Holds the store for this process; the system gives it back however the process ends.

    Raises:
        StoreError: another process holds it, or it cannot be locked.
    """
    with _folder_lock(folder), _server_lock(ledger_url):
        yield


@contextmanager
def _folder_lock(folder: Path) -> Iterator[None]:
    path = folder / "controller.lock"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"store {folder}: {path.name} cannot be opened ({error.strerror})") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
            raise StoreError(
                f"store {folder} is in use by another controller (process {holder or 'unknown'})"
            ) from None
        os.truncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(handle)


@contextmanager
def _server_lock(ledger_url: str) -> Iterator[None]:
    """PostgreSQL's advisory lock on the ledger's schema, held by a connection of its own."""
    engine = open_engine(ledger_url, Durability.FULL)
    try:
        if engine.dialect.name != "postgresql":
            yield
            return
        with store_errors(f"ledger {shown(ledger_url)}: asking for its lock"):
            connection = engine.connect()
            schema = func.hashtext(func.current_schema())
            got = connection.execute(select(func.pg_try_advisory_lock(_CONTROLLER, schema))).scalar_one()
            # The lock belongs to the connection, not to a transaction that would stay open as long.
            connection.commit()
        with connection:
            if not got:
                raise StoreError(f"ledger {shown(ledger_url)} is in use by another controller")
            yield
    finally:
        # Closed for good, not put back into a pool: the lock ends with the connection.
        engine.dispose()
