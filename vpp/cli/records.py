"""Commands that read a store: reports, statements, events (also of a running controller), the ledger's soundness."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpp.cli.client import JsonOption, KeyOption, UrlOption
from vpp.cli.live import approve_event, cancel_event, create_event, list_live, show_live, watch_event
from vpp.cli.records_opened import ConfigOption, StoreOption, read_records, refuse
from vpp.domain.timegrid import DISTRICT_ZONE, format_instant

if TYPE_CHECKING:
    from vpp.bootstrap.records import Records

EventArgument = Annotated[str, typer.Argument(help="Event id, such as event-1.")]

event_app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="Events of a running controller, or in a store."
)
event_app.command("create")(create_event)
event_app.command("approve")(approve_event)
event_app.command("cancel")(cancel_event)
event_app.command("watch")(watch_event)
audit_app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Soundness of a store.")


def report_command(
    event: EventArgument,
    store: StoreOption = None,
    config: ConfigOption = None,
    html: Annotated[Path | None, typer.Option(help="Write the page here as well.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Rebuild an event's report from its store, raw readings included."""
    report = read_records(store, config, lambda records: records.views.report(event))
    if html is not None:
        from vpp.reporting.html import render_html

        whole = report | {"scenario": None, "seed": None, "log_hash": None, "truth": None}
        _write(html, render_html(whole).encode())
    if as_json:
        from vpp.reporting.results import plain

        typer.echo(json.dumps(plain(report), ensure_ascii=False, sort_keys=True))
        return
    from vpp.cli.report_table import print_report

    print_report(report)


def settle_command(
    event: EventArgument,
    store: StoreOption = None,
    config: ConfigOption = None,
    out: Annotated[Path | None, typer.Option(help="Write the statements here, one JSON document per line.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Draw up an event's statements again from raw readings; the same readings always give the same bytes."""
    from vpp.domain.settlement import statement_bytes
    from vpp.services.settling import statements_digest

    async def settle(records: "Records") -> tuple[bytes, dict[str, Any]]:
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

    content, summary = read_records(store, config, settle)
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
    store: StoreOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """All events of a store (--store or --config, which win over --url), or of a running controller."""
    if store is None and config is None:
        list_live(url, api_key, as_json=as_json)
        return

    async def events(records: "Records") -> list[dict[str, str]]:
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

    found = read_records(store, config, events)
    if as_json:
        typer.echo(json.dumps(found, sort_keys=True))
        return
    for entry in found:
        typer.echo("  ".join(entry.values()))


@event_app.command("show")
def show_event(
    event: EventArgument,
    store: StoreOption = None,
    config: ConfigOption = None,
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """The course of one event, from a store (with revisions and commands) or from a running controller."""
    if store is None and config is None:
        show_live(event, url, api_key, as_json=as_json)
        return

    async def course(records: "Records") -> dict[str, Any]:
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

    found = read_records(store, config, course)
    if as_json:
        typer.echo(json.dumps(found, sort_keys=True))
        return
    for state in found["states"]:
        typer.echo(f"{state['at']}  {state['state']}")
    for plan in found["revisions"]:
        typer.echo(f"{plan['at']}  revision {plan['revision']}: {plan['reason']} ({plan['outcome']})")
    typer.echo(f"{found['commands']} commands; times are UTC, the district's zone is {DISTRICT_ZONE.key}")


@audit_app.command("verify")
def verify_ledger(store: StoreOption = None, config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Recompute the chain of digests over all facts; exit 1 where it breaks."""

    async def verify(records: "Records") -> dict[str, Any]:
        broken = records.ledger.verify()
        return {
            "sound": broken is None,
            "broken_at": None if broken is None else broken.position,
            "reason": None if broken is None else broken.reason,
            "log_hash": await records.ledger.log_hash(),
        }

    found = read_records(store, config, verify, replay=False)
    typer.echo(json.dumps(found, sort_keys=True) if as_json else f"sound: {found['sound']}, log {found['log_hash']}")
    if not found["sound"]:
        if not as_json:
            typer.echo(f"the chain breaks at fact {found['broken_at']}: {found['reason']}")
        raise typer.Exit(1)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        refuse(f"{path}: cannot be written ({error.strerror})", error)
