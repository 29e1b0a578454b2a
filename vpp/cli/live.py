"""Commands to a running controller: declare, approve, cancel, list, show and watch events; ask what is reachable."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpp.cli.client import (
    BAD_INPUT,
    Controller,
    JsonOption,
    KeyOption,
    UrlOption,
    connected,
    print_json,
    quoted,
    say_no,
)

if TYPE_CHECKING:
    import httpx

EventArgument = Annotated[str, typer.Argument(help="Event id, such as event-1.")]
FINAL = frozenset({"settled", "certified", "cancelled"})
FIGURES = ("target_kw", "committed_kw", "commanded_kw", "acknowledged_kw", "metered_kw", "verified_kw")
TRIES_MOST = 10
TRY_AGAIN_S = 3.0


def create_event(  # noqa: PLR0917 - Typer turns each into an option
    start: Annotated[str, typer.Option(help="Start with offset, such as 2026-07-22T14:00:00+08:00.")],
    end: Annotated[str, typer.Option(help="End, likewise.")],
    program: Annotated[str, typer.Option(help="Programme, such as beichen-demo.")],
    target_percent: Annotated[float | None, typer.Option(help="Percent of the reference peak.")] = None,
    target_mw: Annotated[float | None, typer.Option(help="The same as MW.")] = None,
    node: Annotated[str | None, typer.Option(help="Only resources below this node.")] = None,
    kind: Annotated[str, typer.Option(help="economic, emergency or drill.")] = "economic",
    direction: Annotated[str, typer.Option(help="curtail (less load) or fill (more).")] = "curtail",
    event_id: Annotated[str | None, typer.Option("--id", help="Event id; made up unless given.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key again declares nothing new.")] = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    approve: Annotated[bool, typer.Option("--approve", help="Approve it at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Declare an event on a running controller."""
    body = {
        "id": event_id,
        "program_id": program,
        "kind": kind,
        "direction": direction,
        "start": start,
        "end": end,
        "target_percent": target_percent,
        "target_mw": target_mw,
        "scope_node_id": node,
    }
    given = {name: value for name, value in body.items() if value is not None}
    with connected(url, api_key) as controller:
        found = controller.post("/events", given, key=idempotency_key or uuid.uuid4().hex)
        if approve:
            found = controller.post(f"/events/{quoted(found['id'])}/approve")
    _print_event(found, as_json=as_json)


def approve_event(
    event: EventArgument, url: UrlOption = None, api_key: KeyOption = None, *, as_json: JsonOption = False
) -> None:
    """Approve a draft on a running controller."""
    with connected(url, api_key) as controller:
        _print_event(controller.post(f"/events/{quoted(event)}/approve"), as_json=as_json)


def cancel_event(
    event: EventArgument,
    reason: Annotated[str, typer.Option(help="Why, in words.")],
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Cancel an event on a running controller; what was delivered is paid."""
    with connected(url, api_key) as controller:
        _print_event(controller.post(f"/events/{quoted(event)}/cancel", {"reason": reason}), as_json=as_json)


def watch_event(
    event: EventArgument, url: UrlOption = None, api_key: KeyOption = None, *, as_json: JsonOption = False
) -> None:
    """Follow an event live until it has ended; exit 0 settled or certified, 1 cancelled."""
    with connected(url, api_key) as controller:
        state = _watch(controller, event, as_json=as_json)
    if state == "cancelled":
        raise typer.Exit(1)


def list_live(url: str | None, api_key: str | None, *, as_json: bool) -> None:
    """All events that the key may see."""
    with connected(url, api_key, or_store=True) as controller:
        found = list(controller.pages("/events"))
    if as_json:
        print_json(found)
        return
    for entry in found:
        typer.echo("  ".join((entry["id"], entry["state"], entry["start"], entry["end"], entry["program_id"])))


def show_live(event: str, url: str | None, api_key: str | None, *, as_json: bool) -> None:
    """One event's course."""
    with connected(url, api_key, or_store=True) as controller:
        found = controller.get(f"/events/{quoted(event)}")
    _print_event(found, as_json=as_json)


def _print_event(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    target = "" if found["target_kw"] is None else f", {found['target_kw'] / 1000:.2f} MW per interval"
    typer.echo(f"{found['id']}: {found['state']}, {found['start']} to {found['end']}{target}")
    for step in found["states"]:
        by = f" by {step['by']}" if step["by"] else ""
        typer.echo(f"{step['at']}  {step['state']}{by}" + (f": {step['reason']}" if step["reason"] else ""))


@dataclass(frozen=True, slots=True)
class _Message:
    name: str
    data: dict[str, Any]
    id: str | None


def _watch(controller: Controller, event: str, *, as_json: bool) -> str:
    """The state in which the event ended; a stream that breaks off is taken up again where it was."""
    import httpx

    seen: str | None = None
    failures = 0
    while True:
        problem = "the stream ends again and again"
        try:
            with controller.following(f"/events/{quoted(event)}/stream", seen) as response:
                for message in _messages(response):
                    failures, seen = 0, message.id
                    _print_message(message, as_json=as_json)
                    if message.name == "end":
                        return str(message.data["state"])
        except httpx.HTTPError as error:
            problem = str(error)
        failures += 1
        if failures >= TRIES_MOST:
            say_no(f"{controller.url} cannot be reached: {problem}", BAD_INPUT)
        time.sleep(TRY_AGAIN_S)


def _messages(response: "httpx.Response") -> Iterator[_Message]:
    """The stream's messages (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    name, lines, at = "message", list[str](), None
    for line in response.iter_lines():
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if lines:
                yield _Message(name, json.loads("\n".join(lines)), at)
            name, lines = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            lines.append(value)
        elif field == "id":
            at = value


def _print_message(message: _Message, *, as_json: bool) -> None:
    data = message.data
    if as_json:
        print_json({"event": message.name, "data": data})
    elif message.name == "state":
        typer.echo(f"{data['states'][-1]['at']}  {data['state']} (revision {data['revision']})")
    elif message.name == "figures":
        shown = "  ".join(f"{key.removesuffix('_kw')} {_mw(data[key])}" for key in FIGURES)
        typer.echo(f"{data['as_of']}  {shown} MW")


def _mw(power_kw: float | None) -> str:
    return "–" if power_kw is None else f"{power_kw / 1000:.2f}"
