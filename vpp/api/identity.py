"""Who is asking: a session cookie (people) or an API key (machines), and what roles may ask for.

Cookies travel by themselves, so whoever comes with one must prove on every unsafe request that the page it comes from
is ours: the CSRF token of the session in a header, and, where the browser names one, an origin that is ours. An API
key is never sent by itself and needs neither.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import APIKeyCookie, APIKeyHeader, HTTPBearer

from vpp.api.door import DoorDep, door_of_request
from vpp.api.problems import ProblemError
from vpp.domain.access import Principal, Role
from vpp.services.accounts import Session

SESSION_COOKIE = "vpp_session"
API_KEY_HEADER = "X-API-Key"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_SECRET = 256

# These declare the ways in, for the OpenAPI document; ``identify`` reads the request itself.
_cookie = APIKeyCookie(name=SESSION_COOKIE, auto_error=False, description="People: from POST /api/v1/session.")
_key = APIKeyHeader(name=API_KEY_HEADER, auto_error=False, description="Machines: from POST /api/v1/api-keys.")
_bearer = HTTPBearer(auto_error=False, description="Machines: the same API key as a bearer token.")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking; ``session`` is ``None`` for an API key."""

    principal: Principal
    session: Session | None


async def identify(request: Request) -> Identity | None:
    """Whoever the request's credentials belong to, ``None`` without any; looked up once per request.

    Raises:
        ProblemError: 401 for a key that is not valid, 403 for an unsafe request that may come from another page.
    """
    if not hasattr(request.state, "identity"):
        request.state.identity = await _identify(request)
    found: Identity | None = request.state.identity
    return found


async def _identify(request: Request) -> Identity | None:
    key = _api_key(request)
    if key is not None:
        principal = await door_of_request(request).accounts.by_api_key(key) if len(key) <= LONGEST_SECRET else None
        if principal is None:
            raise ProblemError(401, "the API key is not valid", headers={"WWW-Authenticate": "Bearer"})
        return Identity(principal, None)
    session = await page_session(request)
    if session is None:
        return None
    if request.method not in SAFE_METHODS:
        require_own_page(request, session)
    return Identity(session.principal, session)


async def page_session(request: Request) -> Session | None:
    """The live session of the request's cookie; pages use it to choose between themselves and the login."""
    token = request.cookies.get(SESSION_COOKIE)
    if not token or len(token) > LONGEST_SECRET:
        return None
    return await door_of_request(request).accounts.by_session(token)


async def still_valid(request: Request, identity: Identity) -> bool:
    """Whether the request's session or API key is good for the same principal now, long after it was answered first.

    Looking is no use of the session: an open page that nobody looks at runs out like any other.
    """
    accounts = door_of_request(request).accounts
    if identity.session is not None:
        session = await accounts.by_session(identity.session.token, use=False)
        return session is not None and session.principal == identity.principal
    key = _api_key(request)
    return key is not None and await accounts.by_api_key(key) == identity.principal


def require_own_page(request: Request, session: Session) -> None:
    """Nothing, or ``ProblemError`` 403 when the request may have been sent by another site's page."""
    require_own_origin(request)
    sent = request.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(sent.encode(), session.csrf_token.encode()):
        raise ProblemError(
            403,
            f"a request with a session cookie needs the header {CSRF_HEADER} with the session's csrf_token",
            type_suffix="csrf",
        )


def require_own_origin(request: Request) -> None:
    """Nothing, or ``ProblemError`` 403 when the browser says that the request comes from another site's page."""
    origin = request.headers.get("Origin")
    if origin is None:
        return
    own = {door_of_request(request).facts.public_url.rstrip("/"), f"{request.url.scheme}://{request.url.netloc}"}
    if origin not in own and urlsplit(origin).netloc != request.headers.get("Host"):
        raise ProblemError(403, f"requests from pages of {origin[:100]!r} are not taken", type_suffix="origin")


def set_session_cookie(response: Response, session: Session, *, secure: bool) -> None:
    """Hands the session to the browser: out of scripts' reach, and not sent along by other sites' forms."""
    response.set_cookie(SESSION_COOKIE, session.token, httponly=True, samesite="lax", secure=secure, path="/")


def clear_session_cookie(response: Response, *, secure: bool) -> None:
    """Takes it back."""
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="lax", secure=secure, path="/")


async def current_identity(
    request: Request,
    _by_cookie: Annotated[str | None, Depends(_cookie)] = None,
    _by_key: Annotated[str | None, Depends(_key)] = None,
    _by_bearer: Annotated[object, Depends(_bearer)] = None,
) -> Identity:
    """Dependency: whoever is asking, or 401."""
    identity = await identify(request)
    if identity is None:
        raise ProblemError(401, "log in, or send an API key", headers={"WWW-Authenticate": 'Bearer realm="vpp"'})
    return identity


IdentityDep = Annotated[Identity, Depends(current_identity)]


async def caller(identity: IdentityDep) -> Principal:
    """Dependency: the principal that is asking, or 401."""
    return identity.principal


CallerDep = Annotated[Principal, Depends(caller)]


def require(*roles: Role) -> Callable[[Principal], Principal]:
    """A dependency that gives the caller when it has one of ``roles``, and answers 403 otherwise."""
    named = " or ".join(role.value for role in roles)

    def of_role(principal: CallerDep) -> Principal:
        if principal.role not in roles:
            raise ProblemError(403, f"{principal.name!r} has role {principal.role.value!r}, this needs {named}")
        return principal

    return of_role


def require_person(identity: Identity, deed: str) -> None:
    """Nothing, or ``ProblemError`` 403 when an API key asks for what only people may do."""
    if identity.session is None:
        raise ProblemError(403, f"an API key cannot {deed}; log in")


OperatorDep = Annotated[Principal, Depends(require(Role.OPERATOR, Role.ADMIN))]
AdminDep = Annotated[Principal, Depends(require(Role.ADMIN))]
ParticipantDep = Annotated[Principal, Depends(require(Role.PARTICIPANT))]


def client_address(request: Request) -> str:
    """Where the request comes from, as far as the server can tell."""
    return request.client.host if request.client is not None else ""


def _api_key(request: Request) -> str | None:
    key = request.headers.get(API_KEY_HEADER)
    if key is not None:
        return key
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


__all__ = [
    "API_KEY_HEADER",
    "CSRF_HEADER",
    "SESSION_COOKIE",
    "AdminDep",
    "CallerDep",
    "DoorDep",
    "Identity",
    "IdentityDep",
    "OperatorDep",
    "ParticipantDep",
    "identify",
    "page_session",
    "require",
    "still_valid",
]
