"""An event's report on a terminal: the verdict, and the way from target to verified response, within 80 columns."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, INTERVAL_H, parse_instant

COLUMNS = ("committed", "commanded", "acknowledged", "metered", "verified")
SHORT = {"acknowledged": "acked"}
DASH = "–"
_MEGAWATT_FROM_KW = 2000.0


def print_report(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints verdict and table of a report (``vpp.services.views``) as wide as the terminal allows, 80 elsewhere."""
    shown = console or Console()
    for text in (report["verdict"]["text_en"], report["verdict"]["text_zh"]):
        shown.print(text, markup=False, highlight=False, soft_wrap=True)
    if report["interval_starts"]:
        shown.print()
        shown.print(_heading(report), markup=False, highlight=False)
        shown.print(report_table(report))


def report_table(report: Mapping[str, Any]) -> Table:
    """A row per interval, by the district's clock, and a last one with the event's energy."""
    target_kw: Sequence[float | None] = report["target_kw"]
    figures: list[Sequence[float | None]] = [target_kw, *(report["waterfall"][f"{name}_kw"] for name in COLUMNS)]
    name, unit_kw = _unit(report)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Beijing", no_wrap=True)
    for heading in ("target", *(SHORT.get(column, column) for column in COLUMNS), "reached"):
        table.add_column(heading, justify="right", no_wrap=True)
    for t, start in enumerate(report["interval_starts"]):
        row = [values[t] for values in figures]
        table.add_row(_interval(start), *_row(row, unit_kw), _reached(row[-1], row[0]))
    sums = [_sum(values) for values in figures]
    table.add_section()
    energies = [None if value is None else value * INTERVAL_H for value in sums]
    table.add_row(f"total {name}h", *_row(energies, unit_kw), _reached(sums[-1], sums[0]), style="bold")
    return table


def _heading(report: Mapping[str, Any]) -> Text:
    event, (name, _) = report["event"], _unit(report)
    start, end = _local(event["start"]), _local(event["end"])
    until = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%Y-%m-%d %H:%M}"
    return Text(f"{event['id']}, {start:%Y-%m-%d %H:%M}–{until} Beijing time, in {name}")


def _interval(start: str) -> str:
    begun = _local(start)
    return f"{begun:%H:%M}–{begun + INTERVAL:%H:%M}"


def _local(instant: str) -> datetime:
    return parse_instant(instant).astimezone(DISTRICT_ZONE)


def _unit(report: Mapping[str, Any]) -> tuple[str, float]:
    largest_kw = max((abs(value) for value in report["target_kw"] if _known(value)), default=0.0)
    return ("MW", 1000.0) if largest_kw >= _MEGAWATT_FROM_KW else ("kW", 1.0)


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _row(values_kw: Sequence[float | None], unit_kw: float) -> list[str]:
    """Figures of one line; what is verified, the last, is cut off as on the pages, so that a miss reads as one."""
    return [*(_figure(value, unit_kw) for value in values_kw[:-1]), _figure(values_kw[-1], unit_kw, ROUND_FLOOR)]


def _figure(value_kw: float | None, unit_kw: float, rounding: str = ROUND_HALF_EVEN) -> str:
    if value_kw is None or not math.isfinite(value_kw):
        return DASH
    step = Decimal("0.01" if unit_kw > 1.0 else "0.1")
    return str(Decimal(str(value_kw / unit_kw)).quantize(step, rounding))


def _sum(values_kw: Sequence[float | None]) -> float | None:
    """The sum; ``None`` when one of them is not known, since the rest would read as the whole."""
    known = [value for value in values_kw if value is not None and math.isfinite(value)]
    return math.fsum(known) if len(known) == len(values_kw) else None


def _reached(verified: float | None, target: float | None) -> str:
    """Share of the target, cut off, so that 100.0 % is shown only once it is reached."""
    if verified is None or target is None or not math.isfinite(verified) or not target > 0.0:
        return DASH
    return f"{math.floor(1000.0 * verified / target + 1e-9) / 10.0:.1f} %"
