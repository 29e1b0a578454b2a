"""The web application: middleware, problem documents, health, sessions, then the routes it is given."""

import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vpp.api.access_routes import access_router
from vpp.api.door import Door
from vpp.api.health import health_router
from vpp.api.problems import MEDIA_TYPE, add_problem_handlers, problem, responses
from vpp.api.session_routes import session_router

LARGEST_BODY_BYTES = 1024 * 1024
API_PREFIX = "/api/v1"
DESCRIPTION = """\
The controller of one district's virtual power plant. Times are RFC 3339 with an offset, powers kW, energies kWh, money
decimal strings in CNY. Errors are problem documents (RFC 9457). People log in at `POST /api/v1/session`; machines send
an API key. POST requests that create something honour `Idempotency-Key`.
"""


def create_app(
    door: Door, routers: Sequence[APIRouter] = (), *, mounts: Mapping[str, ASGIApp] | None = None
) -> FastAPI:
    """The application.

    Args:
        door: What routes and pages may use; ``request.app.state.door``.
        routers: Routes with their whole paths, in order of precedence.
        mounts: Further applications by path, such as static files.
    """
    app = Application(
        title="Beichen VPP",
        version=door.facts.version or "0",
        description=DESCRIPTION,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.door = door
    add_problem_handlers(app)
    app.include_router(health_router)
    app.include_router(session_router)
    app.include_router(access_router)
    for router in routers:
        app.include_router(router)
    for path, mounted in (mounts or {}).items():
        app.mount(path, mounted)
    app.add_middleware(BodyLimit, most_bytes=LARGEST_BODY_BYTES)
    app.add_middleware(SecurityHeaders, secure=door.facts.secure)
    return app


class Application(FastAPI):
    """FastAPI, with problems documented as what they are."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document; a problem has the media type of problems and no other.

        Requests with a body may also meet what is refused before any route sees it.
        """
        document = super().openapi()
        for operations in document["paths"].values():
            for operation in operations.values():
                if "requestBody" in operation:
                    for status, refusal in responses(400, 413).items():
                        described = {key: value for key, value in refusal.items() if key != "model"}
                        operation["responses"].setdefault(str(status), described)
                for response in operation.get("responses", {}).values():
                    content = response.get("content", {})
                    if MEDIA_TYPE in content:
                        response["content"] = {MEDIA_TYPE: content[MEDIA_TYPE]}
        return document


def content_security_policy(nonce: str) -> str:
    """What a page may load: our own files, and inline scripts and styles that carry the response's nonce."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


class SecurityHeaders:
    """Puts a nonce into ``request.state.csp_nonce`` and security headers on every response that lacks them."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["csp_nonce"] = nonce

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), nonce, scope["path"])
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, nonce: str, path: str) -> None:
        headers.setdefault("Content-Security-Policy", content_security_policy(nonce))
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Referrer-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
        if self._secure:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if not path.startswith("/static"):
            headers.setdefault("Cache-Control", "no-store")


class BodyLimit:
    """Refuses request bodies that are larger than anything the API takes."""

    def __init__(self, app: ASGIApp, *, most_bytes: int) -> None:
        self._app = app
        self._most = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection; the body is read here, before any route, and handed on whole."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._most:
                refusal = problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    detail=f"the request's body is larger than {self._most} bytes",
                    instance=scope["path"],
                    headers={"Connection": "close"},
                )
                await refusal(scope, receive, send)
                return
        handed = False

        async def whole() -> Message:
            nonlocal handed
            if handed:
                return await receive()
            handed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, whole, send)
