"""The gateway's disk."""

from pathlib import Path

import pytest

from adapters.kit.store import GatewayStore, Stream
from vpp.domain.errors import StoreError


def test_append__numbers_go_on_after_everything_was_confirmed_and_reopened(tmp_path: Path) -> None:
    path = str(tmp_path / "store.sqlite")
    store = GatewayStore(path)
    assert [store.append(Stream.TELEMETRY, b"x") for _ in range(3)] == [1, 2, 3]
    assert store.append(Stream.ACK, b"a") == 1
    store.forget_through(Stream.TELEMETRY, 3)
    store.close()
    store = GatewayStore(path)
    assert (store.next_seq(Stream.TELEMETRY), store.next_seq(Stream.ACK)) == (4, 2)
    assert store.kept_after(Stream.TELEMETRY, 0) == []
    assert store.kept_after(Stream.ACK, 0) == [(1, b"a")]


def test_append__forgets_the_oldest_beyond_the_limit() -> None:
    store = GatewayStore(":memory:", keep_messages=3)
    for _ in range(5):
        store.append(Stream.TELEMETRY, b"x")
    assert store.first_kept(Stream.TELEMETRY, 0) == 3
    assert [seq for seq, _ in store.kept_after(Stream.TELEMETRY, 3)] == [4, 5]


def test_begin_boot__counts_starts(tmp_path: Path) -> None:
    path = str(tmp_path / "store.sqlite")
    for expected in (1, 2, 3):
        store = GatewayStore(path)
        assert store.begin_boot() == expected
        store.close()


def test_transaction__all_or_nothing() -> None:
    store = GatewayStore(":memory:")

    def crash() -> None:
        with store.transaction():
            store.save_resource("r1", b"{}")
            store.append(Stream.ACK, b"a")
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        crash()
    assert store.resources() == {}
    assert store.next_seq(Stream.ACK) == 1


def test_store__names_the_file_it_cannot_open(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "store.sqlite")
    with pytest.raises(StoreError, match=r"gateway store '.*nowhere/store.sqlite': unable to open database file"):
        GatewayStore(path)
