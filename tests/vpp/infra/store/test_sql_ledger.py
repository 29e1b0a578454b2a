"""What only the ledger on disk does: it survives, refuses changes, and shows tampering."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from vpp.domain.errors import InvariantError, StoreError
from vpp.domain.facts import ControllerStarted
from vpp.infra.store.ledger import BrokenLink, SqlLedger, open_ledger

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)

_APPEND_FOR_EVER = """
import sys
from datetime import UTC, datetime
from vpp.domain.facts import ControllerStarted
from vpp.infra.store.ledger import open_ledger

ledger = open_ledger(sys.argv[1])
at = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
while True:
    print(ledger.append_now([ControllerStarted(at=at, epoch=1), ControllerStarted(at=at, epoch=2)]), flush=True)
"""

_EPOCH_ALTERED = """
UPDATE fact SET payload = CAST(replace(payload, '"epoch":2', '"epoch":7') AS BLOB) WHERE position = 3
"""


def _filled(path: Path, count: int = 5) -> SqlLedger:
    ledger = open_ledger(f"sqlite:///{path}")
    ledger.append_now([ControllerStarted(at=T0, event_id="e", epoch=number) for number in range(count)])
    return ledger


def _tamper(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript("DROP TRIGGER fact_no_update; DROP TRIGGER fact_no_delete; " + "; ".join(statements))
    connection.close()


def test_append__what_was_reported_survives_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    child = subprocess.Popen(
        [sys.executable, "-c", _APPEND_FOR_EVER, url],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert child.stdout is not None
    reported = [int(child.stdout.readline()) for _ in range(40)]
    child.send_signal(signal.SIGKILL)
    reported += [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    ledger = open_ledger(url)
    assert ledger.append_now([]) >= reported[-1] >= 80
    assert ledger.append_now([]) % 2 == 0
    assert ledger.verify() is None


def test_open__goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    first = _filled(tmp_path / "ledger.db")
    first.close()
    second = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert asyncio.run(second.log_hash()) == asyncio.run(first.log_hash())
    assert second.append_now([ControllerStarted(at=T0, epoch=9)]) == 6
    assert second.verify() is None


def test_append__second_writer_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    first = _filled(tmp_path / "ledger.db")
    second = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    first.append_now([ControllerStarted(at=T0, epoch=8)])
    with pytest.raises(StoreError, match=r"appending 2 facts behind position 5: UNIQUE constraint failed"):
        second.append_now([ControllerStarted(at=T0, epoch=9)] * 2)
    assert len(first.read_page(0)) == 6


@pytest.mark.parametrize("statement", ["UPDATE fact SET kind = 'x'", "DELETE FROM fact WHERE position = 5"])
def test_facts__cannot_be_changed(tmp_path: Path, statement: str) -> None:
    _filled(tmp_path / "ledger.db").close()
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match=r"facts are append-only: (UPDATE|DELETE) refused"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "position", "reason"),
    [
        (_EPOCH_ALTERED, 3, "digest does not follow from the payload and the facts before it"),
        ("UPDATE fact SET payload = x'78' WHERE position = 2", 2, "payload of a ControllerStarted does not fit it"),
        ("UPDATE fact SET payload = '{}' WHERE position = 2", 2, "payload is not bytes"),
        ("UPDATE fact SET kind = 'Nothing' WHERE position = 2", 2, "unknown kind of fact 'Nothing'"),
        ("UPDATE fact SET event_id = 'f' WHERE position = 4", 4, "instant or event beside the payload differ"),
        ("DELETE FROM fact WHERE position = 2", 2, "fact is missing; the next one has position 3"),
    ],
)
def test_verify__names_the_first_broken_position(tmp_path: Path, statement: str, position: int, reason: str) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    assert ledger.verify() is None
    _tamper(tmp_path / "ledger.db", statement)
    broken = ledger.verify()
    assert isinstance(broken, BrokenLink)
    assert broken.position == position
    assert reason in broken.reason


def test_read__unreadable_fact_names_its_position(tmp_path: Path) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    _tamper(tmp_path / "ledger.db", "UPDATE fact SET kind = 'FromTheFuture' WHERE position = 4")
    with pytest.raises(StoreError, match=r"ledger position 4: unknown kind of fact 'FromTheFuture'"):
        ledger.read_page(0)


def test_ledger__syncs_every_commit(tmp_path: Path) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    with ledger._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


class _Link:
    """Breaks the link to the database in the middle of an append."""

    def __init__(self, ledger: SqlLedger, *, committed: bool) -> None:
        self.broken = False
        self.armed = True
        event.listen(ledger._engine, "after_cursor_execute", self._after_insert)
        event.listen(ledger._engine, "engine_connect", self._on_connect)
        self._committed = committed
        self.stays_broken = False

    def _after_insert(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if self.armed and statement.startswith("INSERT INTO fact"):
            self.armed = False
            if self._committed:
                connection.connection.commit()
            self.broken = self.stays_broken
            raise OperationalError(statement, None, Exception("the link is lost"))

    def _on_connect(self, _connection: Connection) -> None:
        if self.broken:
            raise OperationalError("connect", None, Exception("the server is gone"))


def test_append__commit_that_lost_its_answer_is_looked_up(tmp_path: Path) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    _Link(ledger, committed=True)
    assert ledger.append_now([ControllerStarted(at=T0, epoch=9)]) == 6
    assert ledger.append_now([ControllerStarted(at=T0, epoch=10)]) == 7
    assert ledger.verify() is None


def test_append__what_was_not_written_is_told_and_can_be_written_again(tmp_path: Path) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    _Link(ledger, committed=False)
    with pytest.raises(StoreError, match="appending 1 facts behind position 5: the link is lost"):
        ledger.append_now([ControllerStarted(at=T0, epoch=9)])
    assert ledger.append_now([ControllerStarted(at=T0, epoch=9)]) == 6
    assert ledger.verify() is None


@pytest.mark.parametrize("committed", [True, False])
def test_append__doubt_is_settled_before_the_next_one(tmp_path: Path, *, committed: bool) -> None:
    ledger = _filled(tmp_path / "ledger.db")
    link = _Link(ledger, committed=committed)
    link.stays_broken = True
    for message in ("the server is gone", "looking up the last append: the server is gone"):
        with pytest.raises(StoreError, match=message):
            ledger.append_now([ControllerStarted(at=T0, epoch=9)])
    link.broken = False
    if committed:
        with pytest.raises(InvariantError, match="position 6 was written although its append was reported as failed"):
            ledger.append_now([ControllerStarted(at=T0, epoch=10)])
    else:
        assert ledger.append_now([ControllerStarted(at=T0, epoch=10)]) == 6
    assert open_ledger(f"sqlite:///{tmp_path}/ledger.db").verify() is None
