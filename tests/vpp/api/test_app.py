"""Health, metrics, problem documents, headers and limits of the application itself."""

import asyncio

import pytest
from fastapi import APIRouter, HTTPException, Request

from tests.vpp.api.bare_door import bare_app
from vpp.api.app import LARGEST_BODY_BYTES
from vpp.api.door import DoorFacts
from vpp.api.problems import status_of
from vpp.domain.access import Role
from vpp.domain.errors import (
    BusError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    IllegalTransitionError,
    InputError,
    InvariantError,
    MissingFigureError,
    StoreError,
    TooManyAttemptsError,
    UnknownThingError,
    VppError,
)

ERRORS: list[tuple[VppError, int]] = [
    (UnknownThingError("event", "event-9"), 404),
    (InputError("target 9 MW is more than 5 MW"), 422),
    (MissingFigureError("tianjin", "payment.price"), 422),
    (ConflictError("event id 'e' is taken"), 409),
    (IllegalTransitionError("event", "draft", "release", ("approve",)), 409),
    (CredentialsError("no"), 401),
    (ForbiddenError("not yours"), 403),
    (TooManyAttemptsError(3.2), 429),
    (StoreError("host db.internal is down"), 503),
    (BusError("broker.internal is down"), 503),
    (InvariantError("secret inside"), 500),
]


def _raising(error: Exception) -> APIRouter:
    router = APIRouter()

    @router.get("/raise")
    async def fail() -> None:
        raise error

    return router


@pytest.mark.parametrize(("error", "status"), ERRORS)
async def test_error__is_a_problem_document(error: VppError, status: int) -> None:
    async with bare_app([_raising(error)]) as bare:
        answer = await bare.client.get("/raise")
        assert answer.status_code == status == status_of(error)
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert (body["status"], body["instance"]) == (status, "/raise")
        if status < 500:
            assert body["detail"] == str(error)
        else:
            assert "internal is down" not in answer.text
            assert "secret inside" not in answer.text


async def test_error__of_nobody_is_500_without_its_text() -> None:
    async with bare_app([_raising(RuntimeError("secret inside"))]) as bare:
        answer = await bare.client.get("/raise")
        assert answer.status_code == 500
        assert answer.json()["detail"] == "an error of the service itself; its log says more"
        assert b"vpp_requests_failed_total" in bare.door.metrics.exposition()


async def test_error__http_exceptions_keep_status_and_headers() -> None:
    async with bare_app([_raising(HTTPException(406, "only JSON", {"X-Told": "yes"}))]) as bare:
        answer = await bare.client.get("/raise")
        assert (answer.status_code, answer.json()["detail"], answer.headers["x-told"]) == (406, "only JSON", "yes")


async def test_error__invalid_request_names_every_flaw() -> None:
    async with bare_app() as bare:
        answer = await bare.client.post("/api/v1/session", json={"name": "", "word": "x"})
        assert answer.status_code == 422
        assert {flaw["where"] for flaw in answer.json()["errors"]} == {"body.name", "body.password", "body.word"}


async def test_healthz__is_alive_even_when_nothing_is_ready() -> None:
    async def gone() -> str | None:
        return "there is no link to it"

    async with bare_app(readiness={"broker": gone}) as bare:
        assert (await bare.client.get("/healthz")).json() == {"status": "alive"}
        answer = await bare.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["detail"] == "broker: there is no link to it"
        assert answer.json()["missing"] == {"broker": "there is no link to it"}


async def test_readyz__ready_until_the_service_stops() -> None:
    async def well() -> str | None:
        return None

    async with bare_app(readiness={"ledger": well}) as bare:
        assert (await bare.client.get("/readyz")).json() == {"status": "ready", "epoch": 7, "checks": ["ledger"]}
        bare.door.stopping.set()
        assert (await bare.client.get("/readyz")).json()["missing"] == {"service": "it is going down"}


async def test_readyz__a_check_that_hangs_is_missing() -> None:
    async def hangs() -> str | None:
        await asyncio.Event().wait()
        return None

    facts = DoorFacts("http://127.0.0.1:8000", check_within_s=0.01)
    async with bare_app(facts=facts, readiness={"archive": hangs}) as bare:
        assert (await bare.client.get("/readyz")).json()["missing"] == {"archive": "no answer within 0.01 s"}


async def test_metrics__closed_needs_an_operator() -> None:
    async with bare_app() as bare:
        bare.door.metrics.count("things")
        assert (await bare.client.get("/metrics")).status_code == 401
        participant = await bare.key(Role.PARTICIPANT, "p-steel")
        assert (await bare.client.get("/metrics", headers=participant)).status_code == 403
        answer = await bare.client.get("/metrics", headers=await bare.key(Role.OPERATOR))
        assert "vpp_things_total 1.0" in answer.text
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_metrics__open_where_told() -> None:
    async with bare_app(facts=DoorFacts("http://127.0.0.1:8000", metrics_open=True)) as bare:
        assert (await bare.client.get("/metrics")).status_code == 200


async def test_headers__policy_with_a_nonce_of_each_response() -> None:
    router = APIRouter()

    @router.get("/nonce")
    async def nonce(request: Request) -> str:
        return str(request.state.csp_nonce)

    async with bare_app([router]) as bare:
        seen = set()
        for _ in range(2):
            answer = await bare.client.get("/nonce")
            policy = answer.headers["content-security-policy"]
            assert f"'nonce-{answer.json()}'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            seen.add(answer.json())
        assert len(seen) == 2


async def test_body__larger_than_the_limit_is_refused() -> None:
    async with bare_app() as bare:
        answer = await bare.client.post("/api/v1/session", content=b"x" * (LARGEST_BODY_BYTES + 1))
        assert answer.status_code == 413
        assert answer.json()["detail"] == f"the request's body is larger than {LARGEST_BODY_BYTES} bytes"


async def test_openapi__problems_have_one_media_type_and_the_ways_in_are_declared() -> None:
    async with bare_app() as bare:
        document = (await bare.client.get("/api/v1/openapi.json")).json()
        assert set(document["components"]["securitySchemes"]) == {"APIKeyCookie", "APIKeyHeader", "HTTPBearer"}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                for status, response in operation["responses"].items():
                    if status >= "400":
                        assert list(response["content"]) == ["application/problem+json"], (path, method, status)
