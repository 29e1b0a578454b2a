"""Errors as problem documents (RFC 9457): one form for every refusal of the API."""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from vpp.domain.errors import (
    BusError,
    ConflictError,
    CredentialsError,
    ForbiddenError,
    IllegalTransitionError,
    InputError,
    StoreError,
    TooManyAttemptsError,
    UnknownThingError,
    VppError,
)

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:vpp:problem:"
SHORTEST_QUOTE = 200
Json = dict[str, Any]


class ProblemResponse(JSONResponse):
    """A problem document."""

    media_type = MEDIA_TYPE


class ProblemError(Exception):
    """Raised by routes and dependencies to answer with a problem document."""

    def __init__(
        self, status: int, detail: str, *, type_suffix: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.detail = detail
        self.type_suffix = type_suffix
        self.headers = dict(headers or {})
        super().__init__(detail)


class FieldFlaw(BaseModel):
    """One flaw of a request."""

    where: str = Field(description="Place of the value: body, query, path or header, then the names down to it.")
    message: str = Field(description="What was expected.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem document."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="Kind of problem, stable over versions.", examples=["urn:vpp:problem:not-found"])
    title: str = Field(description="The same for every problem of a kind.", examples=["Not found"])
    status: int = Field(description="HTTP status.", examples=[404])
    detail: str = Field(description="This very problem: thing, value and limit.", examples=["unknown event 'event-9'"])
    instance: str | None = Field(default=None, description="Path of the request.", examples=["/api/v1/events/event-9"])
    errors: list[FieldFlaw] | None = Field(default=None, description="With status 422: every flaw found.")


_KINDS: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "Bad request"),
    401: ("not-authenticated", "Not authenticated"),
    403: ("forbidden", "Forbidden"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    406: ("not-acceptable", "Not acceptable"),
    409: ("conflict", "Conflict"),
    413: ("too-large", "Request too large"),
    415: ("unsupported-media-type", "Unsupported media type"),
    422: ("invalid", "Invalid request"),
    429: ("too-many-attempts", "Too many attempts"),
    500: ("internal", "Internal error"),
    503: ("unavailable", "Unavailable"),
}


_STATUSES: Sequence[tuple[type[VppError], int]] = (
    (UnknownThingError, 404),
    (ConflictError, 409),
    (IllegalTransitionError, 409),
    (InputError, 422),
    (CredentialsError, 401),
    (ForbiddenError, 403),
    (TooManyAttemptsError, 429),
    (StoreError, 503),
    (BusError, 503),
)
"""The first that fits, so derived errors stand before their bases."""


def problem(  # noqa: PLR0913 - the members that RFC 9457 has
    status: int,
    title: str | None = None,
    detail: str = "",
    type_suffix: str | None = None,
    *,
    instance: str | None = None,
    headers: Mapping[str, str] | None = None,
    **extra: Any,  # noqa: ANN401 - members of a kind's own
) -> ProblemResponse:
    """A problem document as a response; title and type follow from the status unless given."""
    suffix, standard = _KINDS.get(status, ("error", HTTPStatus(status).phrase))
    body: Json = {
        "type": TYPE_PREFIX + (type_suffix or suffix),
        "title": title or standard,
        "status": status,
        "detail": detail or standard,
    }
    if instance is not None:
        body["instance"] = instance
    return ProblemResponse(body | extra, status, headers=dict(headers or {}))


def responses(*statuses: int) -> dict[int | str, Json]:
    """For ``responses=`` of a route: these statuses answer with a problem document."""
    return {
        status: {
            "model": ProblemDocument,
            "description": _KINDS[status][1],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
        }
        for status in statuses
    }


def status_of(error: VppError) -> int:
    """HTTP status of one of our own errors."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def add_problem_handlers(app: FastAPI) -> None:
    """Makes every error that leaves a route a problem document."""
    app.add_exception_handler(VppError, _on_own_error)
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_bug)


async def _on_own_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, VppError)  # noqa: S101 - as registered above
    status = status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return _internal(request, error)
    headers: dict[str, str] = {}
    detail = str(error)
    if isinstance(error, TooManyAttemptsError):
        headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        # What a driver says of a database may name hosts and files: that is for the log.
        _note(request, "request failed outside", error)
        detail = "the store is not available" if isinstance(error, StoreError) else "the broker is not available"
        headers["Retry-After"] = "5"
    return problem(status, detail=detail, instance=request.url.path, headers=headers)


async def _on_problem(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, ProblemError)  # noqa: S101 - as registered above
    return problem(
        error.status,
        detail=error.detail,
        type_suffix=error.type_suffix,
        instance=request.url.path,
        headers=error.headers,
    )


async def _on_http_error(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered above
    return problem(error.status_code, detail=str(error.detail), instance=request.url.path, headers=error.headers)


async def _on_invalid(request: Request, error: Exception) -> ProblemResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as registered above
    flaws = [{"where": _where(each["loc"]), "message": str(each["msg"])} for each in error.errors()]
    detail = "; ".join(f"{flaw['where']}: {flaw['message']}" for flaw in flaws[:3])
    return problem(422, detail=detail, instance=request.url.path, errors=flaws)


async def _on_bug(request: Request, error: Exception) -> ProblemResponse:
    return _internal(request, error)


def _internal(request: Request, error: Exception) -> ProblemResponse:
    _note(request, "request failed", error)
    return problem(500, detail="an error of the service itself; its log says more", instance=request.url.path)


def _note(request: Request, message: str, error: Exception) -> None:
    metrics = request.app.state.door.metrics
    metrics.count("requests_failed", kind=type(error).__name__)
    metrics.note(message, method=request.method, path=request.url.path, error=f"{type(error).__name__}: {error}")


def _where(place: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in place)[:SHORTEST_QUOTE]
