"""``vpp capability``: what is reachable in one window, or the table of the next day's windows."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from vpp.cli.client import BAD_INPUT, JsonOption, KeyOption, UrlOption, connected, print_json, say_no

WAIT_S = 120.0
"""A table of a large district takes its time when nobody has asked for it of late."""


class NoticeName(StrEnum):
    """Notices of the table, by name."""

    FIVE_MINUTES = "5min"
    HALF_AN_HOUR = "30min"
    FOUR_HOURS = "4h"
    DAY_AHEAD = "day-ahead"


class DirectionName(StrEnum):
    """Less consumption, or more."""

    CURTAIL = "curtail"
    FILL = "fill"


def capability_command(  # noqa: PLR0917 - Typer turns each into an option
    start: Annotated[str | None, typer.Option(help="Start with offset, such as 2026-07-22T14:00:00+08:00.")] = None,
    end: Annotated[str | None, typer.Option(help="End, likewise.")] = None,
    node: Annotated[str | None, typer.Option(help="Only below this node.")] = None,
    notice: Annotated[NoticeName, typer.Option(help="Of --table: how long before its start a call is given.")] = (
        NoticeName.HALF_AN_HOUR
    ),
    direction: Annotated[DirectionName, typer.Option(help="Less consumption, or more.")] = (DirectionName.CURTAIL),
    url: UrlOption = None,
    api_key: KeyOption = None,
    *,
    planned: Annotated[bool, typer.Option("--planned", help="Also make a plan, which keeps every limit.")] = False,
    table: Annotated[bool, typer.Option("--table", help="What can be held from each start of the next day.")] = False,
    as_json: JsonOption = False,
) -> None:
    """What is reachable before anybody commits to it, on a running controller: in a window, or with --table all day."""
    if table:
        with connected(url, api_key) as controller:
            controller.http.timeout = WAIT_S
            found = controller.get("/capability/table", node=node, direction=direction.value)
        if as_json:
            print_json(found)
        else:
            _print_table(found, notice.value)
        return
    if start is None or end is None:
        say_no("give a window with --start and --end, or ask for the whole day with --table", BAD_INPUT)
    with connected(url, api_key) as controller:
        found = controller.get(
            "/capability", start=start, end=end, node=node, direction=direction.value, planned=planned
        )
    if as_json:
        print_json(found)
    else:
        _print_window(found)


def _print_window(found: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("interval", "expected MW", "% of peak", *(kind["kind"] for kind in found["by_kind"]))
    for t, at in enumerate(found["interval_starts"]):
        kinds = [f"{kind['expected_kw'][t] / 1000:.2f}" for kind in found["by_kind"]]
        table.add_row(at, f"{found['expected_kw'][t] / 1000:.2f}", f"{found['expected_percent'][t]:.2f}", *kinds)
    Console().print(table)
    _print_left_out(found)
    if found["planned"] is not None:
        typer.echo(f"one plan over all of it reaches at least {found['planned']['min_percent']:.2f} %")


def _print_table(found: dict[str, Any], notice: str) -> None:
    """One notice by the hour: the weakest of an hour's four starts, and the largest rebound after any of them."""
    from rich.console import Console
    from rich.table import Table

    rows = [row for row in found["rows"] if row["notice"] == notice]
    title = f"MW held in 9 of 10 calls (as often as not), and what comes back; {notice} notice, {found['direction']}"
    table = Table("start", *(f"{row['duration_s'] / 3600:g} h" for row in rows), title=title)
    for hour in _hours(found["starts"]):
        local = datetime.fromisoformat(found["starts"][hour[0]]).astimezone(ZoneInfo("Asia/Shanghai"))
        table.add_row(f"{local:%m-%d %H:%M}", *(_cell(row, hour) for row in rows))
    Console().print(table)
    typer.echo(f"{found['resources']} resources, as of {found['as_of']}; offers reach until {found['covered_until']}")
    _print_left_out(found)


def _hours(starts: Sequence[str]) -> list[list[int]]:
    """Positions of the starts of each hour."""
    hours: dict[str, list[int]] = {}
    for position, start in enumerate(starts):
        hours.setdefault(start[:13], []).append(position)
    return list(hours.values())


def _cell(row: dict[str, Any], hour: Sequence[int]) -> str:
    likely, even, back = (
        [row[name][k] for k in hour if row[name][k] is not None]
        for name in ("reachable_kw_prob90", "reachable_kw_prob50", "rebound_kw")
    )
    if not likely:
        return "–"
    return f"{min(likely) / 1000:.2f} ({min(even) / 1000:.2f}) {min(back) / 1000:.2f}"


def _print_left_out(found: dict[str, Any]) -> None:
    for left in found["left_out"]:
        typer.echo(f"{left['resources']} resources ({left['rated_kw'] / 1000:.2f} MW): {left['reason']['text_en']}")
