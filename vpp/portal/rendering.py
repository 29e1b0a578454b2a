"""From a template and its figures to a response: language, escaping, nonce, and what every page carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from vpp.api.door import door_of_request
from vpp.domain.access import Role
from vpp.domain.outcome import MATERIAL_KW
from vpp.portal.assets import asset_url
from vpp.portal.formats import FILTERS, window
from vpp.portal.language import COOKIE, PARAMETER, REMEMBERED_S, Language, choose_language
from vpp.portal.sentences import say
from vpp.portal.texts import CATALOGUE, script_texts, text, word
from vpp.reporting.embedding import script_json
from vpp.reporting.figures import DASH
from vpp.services.accounts import Session

STREAM_PATH = "/stream"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the navigation; ``key`` is its text's."""

    key: str
    path: str


OPERATOR_LINKS = (
    Link("nav.overview", "/operator"),
    Link("nav.declare", "/operator/events/new"),
    Link("nav.capability", "/operator/capability"),
    Link("nav.resources", "/operator/resources"),
    Link("nav.participants", "/operator/participants"),
    Link("nav.gateways", "/operator/gateways"),
)
PARTICIPANT_LINKS = (Link("nav.me", "/me"), Link("nav.statements", "/me/statements"), Link("nav.data", "/me/data"))


@dataclass(frozen=True, slots=True)
class Page:
    """What every template knows of its request.

    Attributes:
        session: Of whoever is logged in; ``None`` on the login page.
        now: By the controller's clock.
        speed: Scaled seconds per second of that clock.
    """

    language: Language
    path: str
    query: tuple[tuple[str, str], ...]
    nonce: str
    session: Session | None
    now: datetime
    speed: float
    demo: bool
    version: str

    @property
    def links(self) -> Sequence[Link]:
        """The navigation of the role that is logged in."""
        if self.session is None:
            return ()
        return PARTICIPANT_LINKS if self.session.principal.role is Role.PARTICIPANT else OPERATOR_LINKS

    @property
    def home(self) -> str:
        """Where the product's name leads."""
        return self.links[0].path if self.links else "/login"

    def current(self, link: Link) -> bool:
        """Whether ``link`` is the page, or the section that it belongs to: the longest that fits."""
        fitting = [each.path for each in self.links if self.path == each.path or self.path.startswith(f"{each.path}/")]
        return bool(fitting) and link.path == max(fitting, key=len)

    def in_language(self, language: Language) -> str:
        """The address of the same page in ``language``."""
        return self.address(**{PARAMETER: language.value})

    def address(self, **changes: str) -> str:
        """The address of the same page with parameters changed; an empty one is dropped."""
        kept = {name: value for name, value in self.query if name != PARAMETER} | changes
        parameters = urlencode({name: value for name, value in kept.items() if value != ""})
        return f"{self.path}?{parameters}" if parameters else self.path


def page_of(request: Request, session: Session | None) -> Page:
    """What the request tells of its page."""
    door = door_of_request(request)
    accept = request.headers.get("Accept-Language", "")
    return Page(
        language=choose_language(request.query_params, request.cookies, accept),
        path=request.url.path,
        query=tuple(request.query_params.items()),
        nonce=request.state.csp_nonce,
        session=session,
        now=door.clock.now(),
        speed=door.facts.speed,
        demo=door.facts.demo,
        version=door.facts.version,
    )


def render(
    request: Request,
    template: str,
    session: Session | None,
    *,
    status: int = 200,
    **figures: Any,  # noqa: ANN401 - whatever the template shows
) -> HTMLResponse:
    """The page as a response; a language that was asked for in the address is remembered."""
    page = page_of(request, session)
    response = HTMLResponse(render_text(page, template, **figures), status)
    response.headers["Content-Language"] = page.language.tag
    response.headers["Vary"] = "Accept-Language, Cookie"
    if request.query_params.get(PARAMETER) == page.language.value:
        secure = door_of_request(request).facts.secure
        response.set_cookie(
            COOKIE, page.language.value, max_age=REMEMBERED_S, path="/", samesite="lax", secure=secure, httponly=True
        )
    return response


def render_text(page: Page, template: str, **figures: Any) -> str:  # noqa: ANN401 - as ``render``
    """The page as text."""
    language = page.language
    return (
        _environment()
        .get_template(template)
        .render(
            page=page,
            t=partial(_text, language),
            gap=" " if language is Language.ENGLISH else "",
            word=partial(word, language),
            named=partial(_named, language),
            say=partial(say, language),
            script_texts=script_json(script_texts(language)),
            **figures,
        )
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("vpp.portal"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.globals |= {
        "asset": asset_url,
        "as_json": script_json,
        "dash": DASH,
        "english": Language.ENGLISH,
        "fresh_key": lambda: uuid4().hex,
        "known": CATALOGUE.__contains__,
        "material_kw": MATERIAL_KW,
        "stream_path": STREAM_PATH,
        "window": window,
    }
    return environment


def _text(language: Language, key: str, **values: object) -> str:
    """The sentence under ``key``; marked-up values stay so, and everything else is escaped then."""
    if not any(isinstance(value, Markup) for value in values.values()):
        return text(language, key, **values)
    safe = {name: escape(value) if isinstance(value, str) else value for name, value in values.items()}
    return Markup(text(language, key, **safe))  # noqa: S704 - the catalogue's own words around escaped values


def _named(language: Language, thing: Any) -> str:  # noqa: ANN401 - participants and programmes have both names
    """A registered name in the page's language, the other where there is none."""
    first, second = (thing.name_zh, thing.name) if language is Language.CHINESE else (thing.name, thing.name_zh)
    return str(first or second)
