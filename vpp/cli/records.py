"""Commands that read a store: reports, statements, events (also of a running controller), the ledger's soundness."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from vpp.bootstrap import Records
from vpp.cli.client import KeyOption, UrlOption
from vpp.cli.live import approve_event, cancel_event, create_event, list_live, show_live, watch_event
from vpp.domain.errors import StoreError, VppError
from vpp.domain.settlement import statement_bytes
from vpp.domain.timegrid import DISTRICT_ZONE, format_instant
from vpp.infra.store.folder import StoreFolder
from vpp.reporting.html import render_html
from vpp.reporting.results import plain
from vpp.services.settling import statements_digest

R = TypeVar("R")
BAD_INPUT = 2
EventArgument = Annotated[str, typer.Argument(help="Event id, such as event-1.")]
StoreOption = Annotated[Path, typer.Option(help="Store folder of a run, such as out/store.")]
MaybeStoreOption = Annotated[Path | None, typer.Option("--store", help="Store folder of a run; wins over --url.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

event_app = typer.Typer(no_args_is_help=True, help="Events of a running controller, or in a store.")
event_app.command("create")(create_event)
event_app.command("approve")(approve_event)
event_app.command("cancel")(cancel_event)
event_app.command("watch")(watch_event)
audit_app = typer.Typer(no_args_is_help=True, help="Soundness of a store.")


def report_command(
    event: EventArgument,
    store: StoreOption,
    html: Annotated[Path | None, typer.Option(help="Write the page here as well.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Rebuild an event's report from its store, raw readings included."""
    report = _read(store, lambda records: records.views.report(event))
    if html is not None:
        whole = report | {"scenario": None, "seed": None, "log_hash": None, "truth": None}
        _write(html, render_html(whole).encode())
    if as_json:
        typer.echo(json.dumps(plain(report), ensure_ascii=False, sort_keys=True))
        return
    typer.echo(report["verdict"]["text_en"])
    typer.echo(report["verdict"]["text_zh"])
    table = Table("interval", "target MW", *(name.removesuffix("_kw") for name in report["waterfall"]))
    for t, start in enumerate(report["interval_starts"]):
        figures = [report["target_kw"][t], *(values[t] for values in report["waterfall"].values())]
        table.add_row(start, *(f"{value / 1000:.2f}" for value in figures))
    Console().print(table)


def settle_command(
    event: EventArgument,
    store: StoreOption,
    out: Annotated[Path | None, typer.Option(help="Write the statements here, one JSON document per line.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Draw up an event's statements again from raw readings; the same readings always give the same bytes."""

    async def settle(records: Records) -> tuple[bytes, dict[str, Any]]:
        statements = await records.settling.statements(event)
        record = records.recorder.book.event(event)
        issued = record.statements[-1].digest if record.statements else None
        digest = statements_digest(statements)
        summary = {
            "event": event,
            "statements": len(statements),
            "total_payment_cny": f"{sum(s.payment_cny for s in statements):.2f}",
            "total_response_kwh": f"{sum(s.net_kwh for s in statements):f}",
            "sha256": digest,
            "equals_issued": None if issued is None else issued == digest,
        }
        return b"".join(statement_bytes(statement) for statement in statements), summary

    content, summary = _read(store, settle)
    if out is not None:
        _write(out, content)
    if as_json:
        typer.echo(json.dumps(summary, sort_keys=True))
    else:
        for key, value in summary.items():
            typer.echo(f"{key}: {value}")
    if summary["equals_issued"] is False:
        raise typer.Exit(1)


@event_app.command("list")
def list_events(
    store: MaybeStoreOption = None, url: UrlOption = None, api_key: KeyOption = None, *, as_json: JsonOption = False
) -> None:
    """All events of a store, or of a running controller."""
    if store is None:
        list_live(url, api_key, as_json=as_json)
        return

    async def events(records: Records) -> list[dict[str, str]]:
        return [
            {
                "id": record.declaration.event_id,
                "state": record.state.value,
                "start": format_instant(record.declaration.start),
                "end": format_instant(record.declaration.end),
                "program": record.declaration.program_id,
            }
            for record in records.recorder.book.events.values()
        ]

    found = _read(store, events)
    if as_json:
        typer.echo(json.dumps(found, sort_keys=True))
        return
    for entry in found:
        typer.echo("  ".join(entry.values()))


@event_app.command("show")
def show_event(
    event: EventArgument,
    store: MaybeStoreOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """The course of one event, from a store (with revisions and commands) or from a running controller."""
    if store is None:
        show_live(event, url, api_key, as_json=as_json)
        return

    async def course(records: Records) -> dict[str, Any]:
        record = records.recorder.book.event(event)
        return {
            "id": event,
            "states": [{"state": state.value, "at": format_instant(at)} for state, at in record.states],
            "revisions": [
                {
                    "revision": plan.revision,
                    "at": format_instant(plan.at),
                    "reason": plan.reason,
                    "outcome": plan.outcome,
                }
                for plan in record.plans
            ],
            "commands": sum(len(history) for history in record.commands.values()),
        }

    found = _read(store, course)
    if as_json:
        typer.echo(json.dumps(found, sort_keys=True))
        return
    for state in found["states"]:
        typer.echo(f"{state['at']}  {state['state']}")
    for plan in found["revisions"]:
        typer.echo(f"{plan['at']}  revision {plan['revision']}: {plan['reason']} ({plan['outcome']})")
    typer.echo(f"{found['commands']} commands; times are UTC, the district's zone is {DISTRICT_ZONE.key}")


@audit_app.command("verify")
def verify_ledger(store: StoreOption, *, as_json: JsonOption = False) -> None:
    """Recompute the chain of digests over all facts; exit 1 where it breaks."""

    async def verify(records: Records) -> dict[str, Any]:
        broken = records.ledger.verify()
        return {
            "sound": broken is None,
            "broken_at": None if broken is None else broken.position,
            "reason": None if broken is None else broken.reason,
            "log_hash": await records.ledger.log_hash(),
        }

    found = _read(store, verify, replay=False)
    typer.echo(json.dumps(found, sort_keys=True) if as_json else f"sound: {found['sound']}, log {found['log_hash']}")
    if not found["sound"]:
        if not as_json:
            typer.echo(f"the chain breaks at fact {found['broken_at']}: {found['reason']}")
        raise typer.Exit(1)


def _read(store: Path, ask: Callable[[Records], Awaitable[R]], *, replay: bool = True) -> R:
    """What ``ask`` finds in the store; its errors become one line and exit 2."""

    async def run() -> R:
        with Records(StoreFolder(store)) as records:
            if replay:
                await records.recorder.replay()
            return await ask(records)

    try:
        return asyncio.run(run())
    except StoreError as error:
        _refuse(f"{store}: {error}", error)
    except VppError as error:
        _refuse(str(error), error)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        _refuse(f"{path}: cannot be written ({error.strerror})", error)


def _refuse(message: str, cause: Exception) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(BAD_INPUT) from cause
