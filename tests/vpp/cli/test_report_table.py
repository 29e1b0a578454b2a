"""The table of ``vpp report``."""

import io
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from vpp.cli.report_table import print_report


def report(target_kw: list[float], verified_kw: list[float | None], *, starts: list[str], end: str) -> dict[str, Any]:
    same = ("committed_kw", "commanded_kw", "acknowledged_kw", "metered_kw")
    return {
        "event": {"id": "event-1", "start": starts[0], "end": end},
        "interval_starts": starts,
        "target_kw": target_kw,
        "waterfall": dict.fromkeys(same, verified_kw) | {"verified_kw": verified_kw},
        "verdict": {"text_en": "missed: in words", "text_zh": "未达标"},
    }


def printed(shown: dict[str, Any]) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    print_report(shown, console)
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_print_report__beijing_time_and_totals_within_80_columns() -> None:
    starts = ["2026-07-22T06:00:00Z", "2026-07-22T06:15:00Z"]

    lines = printed(report([121_000.0, 120_000.0], [130_000.0, 119_999.0], starts=starts, end="2026-07-22T06:30:00Z"))

    assert lines[:2] == ["missed: in words", "未达标"]
    assert lines[3] == "event-1, 2026-07-22 14:00–14:30 Beijing time, in MW"
    words = [line.split() for line in lines[4:]]
    assert words[0] == ["Beijing", "target", "committed", "commanded", "acked", "metered", "verified", "reached"]
    assert words[2] == ["14:00–14:15", "121.00", *["130.00"] * 5, "107.4", "%"]
    # 119.999 MW rounds to 120.00, yet what is verified is cut off, as on the pages, and so is its share.
    assert words[3] == ["14:15–14:30", "120.00", *["120.00"] * 4, "119.99", "99.9", "%"]
    # (121 + 120) MW * 0.25 h = 60.25 MWh; (130 + 119.999) * 0.25 = 62.49975; 249.999 / 241 = 103.7 %.
    assert words[-1] == ["total", "MWh", "60.25", *["62.50"] * 4, "62.49", "103.7", "%"]
    assert max(cell_len(line) for line in lines) <= 80


def test_print_report__small_events_in_kw_across_midnight_and_with_gaps() -> None:
    starts = ["2026-07-22T15:45:00Z", "2026-07-22T16:00:00Z"]

    lines = printed(report([300.0, 300.0], [310.0, None], starts=starts, end="2026-07-22T16:15:00Z"))

    assert lines[3] == "event-1, 2026-07-22 23:45–2026-07-23 00:15 Beijing time, in kW"
    words = [line.split() for line in lines[4:]]
    assert words[2] == ["23:45–00:00", "300.0", *["310.0"] * 5, "103.3", "%"]
    assert words[3] == ["00:00–00:15", "300.0", *["–"] * 6]
    # What is not known in one interval has no total.
    assert words[-1] == ["total", "kWh", "150.0", *["–"] * 6]


def test_print_report__nothing_planned_has_no_table() -> None:
    shown = report([300.0], [310.0], starts=["2026-07-22T15:45:00Z"], end="2026-07-22T16:00:00Z")

    assert printed(shown | {"interval_starts": []}) == ["missed: in words", "未达标"]
