"""A call's file survives a controller that is killed before every single step: nothing is lost, nothing taken twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.upstream_victim import KILLED_BEFORE
from vpp.domain.facts import Fact, UpstreamTold
from vpp.infra.store.ledger import open_ledger

ROOT = Path(__file__).parents[2]
CALL = {
    "call_id": "c-1",
    "program_id": "sample",
    "direction": "curtail",
    "start": "2026-07-22T14:00:00+08:00",
    "end": "2026-07-22T15:00:00+08:00",
    "target_mw": 0.05,
}


def facts_in(file: Path) -> list[Fact]:
    async def read() -> list[Fact]:
        return [stored.fact async for stored in ledger.read()]

    ledger = open_ledger(f"sqlite:///{file}")
    try:
        return asyncio.run(read())
    finally:
        ledger.close()


@pytest.mark.slow
def test_a_call__through_a_kill_before_every_step(tmp_path: Path) -> None:
    inbox = tmp_path / "shared" / "inbox"
    inbox.mkdir(parents=True)
    (inbox / "call.json").write_text(json.dumps(CALL), encoding="utf-8")

    ends = subprocess.run(
        [sys.executable, "-m", "tests.e2e.upstream_victim", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert ends == [str(-signal.SIGKILL)] * len(KILLED_BEFORE) + ["0"]
    facts = facts_in(tmp_path / "ledger.sqlite")
    counted = Counter(type(fact).__name__ for fact in facts)
    assert {name: counted[name] for name in ("EventDeclared", "UpstreamCallReceived", "UpstreamTold")} == {
        "EventDeclared": 1,
        "UpstreamCallReceived": 1,
        "UpstreamTold": 1,
    }
    assert [fact.what for fact in facts if isinstance(fact, UpstreamTold)] == ["received"]
    left = {path.name: sorted(file.name for file in path.iterdir()) for path in (tmp_path / "shared").iterdir()}
    assert left == {
        "inbox": [],
        "reading": [],
        "taken": ["call.json"],
        "rejected": [],
        "outbox": ["confirmation.c-1.received.csv", "confirmation.c-1.received.json"],
    }
