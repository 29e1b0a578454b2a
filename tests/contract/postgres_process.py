"""Debian's PostgreSQL as a private cluster in a folder of its own, reached through a socket in that folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest

ACCOUNT = "postgres"
_NOT_DURABLE = "-F -c synchronous_commit=off -c full_page_writes=off"
"""For tests only: nothing here outlives the run."""


@dataclass(slots=True)
class Cluster:
    """A running server; one database per test, so that tests do not meet."""

    folder: Path
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """Address of an empty database."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(f"host={self.folder} user={ACCOUNT} dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql+psycopg://{ACCOUNT}@/{name}?host={self.folder}"

    def restart(self) -> None:
        """Ends every connection and serves again; nothing committed is lost, which a crash without syncing would do."""
        _server(self.folder, "restart", "-m", "fast")


def programs() -> Path:
    """Folder of the server's programs; the test fails, rather than being skipped, when it is missing."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("PostgreSQL's server is missing: install Debian's package postgresql (make test does)")
    return found[-1].parent


@contextmanager
def running_postgres() -> Iterator[Cluster]:
    """A cluster for a while; the superuser runs it as the account of Debian's package, as it refuses root."""
    # Not below pytest's own folder, which other accounts cannot enter; short, for a socket's path has 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="vpp-pg-"))
    try:
        if _as_account():
            shutil.chown(folder, ACCOUNT)
        _run("initdb", "-D", str(folder / "cluster"), "-U", ACCOUNT, "-A", "trust", "--no-sync", "-E", "UTF8")
        _server(folder, "start")
        try:
            yield Cluster(folder)
        finally:
            _server(folder, "stop", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


def _server(folder: Path, verb: str, *more: str) -> None:
    options = f"{_NOT_DURABLE} -c listen_addresses= -c unix_socket_directories={folder}"
    log = str(folder / "log")
    _run("pg_ctl", verb, "-w", "-s", "-D", str(folder / "cluster"), "-l", log, "-o", options, *more)


def _as_account() -> bool:
    return os.geteuid() == 0


def _run(program: str, *arguments: str) -> None:
    account = pwd.getpwnam(ACCOUNT) if _as_account() else None
    done = subprocess.run(
        [str(programs() / program), *arguments],
        user=None if account is None else account.pw_uid,
        group=None if account is None else account.pw_gid,
        extra_groups=None if account is None else [],
        cwd="/",
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        # A server keeps what it was given: a pipe would never end.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{program} {' '.join(arguments)} ended with {done.returncode}")
