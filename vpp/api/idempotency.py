"""``Idempotency-Key``: the same request twice is done once, and answered twice.

``APIRouter(route_class=IdempotentRoute)`` makes every POST of a router honour the header (as the IETF draft
"The Idempotency-Key HTTP Header Field" has it): the same request again is given the kept answer; another request under
the same key is 422; one that is still running is 409. Refusals change nothing and are not kept.
"""

import hashlib
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Annotated, Any, assert_never

from fastapi import Depends, Header, Request, Response, params
from fastapi.routing import APIRoute

from vpp.api.door import Door, door_of_request
from vpp.api.identity import identify
from vpp.api.problems import MEDIA_TYPE, ProblemError, problem
from vpp.ports import AlreadyDone, Claimed, OtherRequest, RequestClaim, StillRunning, StoredResponse

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LONGEST_KEY = 128
LARGEST_KEPT_BYTES = 256 * 1024
_KEPT_HEADERS = ("content-type", "location")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Answer = Callable[[], Coroutine[Any, Any, Response]]


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias=HEADER,
            min_length=1,
            max_length=LONGEST_KEY,
            pattern=r"^[\x21-\x7e]+$",
            description="Chosen by the caller, new for each intention; the same request again is done once.",
        ),
    ] = None,
) -> str | None:
    """The header, declared for the OpenAPI document and checked."""
    return key


class IdempotentRoute(APIRoute):
    """A route whose POST honours ``Idempotency-Key``."""

    answers_secret = False

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - as APIRoute
        if "POST" in (options.get("methods") or ()):
            others: Sequence[params.Depends] = options.get("dependencies") or ()
            options["dependencies"] = [*others, Depends(idempotency_key)]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        """The route's own handler behind the store of answers."""
        handler = super().get_route_handler()

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            identity = await identify(request) if request.method == "POST" and _usable(key) else None
            if key is None or identity is None:
                return await handler(request)
            door = door_of_request(request)
            claim = RequestClaim(
                principal=identity.principal.name,
                key=key,
                method=request.method,
                path=request.url.path,
                digest=hashlib.sha256(await request.body()).hexdigest(),
                at=door.wall.now(),
            )
            return await _once(door, claim, lambda: handler(request), secret=self.answers_secret)

        return once


class SecretRoute(IdempotentRoute):
    """The same for answers that hold a secret: these are never kept, so that the same request again is 409."""

    answers_secret = True


async def _once(door: Door, claim: RequestClaim, answer: Answer, *, secret: bool) -> Response:
    match await door.idempotency.claim(claim):
        case AlreadyDone(response):
            headers = {**response.headers, "Idempotent-Replayed": "true"}
            return Response(response.body, response.status, headers=headers)
        case StillRunning():
            return problem(
                409,
                detail=f"the request with {HEADER} {claim.key!r} is still being answered",
                type_suffix="still-running",
                instance=claim.path,
                headers={"Retry-After": "1"},
            )
        case OtherRequest(method, path):
            raise ProblemError(
                422,
                f"{HEADER} {claim.key!r} was used for another request ({method} {path}) before",
                type_suffix="key-reused",
            )
        case Claimed():
            return await _answer_and_keep(door, claim, answer, secret=secret)
        case never:
            assert_never(never)


async def _answer_and_keep(door: Door, claim: RequestClaim, answer: Answer, *, secret: bool) -> Response:
    try:
        response = await answer()
    except BaseException:
        await door.idempotency.abandon(claim)
        raise
    body = bytes(response.body) if hasattr(response, "body") else None
    if response.status_code >= 300 or body is None or len(body) > LARGEST_KEPT_BYTES:  # noqa: PLR2004 - no success
        await door.idempotency.abandon(claim)
        return response
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    kept = StoredResponse(response.status_code, headers, body)
    await door.idempotency.finish(claim, _without_secret(claim) if secret else kept)
    return response


def _without_secret(claim: RequestClaim) -> StoredResponse:
    told = problem(
        409,
        detail=f"the request with {HEADER} {claim.key!r} was answered before, and its secret is shown only once",
        type_suffix="shown-once",
        instance=claim.path,
    )
    return StoredResponse(told.status_code, {"content-type": MEDIA_TYPE}, bytes(told.body))


def created_id(request: Request, kind: str, principal: str) -> str | None:
    """An id that follows from the ``Idempotency-Key``, for what a request creates; ``None`` without the header.

    Should the process be killed between the effect and the kept answer, the same request makes the same id again, and
    finds what is there already.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return None
    return f"{kind}-{hashlib.sha256(f'{principal} {key}'.encode()).hexdigest()[:16]}"


def _usable(key: str | None) -> bool:
    return key is not None and 0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable() and " " not in key
