import asyncio
import json
from datetime import timedelta

from tests.vpp.api.district_at_work import NOW, RUNNING
from tests.vpp.portal.portal_rig import Portal
from vpp.domain.consents import ConsentScope
from vpp.portal.stream import ticks


async def test_ticks__tell_position_and_clock_and_nothing_else(portal: Portal) -> None:
    door = portal.api.door
    stream = ticks(door)

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
    stream = ticks(door)
    await anext(stream)
    await anext(stream)

    async with asyncio.timeout(5):
        door.stopping.set()
        rest = [tick async for tick in stream]

    assert rest == []
