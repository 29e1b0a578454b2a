"""Sessions, API keys, roles, CSRF and origins, through the application."""

from collections.abc import AsyncIterator

import pytest
from fastapi import APIRouter

from tests.vpp.api.bare_door import URL, WORD, Bare, bare_app
from vpp.api.door import DoorFacts
from vpp.api.identity import CallerDep, OperatorDep, ParticipantDep
from vpp.domain.access import Role

router = APIRouter()


@router.get("/for/anybody")
@router.post("/for/anybody")
async def for_anybody(caller: CallerDep) -> str:
    return caller.name


@router.get("/for/operators")
async def for_operators(caller: OperatorDep) -> str:
    return caller.name


@router.get("/for/participants")
async def for_participants(caller: ParticipantDep) -> str | None:
    return caller.participant_id


@pytest.fixture
async def bare() -> AsyncIterator[Bare]:
    async with bare_app([router]) as opened:
        yield opened


async def test_log_in__cookie_is_out_of_scripts_reach(bare: Bare) -> None:
    answer = await bare.client.post("/api/v1/session", json={"name": "operator", "password": WORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert answer.json()["role"] == "operator"
    assert answer.headers["cache-control"] == "no-store"


async def test_log_in__cookie_is_for_https_only_where_people_come_that_way() -> None:
    async with bare_app(facts=DoorFacts(public_url="https://vpp.example")) as bare:
        answer = await bare.client.post("/api/v1/session", json={"name": "operator", "password": WORD})
        assert "Secure" in answer.headers["set-cookie"]
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_log_in__wrong_password_is_a_problem(bare: Bare) -> None:
    answer = await bare.client.post("/api/v1/session", json={"name": "operator", "password": "wrong"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:vpp:problem:not-authenticated",
        "title": "Not authenticated",
        "status": 401,
        "detail": "name or password is wrong, or the account is disabled",
        "instance": "/api/v1/session",
    }


async def test_log_in__too_often_says_when_to_try_again(bare: Bare) -> None:
    for _ in range(5):
        await bare.client.post("/api/v1/session", json={"name": "operator", "password": "wrong"})
    answer = await bare.client.post("/api/v1/session", json={"name": "operator", "password": WORD})
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "2"


async def test_log_in__from_another_sites_page_is_refused(bare: Bare) -> None:
    asked = {"name": "operator", "password": WORD}
    answer = await bare.client.post("/api/v1/session", json=asked, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
    assert answer.json()["detail"] == "requests from pages of 'https://evil.example' are not taken"
    assert (await bare.client.post("/api/v1/session", json=asked, headers={"Origin": URL})).status_code == 201


async def test_log_in__again_ends_the_earlier_session(bare: Bare) -> None:
    await bare.log_in("operator")
    earlier = bare.client.cookies["vpp_session"]
    await bare.log_in("steel")
    assert await bare.door.accounts.by_session(earlier) is None
    assert (await bare.client.get("/api/v1/session")).json()["participant_id"] == "p-steel"


async def test_session__unsafe_requests_need_the_csrf_token(bare: Bare) -> None:
    csrf = await bare.log_in("operator")
    refused = await bare.client.post("/for/anybody")
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:vpp:problem:csrf"
    assert "X-CSRF-Token" in refused.json()["detail"]
    assert (await bare.client.post("/for/anybody", headers={b"X-CSRF-Token": "ü".encode()})).status_code == 403
    assert (await bare.client.post("/for/anybody", headers=csrf)).json() == "operator"
    foreign = csrf | {"Origin": "https://evil.example"}
    assert (await bare.client.post("/for/anybody", headers=foreign)).status_code == 403


async def test_session__csrf_token_is_that_sessions_only(bare: Bare) -> None:
    await bare.log_in("operator")
    async with bare.another() as other:
        foreign = await bare.log_in("steel", other)
    assert (await bare.client.post("/for/anybody", headers=foreign)).status_code == 403


async def test_api_key__needs_no_csrf_token(bare: Bare) -> None:
    key = await bare.key(Role.OPERATOR)
    bearer = {"Authorization": f"Bearer {key['X-API-Key']}"}
    for headers in (key, bearer):
        answer = await bare.client.post("/for/anybody", headers=headers)
        assert answer.status_code == 200
        assert answer.json().startswith("key:")
    who = (await bare.client.get("/api/v1/session", headers=key)).json()
    assert (who["role"], who["csrf_token"], who["expires_at"]) == ("operator", None, None)


@pytest.mark.parametrize("key", ["nonsense", "vpp_0f1e2d3c4b5a_x", "", "k" * 10_000])
async def test_api_key__wrong_one_is_401_even_with_a_session(bare: Bare, key: str) -> None:
    await bare.log_in("operator")
    answer = await bare.client.get("/for/anybody", headers={"X-API-Key": key})
    assert (answer.status_code, answer.json()["detail"]) == (401, "the API key is not valid")


@pytest.mark.parametrize("path", ["/for/anybody", "/for/operators", "/for/participants", "/api/v1/session"])
async def test_anonymous__is_401(bare: Bare, path: str) -> None:
    answer = await bare.client.get(path, headers={"Cookie": "vpp_session=nonsense"})
    assert (answer.status_code, answer.json()["detail"]) == (401, "log in, or send an API key")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_require__roles(bare: Bare) -> None:
    seen = {}
    for name in ("admin", "operator", "steel"):
        await bare.log_in(name)
        paths = ("/for/operators", "/for/participants")
        seen[name] = [(await bare.client.get(path)).status_code for path in paths]
    assert seen == {"admin": [200, 403], "operator": [200, 403], "steel": [403, 200]}
    refused = await bare.client.get("/for/operators")
    assert refused.json()["detail"] == "'steel' has role 'participant', this needs operator or admin"


async def test_log_out__ends_it_and_needs_the_token(bare: Bare) -> None:
    csrf = await bare.log_in("operator")
    token = bare.client.cookies["vpp_session"]
    assert (await bare.client.delete("/api/v1/session")).status_code == 403
    assert (await bare.client.delete("/api/v1/session", headers=csrf)).status_code == 204
    assert "vpp_session" not in bare.client.cookies
    assert await bare.door.accounts.by_session(token) is None
    assert (await bare.client.delete("/api/v1/session")).status_code == 204


async def test_change_password__through_the_api(bare: Bare) -> None:
    csrf = await bare.log_in("operator")
    asked = {"old_password": WORD, "new_password": "another-battery-42"}
    weak = asked | {"new_password": "short"}
    refused = await bare.client.post("/api/v1/session/password", json=weak, headers=csrf)
    assert refused.status_code == 422
    assert "short" not in refused.text.replace("characters", "")
    assert (await bare.client.post("/api/v1/session/password", json=asked, headers=csrf)).status_code == 204
    key = await bare.key(Role.OPERATOR)
    async with bare.another() as machine:
        answer = await machine.post("/api/v1/session/password", json=asked, headers=key)
        assert answer.json()["detail"] == "an API key cannot change a password"


async def test_users__are_for_admins(bare: Bare) -> None:
    csrf = await bare.log_in("operator")
    assert (await bare.client.get("/api/v1/users")).status_code == 403
    asked = {"name": "new", "role": "admin"}
    assert (await bare.client.post("/api/v1/users", json=asked, headers=csrf)).status_code == 403


async def test_users__admin_makes_resets_and_disables(bare: Bare) -> None:
    csrf = await bare.log_in("admin")
    asked = {"name": "new", "role": "participant", "participant_id": "p-mall"}
    made = await bare.client.post("/api/v1/users", json=asked, headers=csrf)
    assert made.status_code == 201
    assert (await bare.client.post("/api/v1/users", json=asked, headers=csrf)).status_code == 409
    listed = (await bare.client.get("/api/v1/users")).json()
    assert [user["name"] for user in listed] == ["admin", "mall", "new", "operator", "steel"]
    assert "password_hash" not in listed[0]
    reset = await bare.client.post("/api/v1/users/new/password-reset", headers=csrf)
    assert reset.json()["password"] != made.json()["password"]
    disabled = await bare.client.put("/api/v1/users/new/disabled", json={"disabled": True}, headers=csrf)
    assert disabled.json()["disabled"] is True
    login = {"name": "new", "password": reset.json()["password"]}
    async with bare.another() as other:
        assert (await other.post("/api/v1/session", json=login)).status_code == 401
    last = await bare.client.put("/api/v1/users/admin/disabled", json={"disabled": True}, headers=csrf)
    assert last.status_code == 409
    unknown = await bare.client.post("/api/v1/users/nobody/password-reset", headers=csrf)
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "unknown user 'nobody'")


async def test_create_user__idempotency_key_makes_one_and_never_keeps_the_password(bare: Bare) -> None:
    csrf = await bare.log_in("admin") | {"Idempotency-Key": "once"}
    asked = {"name": "new", "role": "operator"}
    made = await bare.client.post("/api/v1/users", json=asked, headers=csrf)
    again = await bare.client.post("/api/v1/users", json=asked, headers=csrf)
    assert (made.status_code, again.status_code) == (201, 409)
    assert again.json()["type"] == "urn:vpp:problem:shown-once"
    assert made.json()["password"] not in repr(vars(bare.door.idempotency))


async def test_api_keys__of_ones_own_role_only(bare: Bare) -> None:
    csrf = await bare.log_in("steel")
    made = await bare.client.post("/api/v1/api-keys", json={"label": "mine"}, headers=csrf)
    assert made.json()["participant_id"] == "p-steel"
    for more in (
        {"role": "operator"},
        {"participant_id": "p-mall"},
        {"role": "participant", "participant_id": "p-mall"},
    ):
        refused = await bare.client.post("/api/v1/api-keys", json={"label": "x"} | more, headers=csrf)
        assert (refused.status_code, refused.json()["detail"]) == (
            403,
            "'steel' may make API keys for its own role only",
        )
    async with bare.another() as machine:
        key = {"X-API-Key": made.json()["key"]}
        assert (await machine.get("/for/participants", headers=key)).json() == "p-steel"
        refused = await machine.post("/api/v1/api-keys", json={"label": "x"}, headers=key)
        assert refused.json()["detail"] == "an API key cannot make API keys; log in"


async def test_api_keys__others_do_not_see_or_revoke_them(bare: Bare) -> None:
    csrf = await bare.log_in("steel")
    made = (await bare.client.post("/api/v1/api-keys", json={"label": "mine"}, headers=csrf)).json()
    path = f"/api/v1/api-keys/{made['key_id']}"
    async with bare.another() as other:
        foreign = await bare.log_in("mall", other)
        assert (await other.get("/api/v1/api-keys")).json() == []
        assert (await other.delete(path, headers=foreign)).status_code == 404
    async with bare.another() as admin:
        token = await bare.log_in("admin", admin)
        assert [key["label"] for key in (await admin.get("/api/v1/api-keys")).json()] == ["mine"]
        assert (await admin.delete(path, headers=token)).status_code == 204
    listed = (await bare.client.get("/api/v1/api-keys")).json()
    assert listed[0]["revoked_at"] is not None
    assert "key" not in listed[0]


@pytest.mark.parametrize(
    ("method", "path", "body", "deed"),
    [
        ("POST", "users", {"name": "new", "role": "admin"}, "make an account of role 'admin'"),
        ("POST", "users/operator/password-reset", None, "reset a password"),
        ("PUT", "users/operator/disabled", {"disabled": True}, "shut an account out or let it in"),
        ("PUT", "users/operator/disabled", {"disabled": False}, "shut an account out or let it in"),
        ("POST", "api-keys", {"label": "another"}, "make API keys"),
    ],
)
async def test_api_key__of_an_admin_does_not_do_what_people_must(
    bare: Bare, method: str, path: str, body: dict[str, object] | None, deed: str
) -> None:
    key = await bare.key(Role.ADMIN)
    before = await bare.door.accounts.users()
    refused = await bare.client.request(method, f"/api/v1/{path}", json=body, headers=key)
    assert (refused.status_code, refused.json()["detail"]) == (403, f"an API key cannot {deed}; log in")
    assert await bare.door.accounts.users() == before


async def test_api_key__of_an_admin_makes_accounts_of_other_roles(bare: Bare) -> None:
    asked = {"name": "new", "role": "participant", "participant_id": "p-mall"}
    made = await bare.client.post("/api/v1/users", json=asked, headers=await bare.key(Role.ADMIN))
    assert made.status_code == 201
