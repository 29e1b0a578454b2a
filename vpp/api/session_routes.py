"""Logging in and out, and who one is."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vpp.api.door import DoorDep
from vpp.api.identity import (
    IdentityDep,
    clear_session_cookie,
    client_address,
    page_session,
    require_own_origin,
    require_own_page,
    set_session_cookie,
)
from vpp.api.problems import ProblemError, responses
from vpp.domain.access import PASSWORD_LONGEST, Role
from vpp.services.accounts import Session

session_router = APIRouter(prefix="/api/v1/session", tags=["session"])
Password = Annotated[SecretStr, Field(min_length=1, max_length=PASSWORD_LONGEST)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LoginAsked(_Asked):
    """Name and password."""

    name: str = Field(min_length=1, max_length=64, examples=["operator"])
    password: Password = Field(examples=["correct horse battery"])


class PasswordAsked(_Asked):
    """A change of one's own password."""

    old_password: Password
    new_password: Password = Field(description="12 to 256 characters, at least 5 different ones, not one's name.")


class SessionAnswer(BaseModel):
    """Who one is."""

    name: str
    role: Role
    participant_id: str | None = Field(description="Whose data and decisions, for participants.")
    csrf_token: str | None = Field(description="For the header X-CSRF-Token; null with an API key, which needs none.")
    expires_at: datetime | None = Field(description="Unless used before; real time, UTC. Null with an API key.")


@session_router.post("", status_code=201, responses=responses(401, 403, 422, 429, 503), summary="Log in")
async def log_in(asked: LoginAsked, request: Request, response: Response, door: DoorDep) -> SessionAnswer:
    """Sets the cookie `vpp_session`; an earlier session of the same browser ends."""
    require_own_origin(request)
    session = await door.accounts.login(asked.name, asked.password.get_secret_value(), address=client_address(request))
    if (earlier := await page_session(request)) is not None:
        await door.accounts.logout(earlier.token)
    set_session_cookie(response, session, secure=door.facts.secure)
    return _answer(session)


@session_router.get("", responses=responses(401, 503), summary="Who am I?")
async def who_am_i(identity: IdentityDep) -> SessionAnswer:
    """The caller, with the CSRF token that pages send along."""
    if identity.session is not None:
        return _answer(identity.session)
    asking = identity.principal
    return SessionAnswer(
        name=asking.name, role=asking.role, participant_id=asking.participant_id, csrf_token=None, expires_at=None
    )


@session_router.delete("", status_code=204, responses=responses(403, 503), summary="Log out")
async def log_out(request: Request, door: DoorDep) -> Response:
    """Ends the session; without one it changes nothing."""
    session = await page_session(request)
    if session is not None:
        require_own_page(request, session)
        await door.accounts.logout(session.token)
    response = Response(status_code=204)
    clear_session_cookie(response, secure=door.facts.secure)
    return response


@session_router.post(
    "/password", status_code=204, responses=responses(401, 403, 422, 429, 503), summary="Change one's password"
)
async def change_password(asked: PasswordAsked, identity: IdentityDep, door: DoorDep) -> Response:
    """One's other sessions end."""
    if identity.session is None:
        raise ProblemError(403, "an API key cannot change a password")
    await door.accounts.change_password(
        identity.session, asked.old_password.get_secret_value(), asked.new_password.get_secret_value()
    )
    return Response(status_code=204)


def _answer(session: Session) -> SessionAnswer:
    asking = session.principal
    return SessionAnswer(
        name=asking.name,
        role=asking.role,
        participant_id=asking.participant_id,
        csrf_token=session.csrf_token,
        expires_at=session.expires_at,
    )
