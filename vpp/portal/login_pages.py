"""Logging in and out by plain forms, which work without any script."""

import hmac
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from vpp.api.door import DoorDep
from vpp.api.identity import (
    clear_session_cookie,
    client_address,
    page_session,
    require_own_origin,
    set_session_cookie,
)
from vpp.domain.errors import CredentialsError, TooManyAttemptsError
from vpp.portal.gate import PageError, PageRoute, home_of
from vpp.portal.rendering import render

LONGEST_NAME = 64
LONGEST_PASSWORD = 256
LONGEST_ADDRESS = 2000

login_router = APIRouter(include_in_schema=False, route_class=PageRoute)
NameField = Annotated[str, Form(max_length=LONGEST_NAME)]
PasswordField = Annotated[str, Form(max_length=LONGEST_PASSWORD)]
NextField = Annotated[str, Form(alias="next", max_length=LONGEST_ADDRESS)]


@login_router.get("/")
async def front(request: Request) -> Response:
    """The first page of whoever is logged in."""
    session = await page_session(request)
    address = "/login" if session is None else home_of(session.principal.role)
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


@login_router.get("/login")
async def login_form(request: Request) -> Response:
    """The form; whoever is logged in already goes on."""
    session = await page_session(request)
    wanted = own_address(request.query_params.get("next", ""))
    if session is not None:
        return RedirectResponse(wanted or home_of(session.principal.role), HTTPStatus.SEE_OTHER)
    return render(request, "login.html.j2", None, wanted=wanted, name="", refusal="", wait_s=0)


@login_router.post("/login")
async def log_in(
    request: Request, door: DoorDep, name: NameField = "", password: PasswordField = "", wanted: NextField = ""
) -> Response:
    """Logs in and goes on; what was wrong is not said."""
    require_own_origin(request)
    wanted = own_address(wanted)
    try:
        session = await door.accounts.login(name, password, address=client_address(request))
    except CredentialsError:
        return render(
            request, "login.html.j2", None, status=401, wanted=wanted, name=name, refusal="login.wrong", wait_s=0
        )
    except TooManyAttemptsError as error:
        wait_s = int(error.retry_after_s) + 1
        page = render(
            request, "login.html.j2", None, status=429, wanted=wanted, name=name, refusal="login.wait", wait_s=wait_s
        )
        page.headers["Retry-After"] = str(wait_s)
        return page
    if (earlier := await page_session(request)) is not None:
        await door.accounts.logout(earlier.token)
    response = RedirectResponse(wanted or home_of(session.principal.role), HTTPStatus.SEE_OTHER)
    set_session_cookie(response, session, secure=door.facts.secure)
    return response


@login_router.post("/logout")
async def log_out(request: Request, door: DoorDep, csrf: Annotated[str, Form(max_length=256)] = "") -> Response:
    """Ends the session."""
    require_own_origin(request)
    session = await page_session(request)
    if session is not None:
        if not hmac.compare_digest(csrf.encode(), session.csrf_token.encode()):
            raise PageError(HTTPStatus.FORBIDDEN)
        await door.accounts.logout(session.token)
    response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
    clear_session_cookie(response, secure=door.facts.secure)
    return response


def own_address(wanted: str) -> str:
    """``wanted`` when it is a path of ours, else nothing: a login never leads to another site."""
    plain = wanted.isprintable() and "\\" not in wanted
    return wanted if plain and wanted.startswith("/") and not wanted.startswith("//") else ""
