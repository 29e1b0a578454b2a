"""Every route by every role: a route without a declared expectation fails, and so does one that answers otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from tests.vpp.api.api_rig import ANONYMOUS, Api, opened_api
from tests.vpp.api.district_at_work import DRAFT, INVITED, RUNNING, SETTLED, Caught
from vpp.api.app import create_app

CALLERS = (ANONYMOUS, "operator", "admin", "a", "b")
EVERYBODY = frozenset({"operator", "admin", "a", "b"})
DISTRICT = frozenset({"operator", "admin"})
OWNER = frozenset({"operator", "admin", "a"})
PARTICIPANTS = frozenset({"a", "b"})
NOBODY: frozenset[str] = frozenset()
WINDOW = {"start": "2026-07-22T09:00:00Z", "end": "2026-07-22T10:00:00Z"}
PAST = {"start": "2026-07-22T06:00:00Z", "end": "2026-07-22T07:00:00Z"}
API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Case:
    """One route with a request that is right in itself.

    Attributes:
        ok: Who gets a 2xx; everybody else gets ``denied``, and without credentials ``anonymous``.
        path: Values for the placeholders; ``A``, ``A_RESOURCE`` and ``A_SITE`` stand for what belongs to ``a``.
        for_whom: Whether operators add on whose behalf they speak.
    """

    ok: frozenset[str]
    denied: int = 403
    anonymous: int = 401
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    for_whom: bool = False


def _event(event_id: str, ok: frozenset[str] = DISTRICT, **more: Any) -> Case:
    return Case(ok, path={"event_id": event_id} | more.pop("path", {}), **more)


LOGIN = {"name": "nobody", "password": "not a password"}
CASES: Mapping[str, Case] = {
    "GET /healthz": Case(EVERYBODY, anonymous=200),
    "GET /readyz": Case(NOBODY, denied=503, anonymous=503),
    "GET /metrics": Case(EVERYBODY, anonymous=200),
    f"GET {API}/openapi.json": Case(EVERYBODY, anonymous=200),
    f"POST {API}/session": Case(NOBODY, denied=401, body=LOGIN),
    f"GET {API}/session": Case(EVERYBODY),
    f"DELETE {API}/session": Case(EVERYBODY, anonymous=204),
    f"POST {API}/session/password": Case(NOBODY, body={"old_password": "x" * 12, "new_password": "y" * 12}),
    f"GET {API}/users": Case(frozenset({"admin"})),
    f"POST {API}/users": Case(frozenset({"admin"}), body={"name": "new-one", "role": "operator"}),
    f"PUT {API}/users/{{name}}/disabled": Case(NOBODY, path={"name": "nobody"}, body={"disabled": True}, denied=403),
    f"POST {API}/users/{{name}}/password-reset": Case(NOBODY, path={"name": "nobody"}),
    f"GET {API}/api-keys": Case(EVERYBODY),
    f"POST {API}/api-keys": Case(NOBODY, body={"label": "a key makes no keys"}),
    f"DELETE {API}/api-keys/{{key_id}}": Case(NOBODY, path={"key_id": "0" * 12}, denied=404),
    f"POST {API}/events": Case(
        DISTRICT,
        body={
            "program_id": "beichen-demo",
            "start": "2026-07-25T06:00:00+00:00",
            "end": "2026-07-25T07:00:00Z",
            "target_mw": 2.5,
        },
    ),
    f"GET {API}/events": Case(EVERYBODY),
    f"GET {API}/events/{{event_id}}": _event(RUNNING, EVERYBODY),
    f"GET {API}/events/{{event_id}}/revisions": _event(RUNNING),
    f"GET {API}/events/{{event_id}}/waterfall": _event(RUNNING),
    f"GET {API}/events/{{event_id}}/decisions": _event(RUNNING),
    f"GET {API}/events/{{event_id}}/report": _event(SETTLED),
    f"GET {API}/events/{{event_id}}/stream": _event(SETTLED, EVERYBODY),
    f"POST {API}/events/{{event_id}}/approve": _event(DRAFT),
    f"POST {API}/events/{{event_id}}/cancel": _event(RUNNING, body={"reason": "a test"}),
    f"POST {API}/events/{{event_id}}/accept": _event(INVITED, EVERYBODY, body={}, for_whom=True),
    f"POST {API}/events/{{event_id}}/decline": _event(INVITED, EVERYBODY, body={}, for_whom=True),
    f"POST {API}/events/{{event_id}}/bid": _event(INVITED, EVERYBODY, body={"quantity_kw": 50}, for_whom=True),
    f"POST {API}/events/{{event_id}}/opt-out": _event(RUNNING, EVERYBODY, body={"reason": "a test"}, for_whom=True),
    f"GET {API}/invitations": Case(EVERYBODY),
    f"GET {API}/events/{{event_id}}/invitations/{{participant_id}}": _event(
        INVITED, OWNER, denied=404, path={"participant_id": "A"}
    ),
    f"GET {API}/statements": Case(EVERYBODY, query={"event": SETTLED}),
    f"GET {API}/events/{{event_id}}/statements/{{participant_id}}": _event(
        SETTLED, OWNER, denied=404, path={"participant_id": "A"}
    ),
    f"GET {API}/capability": Case(DISTRICT, query=WINDOW),
    f"GET {API}/capability/table": Case(DISTRICT),
    f"GET {API}/orderly-use": Case(DISTRICT),
    f"GET {API}/programs": Case(EVERYBODY),
    f"GET {API}/programs/{{program_id}}": Case(EVERYBODY, path={"program_id": "beichen-demo"}),
    f"GET {API}/access-rounds": Case(DISTRICT),
    f"POST {API}/access-rounds": Case(NOBODY, body={"round": 999}),
    f"GET {API}/network": Case(DISTRICT),
    f"POST {API}/network/reassignments": Case(
        DISTRICT, body={"node_id": "quick-snow-line-2", "parent_id": "quick-beicang", "reason": "a test"}
    ),
    f"POST {API}/network/limits": Case(
        DISTRICT,
        body={
            "node_id": "quick-beicang",
            "start": "2026-07-25T06:00:00+00:00",
            "end": "2026-07-25T07:00:00Z",
            "import_limit_kw": 20_000.0,
            "reason": "a test",
        },
    ),
    f"GET {API}/resources": Case(EVERYBODY),
    f"GET {API}/resources/{{resource_id}}": Case(OWNER, denied=404, path={"resource_id": "A_RESOURCE"}),
    f"GET {API}/sites": Case(EVERYBODY),
    f"GET {API}/sites/{{site_id}}": Case(OWNER, denied=404, path={"site_id": "A_SITE"}),
    f"GET {API}/participants": Case(EVERYBODY),
    f"GET {API}/participants/{{participant_id}}": Case(OWNER, denied=404, path={"participant_id": "A"}),
    f"GET {API}/gateways": Case(DISTRICT),
    f"GET {API}/gateways/{{gateway_id}}": Case(DISTRICT, path={"gateway_id": "gw-factory-01"}),
    f"GET {API}/readings": Case(OWNER, denied=404, query={"resource": "A_RESOURCE"} | PAST),
    f"GET {API}/baselines": Case(EVERYBODY, query={"event": SETTLED}),
    # Without the participant's consent an operator is refused as well.
    f"GET {API}/participants/{{participant_id}}/export.json": Case(NOBODY, path={"participant_id": "A"}, query=PAST),
    f"GET {API}/participants/{{participant_id}}/export.csv": Case(NOBODY, path={"participant_id": "A"}, query=PAST),
    f"GET {API}/me": Case(PARTICIPANTS),
    f"GET {API}/me/invitations": Case(PARTICIPANTS),
    f"GET {API}/me/resources": Case(PARTICIPANTS),
    f"GET {API}/me/load": Case(PARTICIPANTS),
    f"GET {API}/me/contributions": Case(PARTICIPANTS),
    f"GET {API}/me/statements": Case(PARTICIPANTS),
    f"GET {API}/me/reasons": Case(PARTICIPANTS, query={"event": RUNNING}),
    f"GET {API}/me/consents": Case(PARTICIPANTS),
    f"PUT {API}/me/consents/{{scope}}": Case(PARTICIPANTS, path={"scope": "energy-data"}),
    f"DELETE {API}/me/consents/{{scope}}": Case(PARTICIPANTS, path={"scope": "energy-data"}),
    f"GET {API}/me/export.json": Case(PARTICIPANTS, query=PAST),
    f"GET {API}/me/export.csv": Case(PARTICIPANTS, query=PAST),
}
OTHERWISE: Mapping[tuple[str, str], int] = {
    # What an admin may do meets a round that is not there.
    ("admin", f"POST {API}/access-rounds"): 422,
}


def routes_of(api: Api) -> set[str]:
    """``METHOD path`` of everything that the application answers to."""
    found: set[str] = set()
    for context in iter_route_contexts(create_app(api.door).router.routes):
        found |= {f"{method} {context.path}" for method in (context.methods or ()) if method != "HEAD"}
    for context in iter_route_contexts(api.app.router.routes):
        found |= {f"{method} {context.path}" for method in (context.methods or ()) if method != "HEAD"}
    return found


async def test_routes__each_has_an_expectation(api: Api) -> None:
    assert routes_of(api) == set(CASES)


LOOKS = sorted(route for route in CASES if route.startswith("GET "))
DEEDS = sorted(CASES.keys() - set(LOOKS))


async def test_looks__answer_each_role_as_declared_and_change_nothing(api: Api) -> None:
    before = api.controller.recorder.position
    wrong = [
        (route, who, status)
        for route in LOOKS
        for who in CALLERS
        if not as_declared(route, who, status := await _status(api, who, route, CASES[route]))
    ]

    assert wrong == []
    assert api.controller.recorder.position == before


@pytest.mark.parametrize("route", DEEDS)
async def test_deeds__answer_each_role_as_declared(route: str, caught: Caught, tmp_path: Path) -> None:
    case = CASES[route]
    found: dict[str, int] = {}
    async with opened_api(caught, tmp_path / "shared") as api:
        before = api.controller.recorder.position
        for who in CALLERS:
            if who not in case.ok:
                found[who] = await _status(api, who, route, case)
        assert api.controller.recorder.position == before, "a refusal changed something"
    for who in sorted(case.ok):
        async with opened_api(caught, tmp_path / who) as api:
            found[who] = await _status(api, who, route, case)

    assert [(who, status) for who, status in found.items() if not as_declared(route, who, status)] == []
    assert found.keys() == set(CALLERS)


def as_declared(route: str, who: str, status: int) -> bool:
    """Whether ``status`` is what the route's case says for that caller."""
    case = CASES[route]
    if who == ANONYMOUS:
        return status == case.anonymous
    if who in case.ok:
        return status in {200, 201, 204}
    return status == OTHERWISE.get((who, route), case.denied)


async def _status(api: Api, who: str, route: str, case: Case) -> int:
    method, path = route.split(" ", 1)
    line = api.controller.registry.fleet.by_participant[api.a][0]
    words = {"A": api.a, "A_RESOURCE": line, "A_SITE": api.controller.registry.fleet.site_of(line).id}
    query = {key: words.get(value, value) for key, value in case.query.items()}
    body = None if case.body is None else dict(case.body)
    if body is not None and case.for_whom and who in DISTRICT:
        body["participant_id"] = api.a
    async with api.client(who) as client:
        filled = path.format(**{key: words.get(value, value) for key, value in case.path.items()})
        response = await client.request(method, filled, params=query, json=body)
    assert response.status_code < 400 or response.headers["content-type"] == "application/problem+json"
    return response.status_code
