"""Participant A and everything of participant B: not there, in no list, in no figure."""

import json

import pytest

from tests.vpp.api.api_rig import Api
from tests.vpp.api.district_at_work import DRAFT, INVITED, NOW, RUNNING, SETTLED

PAST = "start=2026-07-22T06:00:00Z&end=2026-07-22T07:00:00Z"


def things_of(api: Api, participant_id: str) -> dict[str, list[str]]:
    fleet = api.controller.registry.fleet
    resources = list(fleet.by_participant[participant_id])
    return {"resources": resources, "sites": sorted({fleet.site_of(r).id for r in resources})}


async def test_things_of_b__are_not_there_for_a(api: Api) -> None:
    theirs = things_of(api, api.b)
    paths = [f"/api/v1/{kind}/{thing}" for kind, ids in theirs.items() for thing in ids]
    paths += [f"/api/v1/readings?resource={resource}&{PAST}" for resource in theirs["resources"]]
    paths += [f"/api/v1/events/{event}/invitations/{api.b}" for event in (SETTLED, RUNNING, INVITED)]
    paths += [f"/api/v1/events/{event}/statements/{api.b}" for event in (SETTLED, RUNNING)]
    paths += [f"/api/v1/participants/{api.b}", f"/api/v1/participants/{api.b}/export.json?{PAST}"]
    async with api.client("a") as client:
        for path in paths:
            response = await client.get(path)
            assert response.status_code in {403, 404}, path


async def test_unseen_and_unknown__get_the_same_answer(api: Api) -> None:
    async with api.client("a") as client:
        theirs = (await client.get(f"/api/v1/resources/{things_of(api, api.b)['resources'][0]}")).json()
        nobodys = (await client.get("/api/v1/resources/no-such-thing")).json()

    assert theirs["type"] == nobodys["type"]
    assert theirs["detail"].startswith("unknown resource ")
    assert nobodys["detail"] == "unknown resource 'no-such-thing'"


@pytest.mark.parametrize(
    "path",
    [
        "events",
        f"events/{SETTLED}",
        f"events/{SETTLED}/stream",
        "invitations",
        f"statements?event={SETTLED}",
        f"baselines?event={RUNNING}",
        "resources",
        "sites",
        "participants",
        "me",
        "me/invitations",
        "me/resources",
        "me/load",
        "me/contributions",
        "me/statements",
        f"me/reasons?event={RUNNING}",
        f"me/export.json?{PAST}",
        f"me/export.csv?{PAST}",
    ],
)
async def test_lists__name_nobody_else(api: Api, path: str) -> None:
    fleet = api.controller.registry.fleet
    own = {api.a, *things_of(api, api.a)["resources"], *things_of(api, api.a)["sites"]}
    others = (fleet.participants.keys() | fleet.resources.keys() | fleet.sites.keys()) - own
    async with api.client("a") as client:
        response = await client.get(f"/api/v1/{path}")

    assert response.status_code == 200
    words = set(response.text.replace(",", '"').split('"'))
    assert words.isdisjoint(others)


async def test_drafts__concern_nobody_yet(api: Api) -> None:
    async with api.client("a") as client:
        shown = {event["id"] for event in (await client.get("/api/v1/events")).json()["items"]}
        draft = await client.get(f"/api/v1/events/{DRAFT}")

    assert DRAFT not in shown
    assert (draft.status_code, draft.json()["detail"]) == (404, f"unknown event '{DRAFT}'")


async def test_stream__of_a_participant_holds_its_own_figures_only(api: Api) -> None:
    api.door.stopping.set()
    figures = {}
    for who in ("operator", "a", "b"):
        async with api.client(who) as client:
            text = (await client.get(f"/api/v1/events/{RUNNING}/stream")).text
        data = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
        figures[who] = json.loads(data[1])

    assert figures["operator"]["target_kw"] == 3000.0
    assert figures["a"]["target_kw"] is None
    assert figures["a"]["committed_kw"] is None
    assert 0 < figures["a"]["commanded_kw"] < figures["operator"]["commanded_kw"]
    assert figures["a"]["commanded_kw"] != figures["b"]["commanded_kw"]


async def test_answers__for_somebody_else_are_refused(api: Api) -> None:
    async with api.client("a") as client:
        response = await client.post(f"/api/v1/events/{INVITED}/accept", json={"participant_id": api.b})

    assert response.status_code == 403
    assert response.json()["detail"].endswith(f"may answer for participant '{api.a}' only")
    assert api.b not in api.controller.recorder.book.event(INVITED).answers


async def test_export__for_an_operator_needs_the_consent_of_its_owner(api: Api) -> None:
    path = f"/api/v1/participants/{api.a}/export.csv?{PAST}"
    async with api.client("operator") as operator, api.client("a") as owner:
        before = await operator.get(path)
        given = (await owner.put("/api/v1/me/consents/energy-data")).json()
        during = await operator.get(path)
        own = await owner.get(f"/api/v1/me/export.csv?{PAST}")
        await owner.delete("/api/v1/me/consents/energy-data")
        after = await operator.get(path)

    assert [r.status_code for r in (before, during, after)] == [403, 200, 403]
    assert "has given no consent 'energy-data'" in before.json()["detail"]
    assert (given["given"], given["given_at"]) == (True, NOW.isoformat().replace("+00:00", "Z"))
    assert during.text == own.text
    assert own.text.splitlines()[0] == "participant_id,resource_id,interval_start,energy_kwh,baseline_kwh,event_id"
    assert len(own.text.splitlines()) == 1 + 4 * len(things_of(api, api.a)["resources"])
