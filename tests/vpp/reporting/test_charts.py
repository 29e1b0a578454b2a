import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from vpp.reporting import charts
from vpp.reporting.embedding import content_policy, script_json
from vpp.reporting.figures import PowerUnit

Build = Callable[[], dict[str, Any]]
MW = PowerUnit("MW", 1000.0, 2)


def _column(chart: charts.Chart, name: str) -> list[Any]:
    """The one column called ``name`` anywhere in the chart's data sources."""
    found: list[list[Any]] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                if key == "entries":
                    found.extend(column for label, column in part if label == name and isinstance(column, list))
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(chart.item)
    assert found, name
    return found[0]


def test_delivered_chart__shows_truth_only_when_it_is_known(build_report: Build) -> None:
    report = build_report()
    with_truth = [entry.name for entry in charts.delivered_chart(report, MW).legend]
    report["truth"] = None

    assert with_truth == ["target", "verified", "committed", "commanded", "acknowledged", "metered", "truth"]
    assert [entry.name for entry in charts.delivered_chart(report, MW).legend] == with_truth[:-1]


def test_delivered_chart__instants_are_local_and_a_gap_is_a_dash(build_report: Build) -> None:
    report = build_report()
    report["waterfall"]["verified_kw"][1] = None
    report["waterfall"]["verified_kw"][2] = 49_999.9

    chart = charts.delivered_chart(report, MW)

    assert _column(chart, "label")[0] == "14:00–14:15"
    assert _column(chart, "start")[0] / 3_600_000 % 24 == 14.0
    assert _column(chart, "verified_text")[1:3] == ["–", "49.99"]
    json.dumps(chart.item, allow_nan=False)


def test_load_chart__the_last_interval_has_its_end(build_report: Build) -> None:
    chart = charts.load_chart(build_report(), MW)

    starts, actual = _column(chart, "start"), _column(chart, "actual")
    assert len(starts) == 361
    assert starts[-1] - starts[-2] == 60_000
    assert actual[-1] == actual[-2]


def test_kind_chart__stacks_negative_values_downwards(build_report: Build) -> None:
    report = build_report()
    report["by_kind"] = {"cooling": [10_000.0] * 8, "storage": [-2_000.0] * 8, "lighting": [5_000.0] * 8}

    chart = charts.kind_chart(report, MW)

    layers = [(_column(chart, f"b{i}")[0], _column(chart, f"t{i}")[0]) for i in range(3)]
    assert layers == [(0.0, 10.0), (0.0, -2.0), (10.0, 15.0)]


def test_kind_chart__a_kind_keeps_its_colour_in_every_report(build_report: Build) -> None:
    report = build_report()
    first = {entry.label: entry.colour for entry in charts.kind_chart(report, MW).legend}
    report["by_kind"] = dict(reversed(report["by_kind"].items()))

    assert {entry.label: entry.colour for entry in charts.kind_chart(report, MW).legend} == first


def test_kind_chart__unknown_names_cannot_become_markup(build_report: Build) -> None:
    report = build_report()
    report["by_kind"]["<img src=x onerror=alert(1)>@{x}"] = [1.0] * 8

    assert "<img" not in json.dumps(charts.kind_chart(report, MW).item)


@pytest.mark.parametrize("draw", [charts.delivered_chart, charts.load_chart, charts.kind_chart])
def test_chart__equal_reports_give_equal_json(build_report: Build, draw: Callable[..., charts.Chart]) -> None:
    assert draw(build_report(), MW).item == draw(build_report(), MW).item


def test_script_json__cannot_end_its_element() -> None:
    embedded = script_json({"text": "</script><!--&\u2028"})

    assert not set("<>&\u2028") & set(embedded)
    assert json.loads(embedded) == {"text": "</script><!--&\u2028"}


def test_content_policy__names_each_script_by_its_hash() -> None:
    # SHA-256 of the empty text, as any tool prints it.
    assert "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='" in content_policy([""])


def test_scaled__short_series_are_filled_with_gaps() -> None:
    values = charts._scaled([1000.0], 2, MW)

    assert values[0] == 1.0
    assert math.isnan(values[1])
