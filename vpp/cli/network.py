"""``vpp network``: what has been changed of the network, told to a running controller."""

import uuid
from typing import Annotated, Any

import typer

from vpp.cli.client import JsonOption, KeyOption, UrlOption, connected, print_json

network_app = typer.Typer(no_args_is_help=True, help="The network tree: look at it, say what has been changed.")
NodeArgument = Annotated[str, typer.Argument(help="Node id, such as snow-line-1.")]
ReasonOption = Annotated[str, typer.Option(help="Why, in words.")]
OnceOption = Annotated[str | None, typer.Option("--idempotency-key", help="The same key again records nothing new.")]


@network_app.command("reassign")
def reassign(  # noqa: PLR0917 - Typer turns each into an option
    node: NodeArgument,
    parent: Annotated[str, typer.Argument(help="Node below which it hangs now.")],
    reason: ReasonOption,
    idempotency_key: OnceOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Say that a line was moved below another node; running events are planned anew within a cycle."""
    body = {"node_id": node, "parent_id": parent, "reason": reason}
    with connected(url, api_key) as controller:
        found = controller.post("/network/reassignments", body, key=idempotency_key or uuid.uuid4().hex)
    _print_change(found, as_json=as_json)


@network_app.command("limit")
def limit(  # noqa: PLR0917 - Typer turns each into an option
    node: NodeArgument,
    start: Annotated[str, typer.Option(help="Start with offset, such as 2026-07-22T14:00:00+08:00.")],
    end: Annotated[str, typer.Option(help="End, likewise.")],
    reason: ReasonOption,
    import_mw: Annotated[float | None, typer.Option(help="Import limit; as registered unless given.")] = None,
    export_mw: Annotated[float | None, typer.Option(help="Export limit; as registered unless given.")] = None,
    idempotency_key: OnceOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Give a node other limits for a while, such as during an outage."""
    limits = {"import_limit_kw": import_mw, "export_limit_kw": export_mw}
    body: dict[str, Any] = {"node_id": node, "start": start, "end": end, "reason": reason}
    body |= {name: 1000.0 * mw for name, mw in limits.items() if mw is not None}
    with connected(url, api_key) as controller:
        found = controller.post("/network/limits", body, key=idempotency_key or uuid.uuid4().hex)
    _print_change(found, as_json=as_json)


@network_app.command("show")
def show(url: UrlOption = None, api_key: KeyOption = None, *, as_json: JsonOption = False) -> None:
    """The tree with its limits as it stands, and what has been changed of it."""
    with connected(url, api_key) as controller:
        found = controller.get("/network")
    if as_json:
        print_json(found)
        return
    below: dict[str | None, list[dict[str, Any]]] = {}
    for node in found["nodes"]:
        below.setdefault(node["parent_id"], []).append(node)
    waiting = [(node, 0) for node in reversed(below.get(None, []))]
    while waiting:
        node, level = waiting.pop()
        limits = f"import {node['import_limit_kw'] / 1000:g} MW, export {node['export_limit_kw'] / 1000:g} MW"
        moved = "" if node["parent_id"] == node["registered_parent_id"] else " (moved)"
        typer.echo(f"{'  ' * level}{node['id']}  {limits}{moved}")
        waiting += [(child, level + 1) for child in reversed(below.get(node["id"], []))]
    for change in found["changes"]:
        typer.echo(_in_words(change))


def _print_change(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        typer.echo(_in_words(found))


def _in_words(change: dict[str, Any]) -> str:
    head = f"{change['at']}  {change['id']} by {change['by']}: "
    if change["kind"] == "reassignment":
        return f"{head}{change['node_id']} from {change['from_parent_id']} to {change['parent_id']}: {change['reason']}"
    names = (("import", change["import_limit_kw"]), ("export", change["export_limit_kw"]))
    limits = ", ".join(f"{name} {'as registered' if kw is None else f'{kw / 1000:g} MW'}" for name, kw in names)
    return f"{head}{change['node_id']} {change['start']} to {change['end']}: {limits}: {change['reason']}"
