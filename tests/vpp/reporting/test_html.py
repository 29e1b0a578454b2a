import copy
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vpp.reporting.html import render_html, write_html

Build = Callable[[], dict[str, Any]]
ATTACK = "</script><img src=x onerror=alert(1)>'\"&{{7*7}}@{x}"


def _poison(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _poison(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_poison(part) for part in value]
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d", value):
        return value + ATTACK
    return value


def _visible(page: str) -> str:
    body = page[page.index("<body") : page.index('<script type="application/json"')]
    return re.sub(r"<[^>]+>", "\n", body)


def test_write_html__stands_alone_below_four_megabytes(build_report: Build, tmp_path: Path) -> None:
    write_html(build_report(), tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(page.encode()) < 4_000_000
    assert not re.search(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page)
    assert "default-src &#39;none&#39;; script-src &#39;sha256-" in page


def test_render_html__equal_reports_give_equal_pages(build_report: Build) -> None:
    assert render_html(build_report()) == render_html(build_report())


def test_render_html__leaves_the_report_alone(build_report: Build) -> None:
    report = build_report()
    before = copy.deepcopy(report)

    render_html(report)

    assert report == before


def test_render_html__strings_from_outside_are_escaped(build_report: Build) -> None:
    report = _poison(build_report())
    report["by_kind"][ATTACK] = [1.0] * 8
    report["by_node"][ATTACK] = report["by_node"]["n-00"]
    report["invariants"][ATTACK] = True
    report["shortfall"]["binding"] = [{"name": ATTACK, "interval": ATTACK, "text": ATTACK}]

    page = render_html(report)

    assert "<img" not in page
    assert page.count("<script") == render_html(build_report()).count("<script")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_render_html__unknown_figures_are_dashes(build_report: Build) -> None:
    report = build_report()
    report["fairness"]["gini"] = None
    report["rebound"]["peak_percent_of_baseline"] = math.nan
    report["waterfall"]["verified_kw"] = [None] * 8
    report["truth"] = None
    report["load"]["no_event_kw"] = None

    lines = [line.strip() for line in _visible(render_html(report)).splitlines() if line.strip()]

    assert lines[lines.index("Gini coefficient of calls") + 2] == "–"
    assert lines[lines.index("Rebound") - 1] == "–"
    assert "Truth (simulation)" not in lines
    assert not any("nan" in line.lower() for line in lines)


def test_render_html__a_miss_says_by_how_much_and_which_limits_bind(build_report: Build) -> None:
    report = build_report()
    report["attainment"] |= {"met": False, "min_percent": 4.99999}
    report["waterfall"]["verified_kw"][2] = 49_999.9
    report["shortfall"]["binding"] = [
        {"name": "node:n-08:import", "interval": 2, "text": "Snowflake 1 is at its import limit of 40.00 MW"}
    ]

    page = _visible(render_html(report))

    assert "Target missed" in page
    assert "Short by up to 0.01 MW in 1 of 8 intervals" in page
    assert "4.99\N{NO-BREAK SPACE}%" in page
    assert "Snowflake 1 is at its import limit of 40.00 MW" in page
    assert "14:30–14:45" in page


def test_render_html__totals_that_do_not_add_up_raise_the_alarm(build_report: Build) -> None:
    report = build_report()
    report["settlement"]["total_payment_cny"] = "1.00"

    assert "do not add up" in render_html(report)
    assert "do not add up" not in render_html(build_report())


def test_render_html__shows_every_participant_with_its_reason(build_report: Build) -> None:
    page = render_html(build_report())

    assert page.count("北辰精密机械") == 200
    assert page.count("declined the invitation") == 8


def test_render_html__a_broken_invariant_says_what_is_wrong(build_report: Build) -> None:
    report = build_report()
    report["invariants"] = {"commands_ordered": "'r-1': commands out of order", "epoch_known": "ok", "odd_one": None}

    lines = [line.strip() for line in _visible(render_html(report)).splitlines() if line.strip()]

    start = lines.index("Commands in rising order")
    assert [line for line in lines[start : start + 10] if line.isascii()] == [
        "Commands in rising order", "&#39;r-1&#39;: commands out of order", "broken", "The controller knows its epoch",
        "ok", "odd_one",
    ]  # fmt: skip
    assert "not checked" in lines


def test_render_html__a_report_of_an_event_that_never_ran(build_report: Build) -> None:
    report = build_report()
    report |= {"reference_peak_kw": None, "participants": [], "by_kind": {}, "by_node": {}, "redispatches": []}
    report["reference_peak"] = {"kw": None, "source": None, "date": None}
    report["interval_starts"] = report["target_kw"] = []
    report["waterfall"] = {name: [] for name in report["waterfall"]}
    report["load"] = {"interval_starts": [], "actual_kw": [], "baseline_kw": [], "no_event_kw": None}
    for key in ("scenario", "seed", "truth"):
        del report[key]

    assert "nothing was re-dispatched" in render_html(report)
