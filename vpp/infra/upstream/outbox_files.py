"""What a higher-level platform is told, as JSON and as CSV; see ``docs/upstream.md``."""

import csv
import io
import json
from typing import Any

from vpp.domain.timegrid import format_instant
from vpp.domain.upstream import Confirmation, ResponseCurve

Json = dict[str, Any]


def confirmation_files(confirmation: Confirmation) -> dict[str, bytes]:
    """Content by file name."""
    content: Json = {
        "call_id": confirmation.call_id,
        "status": confirmation.status.value,
        "at": format_instant(confirmation.at),
        "event_id": confirmation.event_id,
        "message": confirmation.message,
    }
    return _both(f"confirmation.{confirmation.call_id}.{confirmation.status.value}", content, [content])


def curve_files(curve: ResponseCurve) -> dict[str, bytes]:
    """Content by file name; the CSV has one row per interval and is empty below its header where there is none."""
    head: Json = {
        "call_id": curve.call_id,
        "event_id": curve.event_id,
        "at": format_instant(curve.at),
        "final": curve.final,
    }
    points: list[Json] = [
        {
            "interval_start": format_instant(point.start),
            "target_kw": point.target_kw,
            "commanded_kw": point.commanded_kw,
            "response_kw": point.response_kw,
        }
        for point in curve.points
    ]
    stem = f"curve.{curve.call_id}.{curve.name.removeprefix('curve-')}"
    return _both(stem, {**head, "points": points}, [{**head, **point} for point in points], CURVE_COLUMNS)


CURVE_COLUMNS = ("call_id", "event_id", "at", "final", "interval_start", "target_kw", "commanded_kw", "response_kw")


def _both(stem: str, document: Json, rows: list[Json], columns: tuple[str, ...] = ()) -> dict[str, bytes]:
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns or tuple(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    return {f"{stem}.json": text.encode(), f"{stem}.csv": table.getvalue().encode()}


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value
