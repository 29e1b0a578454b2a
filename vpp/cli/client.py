"""Commands' way to a running controller: its address and key, and answers or one line of refusal."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NoReturn
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    import httpx

BAD_INPUT = 2
REFUSED = 1
TIMEOUT_S = 30.0
URL_VARIABLE, KEY_VARIABLE = "VPP_URL", "VPP_API_KEY"

UrlOption = Annotated[
    str | None, typer.Option("--url", envvar=URL_VARIABLE, help="A running controller, such as http://127.0.0.1:8000.")
]
KeyOption = Annotated[str | None, typer.Option("--api-key", envvar=KEY_VARIABLE, help="Its API key.", show_envvar=True)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Controller:
    """A running controller as commands see it."""

    url: str
    http: "httpx.Client"

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401 - JSON is whatever it is
        """The answer's JSON; a refusal ends the command."""
        given = {key: value for key, value in query.items() if value is not None}
        return self._answer("GET", path, params=given)

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str | None = None) -> Any:  # noqa: ANN401
        """The answer's JSON; a refusal ends the command. ``key`` is the idempotency key, where there is one."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self._answer("POST", path, json=body, headers=headers)

    def pages(self, path: str, **query: Any) -> Iterator[Any]:  # noqa: ANN401 - as get
        """Every line of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.get(path, cursor=cursor, limit=200, **query)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    @contextmanager
    def following(self, path: str, seen: str | None) -> Iterator["httpx.Response"]:
        """A stream of server-sent events, from behind message ``seen`` on."""
        import httpx

        headers = {"Accept": "text/event-stream"} | ({} if seen is None else {"Last-Event-ID": seen})
        with self.http.stream("GET", f"/api/v1{path}", headers=headers, timeout=httpx.Timeout(60.0)) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                _refused(response)
            yield response

    def _answer(self, method: str, path: str, **sent: Any) -> Any:  # noqa: ANN401 - as get
        import httpx

        try:
            response = self.http.request(method, f"/api/v1{path}", **sent)
        except httpx.HTTPError as error:
            say_no(f"{self.url} cannot be reached: {error}", BAD_INPUT, error)
        if response.status_code >= httpx.codes.BAD_REQUEST:
            _refused(response)
        try:
            return response.json()
        except ValueError as error:
            say_no(f"{self.url}: the answer is not JSON; is this a controller?", BAD_INPUT, error)


@contextmanager
def connected(url: str | None, api_key: str | None, *, or_store: bool = False) -> Iterator[Controller]:
    """The controller at ``url``; a missing or unusable address ends the command with exit code 2."""
    import httpx

    if not url:
        instead = ", or a store with --store or --config" if or_store else ""
        say_no(f"give a running controller with --url (or {URL_VARIABLE}){instead}", BAD_INPUT)
    headers = {"X-API-Key": api_key} if api_key else {}
    try:
        http = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)
    except (httpx.InvalidURL, ValueError) as error:
        say_no(f"--url {url!r} is not an address: {error}", BAD_INPUT, error)
    with http:
        yield Controller(url, http)


def quoted(thing_id: str) -> str:
    """An id as one segment of a path."""
    return quote(thing_id, safe="")


def say_no(message: str, code: int, cause: Exception | None = None) -> NoReturn:
    """One line of refusal, and the exit code."""
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(code) from cause


def print_json(found: object) -> None:
    """``found`` as one line of JSON."""
    typer.echo(json.dumps(found, ensure_ascii=False, sort_keys=True))


def _refused(response: "httpx.Response") -> NoReturn:
    """A problem document as one line; what the caller got wrong is exit code 2, what cannot be now is 1."""
    import httpx

    try:
        problem = response.json()
        detail = problem["detail"]
    except (ValueError, KeyError, TypeError):
        detail = response.text[:200] or response.reason_phrase
    if response.status_code == httpx.codes.UNAUTHORIZED and KEY_VARIABLE not in os.environ:
        detail = f"{detail} (--api-key, or {KEY_VARIABLE})"
    say_no(detail, REFUSED if response.status_code in {409, 429, 503} else BAD_INPUT)
