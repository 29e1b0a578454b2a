"""What every connection to a higher-level platform does: the in-memory one and the watched folder."""

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from vpp.domain.events import Direction, EventKind
from vpp.domain.timegrid import format_instant
from vpp.domain.upstream import CallStatus, Confirmation, CurvePoint, ResponseCurve, UpstreamCall
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.memory.upstream import MemoryUpstream
from vpp.infra.upstream.watched_folder import WatchedFolder
from vpp.infra.workers import InlineWorkers
from vpp.ports import Upstream

START = datetime(2026, 7, 22, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Platform(Protocol):
    """The other side of a connection."""

    upstream: Upstream

    def send(self, *calls: UpstreamCall) -> None: ...

    def confirmed(self) -> list[tuple[str, str]]: ...

    def curves(self) -> dict[str, list[float]]: ...


class InMemory:
    def __init__(self, _: Path) -> None:
        self.memory = MemoryUpstream("province")
        self.upstream: Upstream = self.memory

    def send(self, *calls: UpstreamCall) -> None:
        self.memory.call(*calls)

    def confirmed(self) -> list[tuple[str, str]]:
        return sorted((c.call_id, c.status.value) for c in self.memory.confirmations)

    def curves(self) -> dict[str, list[float]]:
        return {name: [p.response_kw for p in curve.points] for (_, name), curve in self.memory.curves.items()}


class InFolder:
    ending = "json"

    def __init__(self, path: Path) -> None:
        self.path = path / "shared"
        self.upstream: Upstream = WatchedFolder(self.path, "province", InlineWorkers(), MemoryMetrics())
        self._sent = 0

    def send(self, *calls: UpstreamCall) -> None:
        self._sent += 1
        (self.path / "inbox").mkdir(parents=True, exist_ok=True)
        part = self.path / "inbox" / f"{self._sent:04d}.{self.ending}.part"
        part.write_bytes(self._content([row_of(call) for call in calls]))
        part.rename(part.with_suffix(""))

    def _content(self, rows: list[dict[str, Any]]) -> bytes:
        return json.dumps(rows).encode()

    def confirmed(self) -> list[tuple[str, str]]:
        told = [json.loads(f.read_bytes()) for f in self.path.glob("outbox/confirmation.*.json")]
        return sorted((c["call_id"], c["status"]) for c in told)

    def curves(self) -> dict[str, list[float]]:
        files = self.path.glob("outbox/curve.*.json")
        return {
            f"curve-{f.name.split('.')[-2]}": [p["response_kw"] for p in json.loads(f.read_bytes())["points"]]
            for f in files
        }


class InFolderAsCsv(InFolder):
    ending = "csv"

    def _content(self, rows: list[dict[str, Any]]) -> bytes:
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        return b"\xef\xbb\xbf" + table.getvalue().encode()

    def confirmed(self) -> list[tuple[str, str]]:
        tables = [table_of(f) for f in self.path.glob("outbox/confirmation.*.csv")]
        return sorted((row["call_id"], row["status"]) for table in tables for row in table)

    def curves(self) -> dict[str, list[float]]:
        return {
            f"curve-{f.name.split('.')[-2]}": [float(row["response_kw"]) for row in table_of(f)]
            for f in self.path.glob("outbox/curve.*.csv")
        }


def table_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))


def row_of(call: UpstreamCall) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "program_id": call.program_id,
        "kind": call.kind.value,
        "direction": call.direction.value,
        "start": format_instant(call.start),
        "end": format_instant(call.end),
        "target_percent": call.target_percent,
        "target_mw": call.target_mw,
        "scope_node_id": call.scope_node_id,
    }


def a_call(call_id: str, **changes: object) -> UpstreamCall:
    values: dict[str, object] = {
        "program_id": "sample",
        "direction": Direction.CURTAIL,
        "start": START,
        "end": START + HOUR,
        "target_percent": 5.0,
    }
    return UpstreamCall(call_id=call_id, **(values | changes))  # type: ignore[arg-type]


def a_curve(*response_kw: float, final: bool = False) -> ResponseCurve:
    points = tuple(
        CurvePoint(start=START + i * HOUR / 4, target_kw=50.0, commanded_kw=55.0, response_kw=kw)
        for i, kw in enumerate(response_kw)
    )
    return ResponseCurve(call_id="c-1", event_id="up-c-1", at=START, final=final, points=points)


@pytest.fixture(params=[InMemory, InFolder, InFolderAsCsv])
def platform(request: pytest.FixtureRequest, tmp_path: Path) -> Platform:
    made: Callable[[Path], Platform] = request.param
    return made(tmp_path)


async def test_receive__calls_as_they_were_sent_in_order(platform: Platform) -> None:
    first = a_call("c-1", kind=EventKind.EMERGENCY, target_percent=None, target_mw=2.5, scope_node_id="line")
    platform.send(first)
    platform.send(a_call("c-2"), a_call("c-3"))

    deliveries = await platform.upstream.receive()

    assert [delivery.calls for delivery in deliveries] == [(first,), (a_call("c-2"), a_call("c-3"))]
    assert deliveries[0].calls[0].digest == first.digest
    assert platform.upstream.name == "province"


async def test_receive__again_until_taken(platform: Platform) -> None:
    platform.send(a_call("c-1"))
    platform.send(a_call("c-2"))
    once = await platform.upstream.receive()
    assert list(await platform.upstream.receive()) == list(once)

    await platform.upstream.take(once[0])
    await platform.upstream.take(once[0])
    platform.send(a_call("c-3"))

    assert [[c.call_id for c in d.calls] for d in await platform.upstream.receive()] == [["c-2"], ["c-3"]]


async def test_receive__nothing(platform: Platform) -> None:
    assert list(await platform.upstream.receive()) == []


async def test_confirm__twice_is_once(platform: Platform) -> None:
    received = Confirmation(call_id="c-1", status=CallStatus.RECEIVED, at=START, event_id="up-c-1")
    for _ in range(2):
        await platform.upstream.confirm(received)
    await platform.upstream.confirm(
        Confirmation(call_id="c-2", status=CallStatus.REFUSED, at=START, message='a "reason", 理由\nof two lines')
    )

    assert platform.confirmed() == [("c-1", "received"), ("c-2", "refused")]


async def test_report__every_curve_by_its_name(platform: Platform) -> None:
    for curve in (a_curve(51.0), a_curve(51.0, 49.5), a_curve(51.0, 49.5), a_curve(51.2, 49.5, final=True)):
        await platform.upstream.report(curve)

    assert platform.curves() == {"curve-1": [51.0], "curve-2": [51.0, 49.5], "curve-final": [51.2, 49.5]}
