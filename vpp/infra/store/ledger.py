"""The ledger in a SQL database: append-only facts, chained by digests, each append durable before it returns."""

import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select
from sqlalchemy.exc import OperationalError

from vpp.domain.errors import InvariantError, StoreError
from vpp.domain.facts import Fact
from vpp.domain.timegrid import format_instant
from vpp.infra.fact_codec import GENESIS_DIGEST, decode_fact, encode_fact, fact_kind, next_digest
from vpp.infra.store.engines import Durability, open_engine, store_errors
from vpp.infra.store.migrate import newest_reader, upgrade
from vpp.infra.store.tables import fact as fact_table
from vpp.infra.workers import InlineWorkers
from vpp.ports import StoredFact, Workers

_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """The first place where the ledger is not what was written."""

    position: int
    reason: str


class SqlLedger:
    """Implements ``Ledger``.

    One writer: a second one on the same database is found out by its first append and refused. The chain shows every
    change to a fact but not the loss of the newest ones; compare ``log_hash`` with a copy kept elsewhere for that.
    """

    def __init__(self, engine: Engine, workers: Workers | None = None) -> None:
        """A ledger on a database whose schema is up to date; see ``open_ledger``.

        Args:
            engine: On the ledger's own database.
            workers: Where the database is waited for; inline (blocking the event loop) when not given.
        """
        self._engine = engine
        self._workers = workers or InlineWorkers()
        self._writing = threading.Lock()
        self._in_doubt: tuple[int, bytes] | None = None
        with store_errors("ledger: reading the last position"), engine.connect() as connection:
            self._position, self._digest = _read_head(connection)

    async def append(self, facts: Sequence[Fact]) -> int:
        """Position of the last fact of the ledger once ``facts`` are durable; all or nothing.

        Raises:
            StoreError: nothing was written.
            InvariantError: a fact cannot be written canonically; nothing was written.
        """
        return await self._workers.run(self.append_now, facts)

    async def read(self, *, after: int = 0) -> AsyncIterator[StoredFact]:
        """All facts behind position ``after``, in order, those included that are appended meanwhile.

        Raises:
            StoreError: the database failed or holds a fact that this program cannot read.
        """
        while page := await self._workers.run(self.read_page, after):
            for stored in page:
                yield stored
            after = page[-1].position

    async def log_hash(self) -> str:
        """The last digest of the chain, hex; 64 zeros for an empty ledger."""
        return self._digest.hex()

    def append_now(self, facts: Sequence[Fact]) -> int:
        """``append`` without an event loop."""
        with self._writing:
            self._settle_doubt()
            rows = self._rows(facts)
            if rows:
                doing = f"ledger: appending {len(rows)} facts behind position {self._position}"
                with store_errors(doing):
                    self._insert(rows)
                self._position += len(rows)
                self._digest = rows[-1]["digest"]
            return self._position

    def read_page(self, after: int) -> list[StoredFact]:
        """Up to 1,000 facts behind position ``after``; empty at the end."""
        query = select(fact_table).where(fact_table.c.position > after).order_by(fact_table.c.position).limit(_PAGE)
        with store_errors(f"ledger: reading behind position {after}"), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [StoredFact(row.position, _decode(row)) for row in rows]

    def verify(self) -> BrokenLink | None:
        """The first fact that breaks the chain, or ``None``: positions, digests, and columns against payloads.

        Raises:
            StoreError: the database cannot be read.
        """
        digest, expected = GENESIS_DIGEST, 1
        query = select(fact_table).order_by(fact_table.c.position)
        with store_errors("ledger: verifying"), self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=_PAGE).execute(query):
                if row.position != expected:
                    return BrokenLink(expected, f"fact is missing; the next one has position {row.position}")
                if not isinstance(row.payload, bytes):
                    return BrokenLink(expected, "payload is not bytes")
                try:
                    digest = next_digest(digest, row.kind, row.payload)
                    fact = _decode(row)
                except StoreError as error:
                    return BrokenLink(expected, str(error))
                if digest != row.digest:
                    return BrokenLink(expected, "digest does not follow from the payload and the facts before it")
                if (row.at, row.event_id) != (format_instant(fact.at), fact.event_id):
                    return BrokenLink(expected, "instant or event beside the payload differ from those inside")
                expected += 1
        return None

    def close(self) -> None:
        """Gives the database back."""
        self._engine.dispose()

    def _insert(self, rows: list[dict[str, Any]]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(fact_table), rows)
        except OperationalError:
            # A connection that breaks while it commits does not say whether it has: the database does.
            self._in_doubt = (rows[-1]["position"], rows[-1]["digest"])
            with self._engine.connect() as connection:
                head = _read_head(connection)
            written = head == self._in_doubt
            self._in_doubt = None
            if not written:
                raise

    def _settle_doubt(self) -> None:
        """Nothing, unless an append that was reported as failed could not be looked up then, and was written."""
        if self._in_doubt is None:
            return
        with store_errors("ledger: looking up the last append"), self._engine.connect() as connection:
            head = _read_head(connection)
        if head == self._in_doubt:
            raise InvariantError(
                f"ledger: position {head[0]} was written although its append was reported as failed; "
                "the program must start again from what is written"
            )
        self._in_doubt = None

    def _rows(self, facts: Sequence[Fact]) -> list[dict[str, Any]]:
        digest, rows = self._digest, list[dict[str, Any]]()
        for position, fact in enumerate(facts, start=self._position + 1):
            kind, payload = fact_kind(fact), encode_fact(fact)
            digest = next_digest(digest, kind, payload)
            row = {"position": position, "kind": kind, "at": format_instant(fact.at), "event_id": fact.event_id}
            rows.append(row | {"payload": payload, "digest": digest})
        return rows


def open_ledger(url: str, workers: Workers | None = None) -> SqlLedger:
    """The ledger at ``url``, made or brought up to date first; every append survives loss of power.

    Raises:
        StoreError: it cannot be opened.
    """
    engine = open_engine(url, Durability.FULL)
    upgrade(engine, "ledger")
    return SqlLedger(engine, workers)


def read_ledger(url: str) -> SqlLedger:
    """The ledger at ``url`` as it is, for reading beside the controller that writes it; appends are refused.

    Raises:
        StoreError: it cannot be opened, or its schema is not this program's.
    """
    return SqlLedger(newest_reader(url, "ledger"))


def _read_head(connection: Connection) -> tuple[int, bytes]:
    query = select(fact_table.c.position, fact_table.c.digest).order_by(fact_table.c.position.desc()).limit(1)
    head = connection.execute(query).first()
    return (head.position, bytes(head.digest)) if head else (0, GENESIS_DIGEST)


def _decode(row: Row[tuple[object, ...]]) -> Fact:
    try:
        return decode_fact(row.kind, row.payload)
    except StoreError as error:
        raise StoreError(f"ledger position {row.position}: {error}") from error
