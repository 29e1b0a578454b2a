"""The network over the API: what an operator says is recorded once, shown, and refused where it cannot be."""

from typing import Any

import pytest

from tests.vpp.api.api_rig import Api
from vpp.domain.facts import FeederReassigned

NETWORK = "/api/v1/network"
MOVED = {"node_id": "quick-snow-line-2", "parent_id": "quick-beicang", "reason": "a line fault"}
LIMITED = {
    "node_id": "quick-beicang",
    "start": "2026-07-25T14:00:00+08:00",
    "end": "2026-07-25T15:00:00+08:00",
    "import_limit_kw": 20_000.0,
    "reason": "transformer 2 is out",
}


async def test_reassignments__are_recorded_once_and_shown(api: Api) -> None:
    async with api.client("operator") as client:
        first = await client.post(f"{NETWORK}/reassignments", json=MOVED, headers={"Idempotency-Key": "k1"})
        second = await client.post(f"{NETWORK}/reassignments", json=MOVED, headers={"Idempotency-Key": "k1"})
        shown = (await client.get(NETWORK)).json()

    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    assert second.headers["Idempotent-Replayed"] == "true"
    told = first.json()
    assert (told["kind"], told["from_parent_id"], told["parent_id"]) == ("reassignment", "quick-snow", "quick-beicang")
    assert told["by"].startswith("key:")
    assert shown["changes"] == [told]
    line = next(node for node in shown["nodes"] if node["id"] == "quick-snow-line-2")
    assert (line["parent_id"], line["registered_parent_id"]) == ("quick-beicang", "quick-snow")
    (change,) = api.controller.recorder.book.network.told
    assert isinstance(change, FeederReassigned)


async def test_reassignments__a_stop_before_the_answer_records_nothing_twice(api: Api) -> None:
    async with api.client("operator") as client:
        first = await client.post(f"{NETWORK}/reassignments", json=MOVED, headers={"Idempotency-Key": "k1"})
        await api.door.idempotency.drop_before(api.door.wall.now())
        again = await client.post(f"{NETWORK}/reassignments", json=MOVED, headers={"Idempotency-Key": "k1"})

    assert again.json() == first.json()
    assert len(api.controller.recorder.book.network) == 1


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"node_id": "moon"}, 404, "unknown node 'moon'"),
        ({"node_id": "quick"}, 422, "node 'quick' is a root of the network"),
        ({"parent_id": "quick-snow-line-2"}, 422, "which hangs below it"),
        ({"parent_id": "quick-snow"}, 409, "node 'quick-snow-line-2' hangs below 'quick-snow' already"),
        ({"reason": ""}, 422, "body.reason: String should have at least 1 character"),
        ({"why": "so"}, 422, "body.why: Extra inputs are not permitted"),
    ],
)
async def test_reassignments__refusals(api: Api, change: dict[str, Any], status: int, detail: str) -> None:
    async with api.client("operator") as client:
        response = await client.post(f"{NETWORK}/reassignments", json=MOVED | change)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert detail in response.json()["detail"]


async def test_ids__of_the_callers_own_choice_are_taken_once(api: Api) -> None:
    async with api.client("operator") as client:
        await client.post(f"{NETWORK}/limits", json=LIMITED | {"id": "summer"})
        again = await client.post(f"{NETWORK}/limits", json=LIMITED | {"id": "summer"})

    assert (again.status_code, again.json()["detail"]) == (409, "network change id 'summer' is taken")


async def test_limits__hold_for_their_window(api: Api) -> None:
    async with api.client("operator") as client:
        told = (await client.post(f"{NETWORK}/limits", json=LIMITED)).json()
        empty = await client.post(f"{NETWORK}/limits", json=LIMITED | {"end": LIMITED["start"]})
        shown = (await client.get(NETWORK)).json()

    assert (told["kind"], told["import_limit_kw"], told["export_limit_kw"]) == ("limit", 20_000.0, None)
    assert (empty.status_code, "the end is not after the start" in empty.json()["detail"]) == (422, True)
    beicang = next(node for node in shown["nodes"] if node["id"] == "quick-beicang")
    assert beicang["import_limit_kw"] == 31_500.0
