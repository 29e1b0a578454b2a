"""What a gateway must still know after a power cut: unconfirmed messages, counters, commands in force.

One SQLite file per gateway with one writer; ``:memory:`` in simulation. A few rows a minute, so that it is written
straight from the event loop.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from vpp.domain.errors import StoreError

KEEP_MESSAGES = 20_160
"""Messages kept per stream while nobody confirms them: two weeks of minutes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS telemetry (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ack (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS boot (number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE IF NOT EXISTS resource (id TEXT PRIMARY KEY, state BLOB NOT NULL);
"""


class Stream(StrEnum):
    """Numbered messages that are kept until they are confirmed; each has a table of its name."""

    TELEMETRY = "telemetry"
    ACK = "ack"


class GatewayStore:
    """The gateway's disk. Every method may raise ``StoreError``."""

    def __init__(self, path: str, *, keep_messages: int = KEEP_MESSAGES) -> None:
        """Opens or makes the file at ``path``."""
        self._keep_messages = keep_messages
        with _translated(path):
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        self._path = path
        self._next = {stream: self._last_seq(stream) + 1 for stream in Stream}

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside, or none."""
        with _translated(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                self._next = {stream: self._last_seq(stream) + 1 for stream in Stream}
                raise
            self._db.execute("COMMIT")

    def begin_boot(self) -> int:
        """The number of this start, 1 for the first."""
        with _translated(self._path):
            number = self._db.execute("INSERT INTO boot DEFAULT VALUES").lastrowid
            self._db.execute("DELETE FROM boot WHERE number < ?", (number,))
        return number or 0

    def next_seq(self, stream: Stream) -> int:
        """The number that the stream's next message must carry."""
        return self._next[stream]

    def append(self, stream: Stream, payload: bytes) -> int:
        """Keeps a message under ``next_seq`` and gives that number; the oldest beyond the limit is forgotten."""
        seq = self._next[stream]
        with _translated(self._path):
            self._db.execute(f"INSERT INTO {stream.value} (seq, payload) VALUES (?, ?)", (seq, payload))  # noqa: S608
        self._next[stream] = seq + 1
        if seq > self._keep_messages:
            self.forget_through(stream, seq - self._keep_messages)
        return seq

    def kept_after(self, stream: Stream, seq: int, *, limit: int = 100) -> list[tuple[int, bytes]]:
        """Up to ``limit`` kept messages behind ``seq``, in order."""
        query = f"SELECT seq, payload FROM {stream.value} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
        with _translated(self._path):
            return self._db.execute(query, (seq, limit)).fetchall()

    def first_kept(self, stream: Stream, at_least: int) -> int | None:
        """The lowest kept number from ``at_least`` on."""
        query = f"SELECT min(seq) FROM {stream.value} WHERE seq >= ?"  # noqa: S608
        with _translated(self._path):
            found: int | None = self._db.execute(query, (at_least,)).fetchone()[0]
        return found

    def forget_through(self, stream: Stream, seq: int) -> None:
        """Drops messages up to and including ``seq``."""
        with _translated(self._path):
            self._db.execute(f"DELETE FROM {stream.value} WHERE seq <= ?", (seq,))  # noqa: S608

    def save_resource(self, resource_id: str, state: bytes) -> None:
        """Replaces what is known of the resource's commands."""
        with _translated(self._path):
            self._db.execute("INSERT OR REPLACE INTO resource (id, state) VALUES (?, ?)", (resource_id, state))

    def resources(self) -> dict[str, bytes]:
        """All saved states by resource id."""
        with _translated(self._path):
            return dict(self._db.execute("SELECT id, state FROM resource ORDER BY id").fetchall())

    def _last_seq(self, stream: Stream) -> int:
        with _translated(self._path):
            row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (stream.value,)).fetchone()
        return int(row[0]) if row else 0


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"gateway store {path!r}: {error}") from error
