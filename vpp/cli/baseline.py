"""``vpp baseline``: a baseline from a file of meter readings, without a controller."""

from pathlib import Path
from typing import Annotated

import typer

from vpp.domain.errors import VppError

BAD_INPUT = 2


def baseline_command(
    *,
    meters: Annotated[Path, typer.Option(help="site_id,timestamp,power_kw as .csv or .parquet")],
    method: Annotated[str, typer.Option(help="last5_normal_days or top5_of_10")],
    event_start: Annotated[str, typer.Option(help="ISO 8601 with UTC offset")],
    event_end: Annotated[str, typer.Option(help="ISO 8601 with UTC offset, exclusive")],
    timezone: Annotated[str, typer.Option(help="IANA zone that cuts the days, such as Asia/Shanghai")],
    out: Annotated[Path, typer.Option(help="site_id,interval_start,baseline_kw,sufficient as .csv or .parquet")],
    holidays: Annotated[Path | None, typer.Option(help="public holidays, one date per line")] = None,
    exclude_days: Annotated[Path | None, typer.Option(help="event and outage days, one date per line")] = None,
    adjustment: Annotated[str, typer.Option(help="none, additive or multiplicative")] = "none",
    cap: Annotated[float | None, typer.Option(help="largest adjustment as a fraction, such as 0.2")] = None,
    window_h: Annotated[float, typer.Option(help="length of the adjustment window, hours")] = 3.0,
    gap_h: Annotated[float, typer.Option(help="time between window and event, hours")] = 1.0,
    json_summary: Annotated[bool, typer.Option("--json", help="print a summary as JSON")] = False,
) -> None:
    """Writes what each meter would have drawn during the event; exit code 2 for bad input."""
    from vpp.cli.baseline_of_files import Asked, baselines_of_file

    asked = Asked(
        method=method,
        event_start=event_start,
        event_end=event_end,
        timezone=timezone,
        holidays=holidays,
        exclude_days=exclude_days,
        adjustment=adjustment,
        cap_fraction=cap,
        window_h=window_h,
        gap_h=gap_h,
    )
    try:
        said = baselines_of_file(asked, meters, out, as_json=json_summary)
    except VppError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    typer.echo(said)
