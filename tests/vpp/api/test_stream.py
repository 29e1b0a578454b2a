"""The stream over a real connection: it tells what happens while one listens, and ends when the service stops."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.vpp.api.district_at_work import DRAFT, RUNNING, Caught
from tests.vpp.api.serving import Serving, served
from vpp.api.streams import STREAMS_EACH


@pytest.fixture
def serving(caught: Caught, tmp_path: Path) -> Iterator[Serving]:
    with served(caught, tmp_path / "store") as running:
        yield running


def messages(response: httpx.Response) -> Iterator[tuple[str, dict[str, object], int]]:
    name, data = "", "{}"
    for line in response.iter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif field == "id":
            yield name, json.loads(data), int(value)


def test_stream__tells_of_a_cancellation_and_ends_with_the_event(serving: Serving) -> None:
    headers = {"X-API-Key": serving.api.keys["operator"]}
    told: list[tuple[str, object, int]] = []
    with httpx.stream("GET", f"{serving.url}/api/v1/events/{DRAFT}/stream", headers=headers, timeout=60) as response:
        for name, data, position in messages(response):
            told.append((name, data["state"], position))
            if len(told) == 1:
                cancelling = serving.api.controller.intake.cancel(DRAFT, "rain", by="operator")
                asyncio.run_coroutine_threadsafe(cancelling, serving.loop).result(60)

    assert response.headers["Content-Type"].startswith("text/event-stream")
    assert [(name, state) for name, state, _ in told] == [
        ("state", "draft"),
        ("state", "cancelled"),
        ("end", "cancelled"),
    ]
    assert told[0][2] < told[1][2] == told[2][2]


def test_stream__of_a_live_event_ends_when_the_service_stops(serving: Serving) -> None:
    headers = {"X-API-Key": serving.api.keys["a"]}
    told: list[str] = []
    with httpx.stream("GET", f"{serving.url}/api/v1/events/{RUNNING}/stream", headers=headers, timeout=60) as response:
        for name, _, _ in messages(response):
            told.append(name)
            if name == "figures":
                serving.loop.call_soon_threadsafe(serving.api.door.stopping.set)

    assert told == ["state", "figures"]
    assert len(serving.api.app.state.reads.streams) == 0


def test_stream__ends_when_its_key_is_revoked(serving: Serving) -> None:
    api, key = serving.api, serving.api.keys["a"]
    api.app.state.door = replace(api.door, facts=replace(api.door.facts, look_again_s=0.05))
    path, headers = f"{serving.url}/api/v1/events/{RUNNING}/stream", {"X-API-Key": key}
    told: list[str] = []
    with httpx.stream("GET", path, headers=headers, timeout=60) as response:
        for name, _, _ in messages(response):
            told.append(name)
            if name == "figures":
                revoking = api.door.accounts.revoke_api_key(key.split("_")[1])
                asyncio.run_coroutine_threadsafe(revoking, serving.loop).result(60)

    assert told == ["state", "figures"]
    assert len(api.app.state.reads.streams) == 0
    assert httpx.get(path, headers=headers).status_code == 401


async def test_stream__many_at_once_do_not_slip_past_the_limit(serving: Serving) -> None:
    path = f"{serving.url}/api/v1/events/{RUNNING}/stream"
    async with httpx.AsyncClient(headers={"X-API-Key": serving.api.keys["a"]}, timeout=60) as client:
        asked = [client.send(client.build_request("GET", path), stream=True) for _ in range(STREAMS_EACH + 4)]
        answers = await asyncio.gather(*asked)
        serving.loop.call_soon_threadsafe(serving.api.door.stopping.set)
        texts = [(await answer.aread()).decode() for answer in answers]

    refused = [text for answer, text in zip(answers, texts, strict=True) if answer.status_code == 503]
    assert sorted(answer.status_code for answer in answers) == [200] * STREAMS_EACH + [503] * 4
    assert all("has 8 streams open, the limit is 8 for each" in text for text in refused)
    assert len(serving.api.app.state.reads.streams) == 0
