"""The same request twice is done once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from tests.vpp.api.bare_door import Bare, bare_app
from vpp.api.idempotency import IdempotentRoute, created_id
from vpp.api.identity import CallerDep
from vpp.domain.access import Role
from vpp.domain.errors import InputError

PATH = "/things"


class Thing(BaseModel):
    """What is made."""

    name: str


@dataclass
class Workshop:
    """Makes things, and can be held in the middle."""

    made: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    def router(self) -> APIRouter:
        router = APIRouter(route_class=IdempotentRoute)

        @router.post(PATH, status_code=201)
        async def make(thing: Thing, caller: CallerDep, request: Request, response: Response) -> dict[str, str | None]:
            if thing.name == "slow":
                self.begun.set()
                await self.go_on.wait()
            if thing.name == "bad":
                raise InputError("thing 'bad' is not made")
            self.made.append(thing.name)
            response.headers["Location"] = f"{PATH}/{len(self.made)}"
            return {"name": thing.name, "by": caller.name, "id": created_id(request, "thing", caller.name)}

        return router


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


@pytest.fixture
async def bare(workshop: Workshop) -> AsyncIterator[Bare]:
    async with bare_app([workshop.router()]) as opened:
        yield opened


async def test_post__again_is_answered_again_and_done_once(bare: Bare, workshop: Workshop) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    first = await bare.client.post(PATH, json={"name": "a"}, headers=headers)
    again = await bare.client.post(PATH, json={"name": "a"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["location"] == again.headers["location"] == "/things/1"
    assert again.headers["content-type"] == "application/json"
    assert again.headers["idempotent-replayed"] == "true"
    assert workshop.made == ["a"]


async def test_post__without_a_key_is_done_each_time(bare: Bare, workshop: Workshop) -> None:
    headers = await bare.key(Role.OPERATOR)
    for _ in range(2):
        answer = await bare.client.post(PATH, json={"name": "a"}, headers=headers)
        assert answer.json()["id"] is None
    assert workshop.made == ["a", "a"]


async def test_post__other_body_under_the_key_is_refused(bare: Bare, workshop: Workshop) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    await bare.client.post(PATH, json={"name": "a"}, headers=headers)
    other = await bare.client.post(PATH, json={"name": "b"}, headers=headers)
    assert other.status_code == 422
    assert other.json()["detail"] == "Idempotency-Key 'k-1' was used for another request (POST /things) before"
    assert workshop.made == ["a"]


async def test_post__keys_of_two_callers_are_apart(bare: Bare, workshop: Workshop) -> None:
    ids = set()
    for participant_id in ("p-steel", "p-mall"):
        headers = await bare.key(Role.PARTICIPANT, participant_id) | {"Idempotency-Key": "k-1"}
        ids.add((await bare.client.post(PATH, json={"name": "a"}, headers=headers)).json()["id"])
    assert workshop.made == ["a", "a"]
    assert len(ids) == 2


async def test_post__duplicate_while_it_runs_is_told_so(bare: Bare, workshop: Workshop) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    async with asyncio.TaskGroup() as group:
        first = group.create_task(bare.client.post(PATH, json={"name": "slow"}, headers=headers))
        await workshop.begun.wait()
        second = await bare.client.post(PATH, json={"name": "slow"}, headers=headers)
        workshop.go_on.set()
    assert (second.status_code, second.json()["type"]) == (409, "urn:vpp:problem:still-running")
    assert second.headers["retry-after"] == "1"
    assert first.result().status_code == 201
    assert workshop.made == ["slow"]


async def test_post__a_refusal_leaves_the_key_free(bare: Bare, workshop: Workshop) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    for body in ({"name": "bad"}, {"nam": "a"}):
        assert (await bare.client.post(PATH, json=body, headers=headers)).status_code == 422
    assert (await bare.client.post(PATH, json={"name": "a"}, headers=headers)).status_code == 201
    assert workshop.made == ["a"]


@pytest.mark.parametrize("key", ["", "k" * 129, "a b"])
async def test_post__unusable_key_is_refused(bare: Bare, workshop: Workshop, key: str) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": key}
    answer = await bare.client.post(PATH, json={"name": "a"}, headers=headers)
    assert answer.status_code == 422
    assert "header.Idempotency-Key" in answer.json()["detail"]
    assert workshop.made == []


async def test_post__anonymous_is_401_and_claims_nothing(bare: Bare, workshop: Workshop) -> None:
    answer = await bare.client.post(PATH, json={"name": "a"}, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 401
    assert await bare.door.idempotency.abandon_all() == 0


async def test_created_id__follows_from_caller_and_key(bare: Bare) -> None:
    headers = await bare.key(Role.OPERATOR) | {"Idempotency-Key": "k-1"}
    first = (await bare.client.post(PATH, json={"name": "a"}, headers=headers)).json()["id"]
    await bare.door.idempotency.drop_before(bare.door.wall.now())
    again = (await bare.client.post(PATH, json={"name": "a"}, headers=headers)).json()["id"]
    assert first == again
    assert first.startswith("thing-")


async def test_openapi__declares_the_header(bare: Bare) -> None:
    document = (await bare.client.get("/api/v1/openapi.json")).json()
    (header,) = [each for each in document["paths"][PATH]["post"]["parameters"] if each["in"] == "header"]
    assert header["name"] == "Idempotency-Key"
    assert header["required"] is False
