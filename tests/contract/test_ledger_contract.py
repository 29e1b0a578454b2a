"""What every ledger does, in memory and on disk."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.contract.postgres_process import Cluster
from vpp.domain.commands import AckState
from vpp.domain.errors import InvariantError
from vpp.domain.facts import (
    AckEntry,
    Binding,
    CommandsAcked,
    ControllerStarted,
    Fact,
    GatewayChanged,
    PlanIssued,
    ReadingsStored,
)
from vpp.infra.memory.ledger import MemoryLedger
from vpp.infra.store.ledger import open_ledger
from vpp.infra.workers import InlineWorkers, ThreadWorkers
from vpp.ports import Ledger, StoredFact

T0 = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite file", "sqlite in memory", "sqlite file in a thread", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """One of the ledgers, empty."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    else:
        url = "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/ledger.db"
    with ThreadWorkers() as threads:
        opened = open_ledger(url, threads if request.param == "sqlite file in a thread" else InlineWorkers())
        yield opened
        opened.close()


def _plan(*, wall_s: float = 0.25, expected_kw: tuple[float, ...] = (120.0, 80.5)) -> PlanIssued:
    return PlanIssued(
        at=T0,
        event_id="ev-1",
        revision=1,
        reason="first",
        first_interval=T0,
        response_kw={"r2": (1.0, 2.5), "r1": (0.1, 1e-7)},
        expected_kw=expected_kw,
        offered_kw=(200.0, 200.0),
        forecast_kw={"r1": (9.0, 9.0)},
        aim_kw=(130.0, 90.0),
        margin_kw=10.0,
        shortfall_kw=(0.0, 0.0),
        binding=(Binding("capability", "no more is offered", None),),
        reasons={"r1": "cheapest"},
        outcome="planned",
        source="exact",
        status="optimal",
        gap=None,
        before_kw=None,
        wall_s=wall_s,
    )


def _mixed() -> list[Fact]:
    return [
        ControllerStarted(at=T0, epoch=3),
        _plan(),
        CommandsAcked(at=T0, gateway_id="g1", seq=4, acks=(AckEntry("c1", "r1", AckState.REFUSED, "停机"),)),
        ReadingsStored(at=T0 + timedelta(microseconds=1500), through_seq={"g1": 7}, count=60, digest="ab" * 32),
    ]


def _read(ledger: Ledger, after: int = 0) -> list[StoredFact]:
    async def read() -> list[StoredFact]:
        return [stored async for stored in ledger.read(after=after)]

    return asyncio.run(read())


def _append(ledger: Ledger, facts: Sequence[Fact]) -> int:
    return asyncio.run(ledger.append(facts))


def _hash_of(ledger: Ledger, facts: Sequence[Fact] = ()) -> str:
    _append(ledger, facts)
    return asyncio.run(ledger.log_hash())


def test_read__gives_back_equal_facts_in_order(ledger: Ledger) -> None:
    facts = _mixed()
    assert _append(ledger, facts[:1]) == 1
    assert _append(ledger, facts[1:]) == 4
    assert _read(ledger) == [StoredFact(position, fact) for position, fact in enumerate(facts, start=1)]
    assert [stored.position for stored in _read(ledger, after=2)] == [3, 4]
    assert _read(ledger, after=4) == []


def test_read__more_than_one_page(ledger: Ledger) -> None:
    _append(ledger, [ControllerStarted(at=T0, epoch=number) for number in range(2_500)])
    assert [stored.position for stored in _read(ledger)] == list(range(1, 2_501))


def test_append__nothing_changes_nothing(ledger: Ledger) -> None:
    assert _append(ledger, []) == 0
    assert asyncio.run(ledger.log_hash()) == "0" * 64


def test_append__one_bad_fact_keeps_all_out(ledger: Ledger) -> None:
    _append(ledger, _mixed())
    before = asyncio.run(ledger.log_hash())
    with pytest.raises(InvariantError, match=r"fact PlanIssued.expected_kw\[1\] is nan, not a finite number"):
        _append(ledger, [ControllerStarted(at=T0, epoch=4), _plan(expected_kw=(1.0, float("nan")))])
    assert len(_read(ledger)) == 4
    assert asyncio.run(ledger.log_hash()) == before
    assert _append(ledger, [ControllerStarted(at=T0, epoch=4)]) == 5


def test_append__instant_in_another_zone_is_kept_in_utc(ledger: Ledger) -> None:
    _append(ledger, [ControllerStarted(at=T0.astimezone(timezone(timedelta(hours=8))), epoch=1)])
    (stored,) = _read(ledger)
    assert stored.fact.at == T0
    assert stored.fact.at.utcoffset() == timedelta()


def test_log_hash__is_the_same_in_every_ledger(ledger: Ledger) -> None:
    assert _hash_of(ledger, _mixed()) == _hash_of(MemoryLedger(), _mixed())


def test_log_hash__does_not_depend_on_how_facts_were_batched(ledger: Ledger) -> None:
    for fact in _mixed():
        _append(ledger, [fact])
    assert _hash_of(ledger) == _hash_of(MemoryLedger(), _mixed())


def test_log_hash__leaves_wall_clock_fields_out(ledger: Ledger) -> None:
    assert _hash_of(ledger, [_plan(wall_s=0.1)]) == _hash_of(MemoryLedger(), [_plan(wall_s=9.9)])


@pytest.mark.parametrize(
    "other",
    [
        _plan(expected_kw=(120.0, 80.5000001)),
        GatewayChanged(at=T0, event_id="ev-1", gateway_id="g1", online=True),
    ],
)
def test_log_hash__changes_with_any_other_figure(ledger: Ledger, other: Fact) -> None:
    assert _hash_of(ledger, [_plan()]) != _hash_of(MemoryLedger(), [other])
