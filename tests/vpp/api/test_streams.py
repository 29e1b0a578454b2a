"""Places of live streams, and how long their readers are welcome."""

from dataclasses import replace

import pytest
from starlette.requests import Request

from tests.vpp.api.api_rig import Api
from vpp.api.identity import Identity
from vpp.api.problems import ProblemError
from vpp.api.streams import OPERATORS_OWN, STREAMS_EACH, STREAMS_MOST, OpenStreams, Welcome, welcome_of
from vpp.domain.access import Principal, Role
from vpp.domain.errors import StoreError

STEEL = Principal("steel", Role.PARTICIPANT, "p-steel")


def _operator(number: int) -> Principal:
    return Principal(f"operator-{number}", Role.OPERATOR)


def _participant(number: int) -> Principal:
    return Principal(f"user-{number}", Role.PARTICIPANT, f"p-{number}")


def test_take__one_participant_has_so_many_whoever_asks_for_it() -> None:
    streams = OpenStreams()
    places = [streams.take(STEEL) for _ in range(STREAMS_EACH - 1)]
    streams.take(Principal("key:0f1e2d3c4b5a", Role.PARTICIPANT, "p-steel"))
    with pytest.raises(ProblemError) as refused:
        streams.take(STEEL)
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "30"})
    assert refused.value.detail == (
        "participant 'p-steel' has 8 streams open, the limit is 8 for each; close one, or poll instead"
    )
    streams.release(places[0])
    streams.release(places[0])
    streams.take(STEEL)
    assert len(streams) == STREAMS_EACH


def test_take__some_are_kept_for_operators() -> None:
    streams = OpenStreams()
    taken = [streams.take(_participant(number)) for number in range(STREAMS_MOST - OPERATORS_OWN)]
    with pytest.raises(ProblemError) as refused:
        streams.take(STEEL)
    assert refused.value.detail.startswith(
        "participants have 180 streams open, their limit is 180: 20 of 200 are kept for operators;"
    )
    for number in range(OPERATORS_OWN):
        streams.take(_operator(number))
    for asking in (STEEL, _operator(99)):
        with pytest.raises(ProblemError, match=r"^200 streams are open, the limit is 200; close one, or poll instead$"):
            streams.take(asking)
    streams.release(taken[0])
    streams.take(STEEL)


async def test_lasts__looks_when_it_is_due_only() -> None:
    looks: list[bool] = []

    async def look() -> bool:
        looks.append(True)
        return False

    later, now = Welcome(look, 3600.0), Welcome(look, 0.0)
    assert (await later.lasts(), looks) == (True, [])
    assert (await now.lasts(), looks) == (False, [True])


async def test_lasts__a_store_that_is_silent_takes_nothing_back() -> None:
    async def look() -> bool:
        raise StoreError("access database is locked")

    assert await Welcome(look, 0.0).lasts()


async def test_welcome_of__ends_with_the_key_and_with_the_sight(api: Api) -> None:
    made = (await api.door.accounts.api_keys())[-1]
    key = next(key for key in api.keys.values() if made.key_id in key)
    api.app.state.door = replace(api.door, facts=replace(api.door.facts, look_again_s=0.0))
    scope = {"type": "http", "app": api.app, "headers": [(b"x-api-key", key.encode())]}
    identity = Identity(made.principal, None)
    visible = True
    welcome = welcome_of(Request(scope), identity, lambda: visible)
    assert await welcome.lasts()
    visible = False
    assert not await welcome.lasts()
    visible = True
    await api.door.accounts.revoke_api_key(made.key_id)
    assert not await welcome.lasts()
