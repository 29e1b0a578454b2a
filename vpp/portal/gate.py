"""Who may open which page: people who are not logged in are led to the login, others see a page that says why not."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import Depends, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from vpp.api.door import door_of_request
from vpp.api.identity import page_session
from vpp.api.problems import ProblemError, status_of
from vpp.domain.access import Role
from vpp.domain.errors import VppError
from vpp.portal.rendering import render
from vpp.services.accounts import Session

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageError(Exception):
    """Raised by pages to answer with a page that says what is wrong."""

    def __init__(self, status: int, detail: str = "") -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


class NotLoggedInError(PageError):
    """Nobody is logged in."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNAUTHORIZED)


class PageRoute(APIRoute):
    """A route that answers people: its errors are pages, not problem documents."""

    def get_route_handler(self) -> Handler:
        """The route's own handler with errors shown as pages."""
        handler = super().get_route_handler()

        async def shown(request: Request) -> Response:
            try:
                return await handler(request)
            except NotLoggedInError:
                return RedirectResponse(login_address(request), HTTPStatus.SEE_OTHER)
            except (PageError, ProblemError) as error:
                return await error_page(request, error.status, error.detail)
            except HTTPException as error:
                return await error_page(request, error.status_code, str(error.detail))
            except RequestValidationError:
                return await error_page(request, HTTPStatus.UNPROCESSABLE_ENTITY, "")
            except VppError as error:
                return await _own_error_page(request, error)

        return shown


async def _own_error_page(request: Request, error: VppError) -> Response:
    status = status_of(error)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return await error_page(request, status, str(error))
    # What a driver says of a database may name hosts and files: that is for the log. Nor can it say who is logged in.
    door_of_request(request).metrics.note("page failed", path=request.url.path, error=str(error))
    return render(request, "error.html.j2", None, status=status, code=status, detail="")


async def error_page(request: Request, status: int, detail: str) -> Response:
    """A page that says what is wrong."""
    session = await page_session(request)
    return render(request, "error.html.j2", session, status=status, code=int(status), detail=detail)


def login_address(request: Request) -> str:
    """The login page, which leads back to the page that was asked for."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(wanted, safe='')}"


def home_of(role: Role) -> str:
    """The first page of a role."""
    return "/me" if role is Role.PARTICIPANT else "/operator"


async def _logged_in(request: Request) -> Session:
    session = await page_session(request)
    if session is None:
        raise NotLoggedInError
    return session


AnybodyDep = Annotated[Session, Depends(_logged_in)]


async def _operator(session: AnybodyDep) -> Session:
    if session.principal.role is Role.PARTICIPANT:
        raise PageError(HTTPStatus.FORBIDDEN)
    return session


async def _participant(session: AnybodyDep) -> Session:
    if session.principal.role is not Role.PARTICIPANT:
        raise PageError(HTTPStatus.FORBIDDEN)
    return session


OperatorPageDep = Annotated[Session, Depends(_operator)]
ParticipantPageDep = Annotated[Session, Depends(_participant)]
