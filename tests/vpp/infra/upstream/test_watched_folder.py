"""The watched folder on disk: half-written, unreadable and hostile files, and the examples of the document."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vpp.domain.errors import InputError, UpstreamError
from vpp.domain.events import Direction
from vpp.domain.upstream import CallStatus, Confirmation, CurvePoint, ResponseCurve, UpstreamCall
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.upstream.call_files import read_calls
from vpp.infra.upstream.outbox_files import confirmation_files, curve_files
from vpp.infra.upstream.watched_folder import WatchedFolder
from vpp.infra.workers import InlineWorkers

DOCUMENT = Path(__file__).parents[4] / "docs" / "upstream.md"
START = datetime(2026, 7, 22, 6, tzinfo=UTC)
CALL = {
    "call_id": "c-1",
    "program_id": "sample",
    "direction": "curtail",
    "start": "2026-07-22T14:00:00+08:00",
    "end": "2026-07-22T15:00:00+08:00",
    "target_mw": 0.05,
}
HEADER = "call_id,program_id,direction,start,end,target_mw\n"


def folder_at(path: Path) -> WatchedFolder:
    return WatchedFolder(path, "province", InlineWorkers(), MemoryMetrics())


def put(path: Path, name: str, content: bytes | None = None) -> Path:
    (path / "inbox").mkdir(exist_ok=True)
    file = path / "inbox" / name
    file.write_bytes(json.dumps(CALL).encode() if content is None else content)
    return file


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.iterdir())


def example(language: str, what: str) -> str:
    found = re.search(rf"```{language} {what}\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"{DOCUMENT}: no example {language} {what}"
    return found.group(1)


@pytest.mark.parametrize("language", ["json", "csv"])
def test_document__its_calls_can_be_read(language: str) -> None:
    calls = read_calls(f"call.{language}", example(language, "call").encode())

    expected = UpstreamCall(
        call_id="TJ-20260722-01",
        program_id="sample",
        direction=Direction.CURTAIL,
        start=START,
        end=START.replace(hour=7),
        target_mw=0.05,
    )
    assert calls == (expected,)


@pytest.mark.parametrize("language", ["json", "csv"])
def test_document__its_answers_are_what_is_written(language: str) -> None:
    call_id, event_id = "TJ-20260722-01", "up-TJ-20260722-01"
    confirmation = Confirmation(
        call_id=call_id, status=CallStatus.RECEIVED, at=START.replace(hour=4), event_id=event_id
    )
    point = CurvePoint(start=START, target_kw=50.0, commanded_kw=62.353, response_kw=62.4)
    at = START.replace(minute=16, second=40)
    curve = ResponseCurve(call_id=call_id, event_id=event_id, at=at, final=False, points=(point,))

    told = confirmation_files(confirmation)[f"confirmation.{call_id}.received.{language}"]
    shown = curve_files(curve)[f"curve.{call_id}.1.{language}"]
    assert told.decode() == example(language, "confirmation")
    assert shown.decode() == example(language, "curve")


async def test_receive__leaves_what_is_still_being_written(tmp_path: Path) -> None:
    for name in ("a.json.part", ".b.json", "c.json.tmp"):
        put(tmp_path, name, b'{"call_id"')

    assert list(await folder_at(tmp_path).receive()) == []
    assert names(tmp_path / "inbox") == [".b.json", "a.json.part", "c.json.tmp"]


async def test_take__keeps_every_file(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    for _ in range(2):
        put(tmp_path, "a.json")
        for delivery in await folder.receive():
            await folder.take(delivery)

    assert names(tmp_path / "taken") == ["a.1.json", "a.json"]
    assert names(tmp_path / "inbox") == names(tmp_path / "reading") == []


async def test_take__a_file_put_under_the_same_name_meanwhile_is_read_next(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    put(tmp_path, "a.json")
    first = await folder.receive()
    put(tmp_path, "a.json", json.dumps(CALL | {"call_id": "c-2"}).encode())
    await folder.take(first[0])

    assert [d.calls[0].call_id for d in await folder.receive()] == ["c-2"]


async def test_receive__after_a_stop_reads_what_was_claimed_again(tmp_path: Path) -> None:
    put(tmp_path, "a.json")
    once = await folder_at(tmp_path).receive()

    assert list(await folder_at(tmp_path).receive()) == list(once)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", b"{}", "file name ends with '.txt'; .json and .csv are read"),
        ("plain", b"{}", "file name ends with ''; .json and .csv are read"),
        ("a.json", b"", "not JSON: Expecting value"),
        ("a.json", b"[" * 100_000, "not JSON: "),
        (
            "a.json",
            b'{"call_id": "z1", "target_mw": ' + b"9" * 5_000 + b"}",
            "not JSON: Exceeds the limit (4300 digits) for integer string conversion",
        ),
        ("a.json", b"\xff\xfe", "not UTF-8 text: invalid start byte at byte 0"),
        ("a.json", b"[]", "holds 0 calls; 1 to 1000 are allowed"),
        ("a.json", b"[1]", "expected a call as an object, or a list of them, found int"),
        ("a.json", b'{"call_id": "a", "call_id": "b"}', "key 'call_id' occurs 2 times in one object; once is allowed"),
        ("a.json", json.dumps([CALL, CALL]).encode(), "call id 'c-1' occurs 2 times; once is allowed"),
        ("a.json", b" " * 1_000_001, "has 1000001 bytes; 1000000 are allowed"),
        ("a.csv", b"", "holds 0 calls; 1 to 1000 are allowed"),
        ("a.csv", HEADER.encode() + b"c-1,sample\n", "row 1 has 2 cells, the header has 6"),
        ("a.csv", b"call_id,call_id\n", "column 'call_id' occurs 2 times; once is allowed"),
        ("a.csv", b'call_id\n"c-1', "not CSV: unexpected end of data"),
    ],
)
async def test_receive__puts_an_unreadable_file_aside_with_its_reason(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    put(tmp_path, name, content)
    put(tmp_path, "z.json")
    folder = folder_at(tmp_path)

    assert [d.ref for d in await folder.receive()] == ["z.json"]
    assert (tmp_path / "rejected" / f"{name}.reason").read_text(encoding="utf-8").startswith(reason)
    assert (tmp_path / "rejected" / name).read_bytes() == content


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"call_id": None}, "call 1: call_id: Input should be a valid string (found None)"),
        ({"call_id": "../up"}, "call 1: call id '../up' must have 1 to 48 characters from A-Z a-z 0-9 . _ -"),
        ({"call_id": "c" * 49}, "must have 1 to 48 characters"),
        (
            {"program_id": "\ud800"},
            r"call 1: program id '\ud800' must have 1 to 64 characters from a-z 0-9 - and begin with a letter or digit",
        ),
        ({"program_id": "p" * 65}, "must have 1 to 64 characters from a-z 0-9 -"),
        ({"program_id": "a\0"}, r"call 1: program id 'a\x00' must have"),
        (
            {"scope_node_id": "\ud800"},
            r"call 1: scope node id '\ud800' must have 1 to 128 printable characters",
        ),
        ({"scope_node_id": "n" * 129}, "must have 1 to 128 printable characters"),
        ({"scope_node_id": "a\0"}, r"call 1: scope node id 'a\x00' must have"),
        ({"scope_node_id": ""}, "call 1: scope node id '' must have"),
        ({"direction": "up"}, "call 1: direction: Input should be 'curtail' or 'fill' (found 'up')"),
        ({"start": "2026-07-22T14:00:00"}, "call 1: start: Value error, instant '2026-07-22T14:00:00' is not ISO 8601"),
        ({"end": 5}, "call 1: end: Value error, instant 5 is not ISO 8601 text (found 5)"),
        ({"target_mw": "much"}, "call 1: target_mw: Input should be a valid number"),
        ({"target_mw": True}, "call 1: target_mw: Value error, True is not a number"),
        ({"target_mw": float("nan")}, "call 1: target_mw: Input should be a finite number"),
        ({"prize": 5}, "call 1: prize: Extra inputs are not permitted (found 5)"),
    ],
)
def test_read_calls__names_call_key_and_value(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError) as refused:
        read_calls("a.json", json.dumps(CALL | changes).encode())
    assert reason in str(refused.value)


def test_read_calls__a_key_that_is_missing() -> None:
    with pytest.raises(InputError, match=r"^call 1: program_id: Field required$"):
        read_calls("a.json", b'{"call_id": "c-1"}')


def test_read_calls__a_node_in_any_script() -> None:
    node_id = "#1 主变/10kV"
    (call,) = read_calls("a.json", json.dumps(CALL | {"scope_node_id": node_id}).encode())

    assert (call.scope_node_id, len(call.digest)) == (node_id, 64)


@contextmanager
def as_somebody_without_privileges() -> Iterator[None]:
    """Root may read every file."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(before)


async def test_receive__an_error_while_reading_rejects_only_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "a.json").chmod(0)
    put(tmp_path, "z.json").chmod(0o644)
    for folder in (tmp_path, tmp_path / "inbox"):
        folder.chmod(0o777)
    # By a relative path, since the folders above may be closed to others.
    monkeypatch.chdir(tmp_path)
    with as_somebody_without_privileges():
        deliveries = await folder_at(Path()).receive()

    assert [d.ref for d in deliveries] == ["z.json"]
    assert names(tmp_path / "reading") == ["z.json"]
    assert names(tmp_path / "rejected") == ["a.json", "a.json.reason"]
    reason = (tmp_path / "rejected" / "a.json.reason").read_text()
    assert reason == "cannot be read: PermissionError: Permission denied\n"


async def test_receive__follows_no_link_and_enters_no_folder(tmp_path: Path) -> None:
    (tmp_path / "inbox" / "b.json").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(CALL))
    (tmp_path / "inbox" / "a.json").symlink_to(secret)

    assert list(await folder_at(tmp_path).receive()) == []
    assert names(tmp_path / "rejected") == ["a.json", "a.json.reason", "b.json", "b.json.reason"]
    assert (tmp_path / "rejected" / "a.json.reason").read_text() == "not a regular file\n"
    assert secret.exists()


async def test_receive__a_name_too_long_for_an_ending(tmp_path: Path) -> None:
    put(tmp_path, "n" * 250 + ".json", b"[]")
    put(tmp_path, "m" * 250 + ".json")

    deliveries = await folder_at(tmp_path).receive()

    assert len(deliveries) == 1
    assert len(names(tmp_path / "rejected")) == 2


async def test_every_method__says_that_the_folder_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    folder = folder_at(tmp_path / "file" / "shared")

    with pytest.raises(UpstreamError, match=r"upstream folder .*file/shared: Not a directory"):
        await folder.receive()
    with pytest.raises(UpstreamError, match="Not a directory"):
        await folder.confirm(Confirmation(call_id="c-1", status=CallStatus.RECEIVED, at=START))
