import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from starlette.requests import Request

from tests.vpp.api.district_at_work import NOW, RUNNING
from tests.vpp.portal.portal_rig import PASSWORD, Portal
from vpp.api.identity import Identity
from vpp.api.streams import Welcome, welcome_of
from vpp.domain.consents import ConsentScope
from vpp.portal.stream import ticks


async def _always() -> bool:
    return True


async def test_ticks__tell_position_and_clock_and_nothing_else(portal: Portal) -> None:
    door = portal.api.door
    stream = ticks(door, Welcome(_always, 20.0))

    assert (await anext(stream)).startswith("retry: ")
    first = json.loads((await anext(stream)).split("data: ")[1])
    portal.api.clock.move_to(NOW + timedelta(minutes=1))
    await door.intake.give_consent(portal.api.a, ConsentScope.ENERGY_DATA, by="alice")
    second = json.loads((await anext(stream)).split("data: ")[1])
    await stream.aclose()

    assert set(first) == {"position", "now", "speed"}
    assert second["position"] == first["position"] + 1
    assert second["now"] == "2026-07-22T08:23:30Z"
    assert RUNNING not in json.dumps(second)


async def test_ticks__end_when_the_service_stops(portal: Portal) -> None:
    door = portal.api.door
    stream = ticks(door, Welcome(_always, 20.0))
    await anext(stream)
    await anext(stream)

    async with asyncio.timeout(5):
        door.stopping.set()
        rest = [tick async for tick in stream]

    assert rest == []


@pytest.mark.parametrize("how", ["logged out", "disabled"])
async def test_ticks__end_with_the_session(portal: Portal, how: str) -> None:
    door = portal.api.door
    portal.api.app.state.door = replace(door, facts=replace(door.facts, look_again_s=0.0))
    session = await door.accounts.login("alice", PASSWORD)
    request = Request({"type": "http", "app": portal.api.app, "headers": []})
    stream = ticks(door, welcome_of(request, Identity(session.principal, session)))
    await anext(stream)
    assert "event: tick" in await anext(stream)

    if how == "disabled":
        await door.accounts.set_disabled("alice", disabled=True)
    else:
        await door.accounts.logout(session.token)
    assert [tick async for tick in stream] == []
