"""What every store of accounts and of answers does, in memory, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.contract.postgres_process import Cluster
from vpp.domain.access import ApiKeyRecord, Role, SessionRecord, User
from vpp.domain.errors import ConflictError, UnknownThingError
from vpp.infra.memory.access import MemoryAccountStore, MemoryIdempotencyStore
from vpp.infra.store.access import open_access
from vpp.ports import (
    AccountStore,
    AlreadyDone,
    Claimed,
    IdempotencyStore,
    OtherRequest,
    RequestClaim,
    StillRunning,
    StoredResponse,
)

T0 = datetime(2026, 7, 20, 6, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
ADMIN = User("admin", Role.ADMIN, None, "hash-a", T0, T0)
STEEL = User("steel", Role.PARTICIPANT, "p-steel", "hash-s", T0, T0 + HOUR, disabled=True)
KEY = ApiKeyRecord("0f1e2d3c4b5a", "d" * 64, "meter export 电表", Role.PARTICIPANT, "p-steel", "steel", T0, T0 + HOUR)
CLAIM = RequestClaim("operator", "k-1", "POST", "/api/v1/events", "a" * 64, T0)
ANSWER = StoredResponse(201, {"content-type": "application/json"}, '{"名": 1}'.encode())


@dataclass(frozen=True)
class Stores:
    """Both stores of one database."""

    accounts: AccountStore
    idempotency: IdempotencyStore


@pytest.fixture(params=["memory", "sqlite file", "sqlite in memory", "postgresql"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """One of the stores, empty."""
    if request.param == "memory":
        yield Stores(MemoryAccountStore(), MemoryIdempotencyStore())
        return
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    else:
        url = "sqlite://" if request.param == "sqlite in memory" else f"sqlite:///{tmp_path}/access.db"
    opened = open_access(url)
    yield Stores(opened.accounts, opened.idempotency)
    opened.close()


async def test_users__are_given_back_by_name(stores: Stores) -> None:
    assert await stores.accounts.add_users([STEEL, ADMIN])
    assert await stores.accounts.users() == [ADMIN, STEEL]
    assert await stores.accounts.user("steel") == STEEL
    assert await stores.accounts.user("nobody") is None


async def test_add_users__a_taken_name_keeps_all_out(stores: Stores) -> None:
    await stores.accounts.add_users([ADMIN])
    with pytest.raises(ConflictError, match="user name 'admin' is taken"):
        await stores.accounts.add_users([STEEL, ADMIN])
    assert await stores.accounts.users() == [ADMIN]


async def test_add_users__only_if_there_is_none(stores: Stores) -> None:
    assert await stores.accounts.add_users([ADMIN], only_if_none=True)
    assert not await stores.accounts.add_users([STEEL], only_if_none=True)
    assert await stores.accounts.users() == [ADMIN]


async def test_replace_user__changes_one(stores: Stores) -> None:
    await stores.accounts.add_users([ADMIN, STEEL])
    changed = replace(ADMIN, name="steel", disabled=False, password_changed_at=T0 + 2 * HOUR)
    await stores.accounts.replace_user(changed)
    assert await stores.accounts.users() == [ADMIN, changed]
    with pytest.raises(UnknownThingError, match="unknown user 'nobody'"):
        await stores.accounts.replace_user(replace(STEEL, name="nobody"))


async def test_sessions__come_with_their_user_until_they_end(stores: Stores) -> None:
    await stores.accounts.add_users([ADMIN, STEEL])
    record = SessionRecord("t1", "steel", T0, T0, T0 + HOUR)
    await stores.accounts.add_session(record)
    assert await stores.accounts.session("t1") == (record, STEEL)
    await stores.accounts.touch_session("t1", T0 + timedelta(minutes=5))
    assert await stores.accounts.session("t1") == (replace(record, seen_at=T0 + timedelta(minutes=5)), STEEL)
    await stores.accounts.drop_session("t1")
    await stores.accounts.drop_session("t1")
    assert await stores.accounts.session("t1") is None


async def test_drop_sessions_of__keeps_one_and_those_of_others(stores: Stores) -> None:
    await stores.accounts.add_users([ADMIN, STEEL])
    for digest, name in (("t1", "steel"), ("t2", "steel"), ("t3", "admin")):
        await stores.accounts.add_session(SessionRecord(digest, name, T0, T0, T0 + HOUR))
    await stores.accounts.drop_sessions_of("steel", keep="t2")
    assert [await stores.accounts.session(each) is not None for each in ("t1", "t2", "t3")] == [False, True, True]
    await stores.accounts.drop_sessions_of("steel")
    assert [await stores.accounts.session(each) is not None for each in ("t2", "t3")] == [False, True]


async def test_drop_sessions_before__forgets_idle_and_ended_ones(stores: Stores) -> None:
    await stores.accounts.add_users([ADMIN])
    for digest, seen, ends in (("idle", 0, 9), ("ended", 5, 5), ("live", 5, 6)):
        await stores.accounts.add_session(SessionRecord(digest, "admin", T0, T0 + seen * HOUR, T0 + ends * HOUR))
    await stores.accounts.drop_sessions_before(T0 + HOUR, T0 + 5 * HOUR)
    kept = [each for each in ("idle", "ended", "live") if await stores.accounts.session(each) is not None]
    assert kept == ["live"]


async def test_api_keys__are_kept_in_order_and_revoked_once(stores: Stores) -> None:
    other = replace(KEY, key_id="aaaaaaaaaaaa", created_at=T0 - HOUR, created_by="admin", ends_at=None)
    await stores.accounts.add_api_key(KEY)
    await stores.accounts.add_api_key(other)
    assert await stores.accounts.api_keys() == [other, KEY]
    assert await stores.accounts.revoke_api_keys(T0 + HOUR, created_by="steel") == 1
    assert await stores.accounts.revoke_api_keys(T0 + 2 * HOUR, key_id=KEY.key_id) == 0
    assert await stores.accounts.api_key(KEY.key_id) == replace(KEY, revoked_at=T0 + HOUR)
    assert await stores.accounts.api_key(other.key_id) == other
    assert await stores.accounts.api_key("nothing") is None
    with pytest.raises(ConflictError, match=f"API key id '{KEY.key_id}' is taken"):
        await stores.accounts.add_api_key(KEY)


async def test_claim__is_answered_again_with_the_kept_answer(stores: Stores) -> None:
    assert await stores.idempotency.claim(CLAIM) == Claimed()
    assert await stores.idempotency.claim(CLAIM) == StillRunning()
    await stores.idempotency.finish(CLAIM, ANSWER)
    assert await stores.idempotency.claim(replace(CLAIM, at=T0 + HOUR)) == AlreadyDone(ANSWER)


@pytest.mark.parametrize(
    "other", [replace(CLAIM, digest="b" * 64), replace(CLAIM, path="/api/v1/other"), replace(CLAIM, method="PUT")]
)
async def test_claim__another_request_under_the_key_is_told(stores: Stores, other: RequestClaim) -> None:
    await stores.idempotency.claim(CLAIM)
    assert await stores.idempotency.claim(other) == OtherRequest("POST", "/api/v1/events")


async def test_claim__keys_of_two_principals_have_nothing_to_do_with_each_other(stores: Stores) -> None:
    await stores.idempotency.claim(CLAIM)
    assert await stores.idempotency.claim(replace(CLAIM, principal="steel", digest="b" * 64)) == Claimed()


async def test_abandon__makes_the_key_free_again(stores: Stores) -> None:
    await stores.idempotency.claim(CLAIM)
    await stores.idempotency.abandon(CLAIM)
    assert await stores.idempotency.claim(CLAIM) == Claimed()


async def test_abandon_all__frees_what_is_unanswered_only(stores: Stores) -> None:
    done = replace(CLAIM, key="k-2")
    await stores.idempotency.claim(CLAIM)
    await stores.idempotency.claim(done)
    await stores.idempotency.finish(done, ANSWER)
    assert await stores.idempotency.abandon_all() == 1
    assert await stores.idempotency.claim(CLAIM) == Claimed()
    assert await stores.idempotency.claim(done) == AlreadyDone(ANSWER)


async def test_drop_before__forgets_old_answers(stores: Stores) -> None:
    for key, at in (("old", T0), ("new", T0 + HOUR)):
        claim = replace(CLAIM, key=key, at=at)
        await stores.idempotency.claim(claim)
        await stores.idempotency.finish(claim, ANSWER)
    await stores.idempotency.drop_before(T0 + HOUR)
    assert await stores.idempotency.claim(replace(CLAIM, key="old")) == Claimed()
    assert await stores.idempotency.claim(replace(CLAIM, key="new")) == AlreadyDone(ANSWER)


@pytest.mark.parametrize("where", ["sqlite", "postgresql"])
def test_claim__of_many_at_once_exactly_one_is_first(
    request: pytest.FixtureRequest, tmp_path: Path, where: str
) -> None:
    if where == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres")
        url = cluster.new_database()
    else:
        url = f"sqlite:///{tmp_path}/access.db"
    opened = open_access(url)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: asyncio.run(opened.idempotency.claim(CLAIM)), range(8)))
    opened.close()
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Claimed"] + ["StillRunning"] * 7
