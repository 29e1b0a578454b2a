"""Logging in, sessions, keys, and what ends them."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from vpp.domain.access import Principal, Role
from vpp.domain.errors import (
    ConflictError,
    CredentialsError,
    InputError,
    TooManyAttemptsError,
    UnknownThingError,
)
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.workers import InlineWorkers
from vpp.services.accounts import SESSION_IDLE, SESSION_LONGEST, Accounts, Credentials
from vpp.services.attempts import FREE_OF_PAIR

WORD = "right-horse-battery"
OTHER = "another-battery-42"
ADMIN = Principal("admin", Role.ADMIN)
CHEAP = Argon2Hasher(time_cost=1, memory_cost_kib=64)


@dataclass
class SetClock:
    """A clock that a test sets."""

    at: datetime = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    async def sleep_until(self, instant: datetime) -> None:
        self.at = max(self.at, instant)


@dataclass
class CountingHasher:
    """Counts what the real one does."""

    inner: Argon2Hasher
    verified: list[str] = field(default_factory=list)

    def hash(self, password: str) -> str:
        return self.inner.hash(password)

    def verify(self, password_hash: str, password: str) -> bool:
        self.verified.append(password_hash)
        return self.inner.verify(password_hash, password)

    def outdated(self, password_hash: str) -> bool:
        return self.inner.outdated(password_hash)


@dataclass
class Rig:
    """Accounts with an operator and a participant."""

    accounts: Accounts
    store: MemoryAccountStore
    clock: SetClock
    hasher: CountingHasher

    def later(self, hasher: Argon2Hasher) -> Accounts:
        """The same store after the program changed its parameters."""
        return Accounts(self.store, hasher, workers=InlineWorkers(), wall=self.clock)


@pytest.fixture
async def rig() -> Rig:
    store, clock, hasher = MemoryAccountStore(), SetClock(), CountingHasher(CHEAP)
    accounts = Accounts(
        store, hasher, workers=InlineWorkers(), wall=clock, participant_known=lambda each: each == "p-steel"
    )
    await accounts.create_user("operator", Role.OPERATOR, password=WORD)
    await accounts.create_user("steel", Role.PARTICIPANT, participant_id="p-steel", password=WORD)
    return Rig(accounts, store, clock, hasher)


async def test_login__opens_a_session_whose_token_is_not_stored(rig: Rig) -> None:
    session = await rig.accounts.login(" Operator ", WORD)
    found = await rig.accounts.by_session(session.token)
    assert found is not None
    assert found.principal == Principal("operator", Role.OPERATOR)
    assert found.csrf_token == session.csrf_token
    assert session.token not in repr(rig.store._sessions)
    assert session.token not in repr(session)
    assert len(session.token) >= 43


@pytest.mark.parametrize(("name", "password"), [("operator", "wrong-horse"), ("nobody", WORD), ("operator", "x" * 999)])
async def test_login__does_not_say_what_was_wrong(rig: Rig, name: str, password: str) -> None:
    with pytest.raises(CredentialsError, match=r"^name or password is wrong, or the account is disabled$"):
        await rig.accounts.login(name, password)


async def test_login__costs_one_verification_for_unknown_names_as_well(rig: Rig) -> None:
    for name in ("operator", "nobody"):
        with pytest.raises(CredentialsError):
            await rig.accounts.login(name, "wrong-horse")
    known, unknown = rig.hasher.verified
    assert known.split("$")[:4] == unknown.split("$")[:4]


async def test_login__too_many_failures_wait_even_with_the_right_password(rig: Rig) -> None:
    for _ in range(FREE_OF_PAIR):
        with pytest.raises(CredentialsError):
            await rig.accounts.login("operator", "wrong-horse", address="a")
    with pytest.raises(TooManyAttemptsError, match="too many failed attempts to log in; try again in 2 s"):
        await rig.accounts.login("operator", WORD, address="a")
    assert (await rig.accounts.login("operator", WORD, address="b")).principal.name == "operator"
    rig.clock.at += timedelta(seconds=2)
    assert (await rig.accounts.login("operator", WORD, address="a")).principal.name == "operator"


async def test_login__many_at_once_do_not_slip_past_the_limit(rig: Rig) -> None:
    tries = [rig.accounts.login("operator", "wrong-horse", address="a") for _ in range(3 * FREE_OF_PAIR)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, CredentialsError) for each in outcomes) == FREE_OF_PAIR


async def test_login__rehashes_when_parameters_changed(rig: Rig) -> None:
    before = await rig.store.user("operator")
    stronger = Argon2Hasher(time_cost=2, memory_cost_kib=64)
    await rig.later(stronger).login("operator", WORD)
    after = await rig.store.user("operator")
    assert before is not None
    assert after is not None
    assert "t=1" in before.password_hash
    assert "t=2" in after.password_hash
    assert stronger.verify(after.password_hash, WORD)


async def test_by_session__ends_when_idle(rig: Rig) -> None:
    session = await rig.accounts.login("operator", WORD)
    rig.clock.at += SESSION_IDLE - timedelta(seconds=1)
    assert await rig.accounts.by_session(session.token) is not None
    rig.clock.at += SESSION_IDLE - timedelta(seconds=1)
    assert await rig.accounts.by_session(session.token) is not None
    rig.clock.at += SESSION_IDLE
    assert await rig.accounts.by_session(session.token) is None


async def test_by_session__a_look_keeps_nothing_alive(rig: Rig) -> None:
    session = await rig.accounts.login("steel", WORD)
    rig.clock.at += SESSION_IDLE - timedelta(minutes=1)
    assert await rig.accounts.by_session(session.token, use=False) is not None
    rig.clock.at += timedelta(minutes=1)
    assert await rig.accounts.by_session(session.token, use=False) is None


async def test_by_session__ends_at_last_however_often_used(rig: Rig) -> None:
    session = await rig.accounts.login("operator", WORD)
    for _ in range(11):
        rig.clock.at += timedelta(hours=1)
        assert await rig.accounts.by_session(session.token) is not None
    rig.clock.at += SESSION_LONGEST - timedelta(hours=11)
    assert await rig.accounts.by_session(session.token) is None


async def test_logout__ends_the_session(rig: Rig) -> None:
    session = await rig.accounts.login("operator", WORD)
    await rig.accounts.logout(session.token)
    assert await rig.accounts.by_session(session.token) is None


async def test_tidy__forgets_what_is_over(rig: Rig) -> None:
    await rig.accounts.login("operator", WORD)
    rig.clock.at += SESSION_LONGEST
    await rig.accounts.tidy()
    assert rig.store._sessions == {}


async def test_first_credentials__only_where_there_is_nobody() -> None:
    accounts = Accounts(MemoryAccountStore(), CHEAP, workers=InlineWorkers(), wall=SetClock())
    first = await accounts.first_credentials()
    assert [(each.name, each.role) for each in first] == [("admin", Role.ADMIN), ("operator", Role.OPERATOR)]
    assert len({each.password for each in first}) == 2
    assert all(each.password not in repr(each) for each in first)
    assert (await accounts.login("admin", first[0].password)).principal == ADMIN
    assert await accounts.first_credentials() == []


async def test_create_user__refuses(rig: Rig) -> None:
    with pytest.raises(ConflictError, match="user name 'steel' is taken"):
        await rig.accounts.create_user("steel", Role.OPERATOR)
    with pytest.raises(UnknownThingError, match="unknown participant 'p-9'"):
        await rig.accounts.create_user("mall", Role.PARTICIPANT, participant_id="p-9")
    with pytest.raises(InputError, match="password of 'mall' has 5 characters"):
        await rig.accounts.create_user("mall", Role.OPERATOR, password="short")  # noqa: S106 - refused


async def test_plant__leaves_known_users_alone(rig: Rig) -> None:
    demo = [Credentials("operator", OTHER, Role.OPERATOR), Credentials("demo", OTHER, Role.OPERATOR)]
    await rig.accounts.plant(demo)
    assert (await rig.accounts.login("demo", OTHER)).principal.name == "demo"
    assert (await rig.accounts.login("operator", WORD)).principal.name == "operator"


async def test_change_password__ends_the_other_sessions(rig: Rig) -> None:
    here, there = await rig.accounts.login("operator", WORD), await rig.accounts.login("operator", WORD)
    with pytest.raises(CredentialsError, match="the old password is wrong"):
        await rig.accounts.change_password(here, OTHER, OTHER)
    with pytest.raises(InputError, match="new password of 'operator' is the old one"):
        await rig.accounts.change_password(here, WORD, WORD)
    await rig.accounts.change_password(here, WORD, OTHER)
    assert await rig.accounts.by_session(here.token) is not None
    assert await rig.accounts.by_session(there.token) is None
    assert (await rig.accounts.login("operator", OTHER)).principal.name == "operator"


async def test_change_password__guessing_the_old_one_has_a_limit(rig: Rig) -> None:
    session = await rig.accounts.login("operator", WORD)
    for _ in range(FREE_OF_PAIR):
        with pytest.raises(CredentialsError):
            await rig.accounts.change_password(session, OTHER, OTHER)
    with pytest.raises(TooManyAttemptsError):
        await rig.accounts.change_password(session, WORD, OTHER)


async def test_reset_password__ends_all_sessions_and_keys(rig: Rig) -> None:
    session = await rig.accounts.login("steel", WORD)
    key = await rig.accounts.create_api_key("k", Role.PARTICIPANT, by=session.principal, participant_id="p-steel")
    others = await rig.accounts.create_api_key("k", Role.OPERATOR, by=ADMIN)
    made = await rig.accounts.reset_password("steel")
    assert await rig.accounts.by_session(session.token) is None
    assert await rig.accounts.by_api_key(key.secret) is None
    assert await rig.accounts.by_api_key(others.secret) is not None
    assert (await rig.accounts.login("steel", made.password)).principal.participant_id == "p-steel"
    with pytest.raises(UnknownThingError, match="unknown user 'nobody'"):
        await rig.accounts.reset_password("nobody")


async def test_set_disabled__ends_sessions_and_keys_until_enabled(rig: Rig) -> None:
    session = await rig.accounts.login("steel", WORD)
    key = await rig.accounts.create_api_key("k", Role.PARTICIPANT, by=session.principal, participant_id="p-steel")
    await rig.accounts.set_disabled("steel", disabled=True)
    assert await rig.accounts.by_session(session.token) is None
    assert await rig.accounts.by_api_key(key.secret) is None
    with pytest.raises(CredentialsError):
        await rig.accounts.login("steel", WORD)
    await rig.accounts.set_disabled("steel", disabled=False)
    assert (await rig.accounts.login("steel", WORD)).principal.name == "steel"
    assert await rig.accounts.by_api_key(key.secret) is None


async def test_set_disabled__not_the_last_admin(rig: Rig) -> None:
    await rig.accounts.create_user("admin", Role.ADMIN, password=WORD)
    with pytest.raises(ConflictError, match="user 'admin' is the last admin that is not disabled"):
        await rig.accounts.set_disabled("admin", disabled=True)
    await rig.accounts.create_user("admin2", Role.ADMIN, password=WORD)
    assert (await rig.accounts.set_disabled("admin", disabled=True)).disabled


async def test_api_key__opens_until_its_end(rig: Rig) -> None:
    made = await rig.accounts.create_api_key(" meters ", Role.OPERATOR, by=ADMIN, valid_for=timedelta(days=1))
    assert made.record.label == "meters"
    assert made.secret not in repr(made)
    assert made.secret not in repr(await rig.accounts.api_keys())
    assert await rig.accounts.by_api_key(made.secret) == Principal(f"key:{made.record.key_id}", Role.OPERATOR)
    rig.clock.at += timedelta(days=1)
    assert await rig.accounts.by_api_key(made.secret) is None


async def test_by_api_key__refuses_everything_else(rig: Rig) -> None:
    made = await rig.accounts.create_api_key("k", Role.OPERATOR, by=ADMIN)
    altered = made.secret[:-1] + ("a" if made.secret[-1] != "a" else "b")
    for key in ("", "vpp_", "vpp_x", altered, f"vpp_{made.record.key_id}_", made.secret.removeprefix("vpp_")):
        assert await rig.accounts.by_api_key(key) is None
    await rig.accounts.revoke_api_key(made.record.key_id)
    assert await rig.accounts.by_api_key(made.secret) is None
    with pytest.raises(UnknownThingError, match="unknown API key 'nothing'"):
        await rig.accounts.revoke_api_key("nothing")


async def test_create_api_key__refuses(rig: Rig) -> None:
    with pytest.raises(InputError, match="label of an API key has 0 characters, expected 1 to 80"):
        await rig.accounts.create_api_key(" ", Role.OPERATOR, by=ADMIN)
    with pytest.raises(InputError, match="API key 'k' would be valid for 0 s, expected more"):
        await rig.accounts.create_api_key("k", Role.OPERATOR, by=ADMIN, valid_for=timedelta())
    with pytest.raises(UnknownThingError, match="unknown participant 'p-9'"):
        await rig.accounts.create_api_key("k", Role.PARTICIPANT, by=ADMIN, participant_id="p-9")
