"""The report's three charts over time, as Bokeh documents in plain JSON.

No string from outside enters a chart except names of kinds that the catalogue does not know, and those are reduced to
letters, digits and spaces. Instants are drawn as naive local time, because Bokeh's axes know no zones.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN
from typing import Any

from bokeh.models import BasicTickFormatter, ColumnDataSource, DatetimeTickFormatter, HoverTool
from bokeh.models.annotations import BoxAnnotation
from bokeh.plotting import figure

from vpp.domain.errors import InputError
from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL, parse_instant
from vpp.reporting.embedding import chart_json
from vpp.reporting.figures import DASH, PowerUnit, clock, finite, number, span
from vpp.reporting.texts import TEXTS

SERIES_COLOURS: Mapping[str, str] = {
    "target": "#1f2933",
    "committed": "#8795a1",
    "commanded": "#56b4e9",
    "acknowledged": "#0b61a4",
    "metered": "#e69f00",
    "verified": "#7cc7ae",
    "truth": "#b3478c",
    "actual": "#0b61a4",
    "baseline": "#e07b00",
    "no_event": "#b3478c",
}
KIND_COLOURS: Mapping[str, str] = {
    "factory_line": "#0b61a4",
    "factory_process": "#e69f00",
    "cooling": "#3a9d7c",
    "lighting": "#d9c94a",
    "public_charging": "#56b4e9",
    "residential_charging": "#b3478c",
    "storage": "#8795a1",
}
OTHER_COLOURS = ("#a0522d", "#6a51a3", "#00827f", "#7f7f7f")
_INTERVAL_MS = INTERVAL.total_seconds() * 1000.0
_GAP = math.nan


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One line of a legend that stands outside the chart, so that it can speak two languages.

    Attributes:
        name: Name of the drawn series, which the page's script shows and hides.
        shape: ``bar``, ``line``, ``dash`` or ``dot``.
    """

    name: str
    label: str
    colour: str
    shape: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to embed: ``item`` is Bokeh's JSON, drawn into the element ``chart-<name>``."""

    name: str
    legend: tuple[LegendEntry, ...]
    item: dict[str, Any]


def delivered_chart(report: Mapping[str, Any], unit: PowerUnit) -> Chart:
    """Target, the five figures and, when known, the truth per interval."""
    starts = _local_ms(report["interval_starts"])
    waterfall = report["waterfall"]
    series = {"target": report["target_kw"], "verified": waterfall["verified_kw"]}
    series |= {name: waterfall[f"{name}_kw"] for name in ("committed", "commanded", "acknowledged", "metered")}
    truth = report.get("truth")
    if truth:
        series["truth"] = truth["response_kw"]
    columns = {name: _scaled(values, len(starts), unit) for name, values in series.items()}
    plot = _figure()
    source = _source(starts, columns, [span(text) for text in report["interval_starts"]], unit)
    bars = plot.vbar(
        x="mid",
        top="verified",
        width=0.86 * _INTERVAL_MS,
        source=source,
        color=SERIES_COLOURS["verified"],
        name="verified",
    )
    legend = [LegendEntry("verified", "verified", SERIES_COLOURS["verified"], "bar")]
    for name in ("committed", "commanded", "acknowledged", "metered"):
        _step(plot, name, (starts, columns[name]), width=2.0)
        legend.append(LegendEntry(name, name, SERIES_COLOURS[name], "line"))
    if truth:
        plot.scatter(
            "mid", "truth", source=source, size=9, marker="diamond", color=SERIES_COLOURS["truth"], name="truth"
        )
        legend.append(LegendEntry("truth", "truth", SERIES_COLOURS["truth"], "dot"))
    _step(plot, "target", (starts, columns["target"]), width=3.0, dash="dashed")
    legend.insert(0, LegendEntry("target", "target", SERIES_COLOURS["target"], "dash"))
    plot.y_range.start = min(0.0, _lowest(columns.values()))
    order = [
        name
        for name in ("target", "committed", "commanded", "acknowledged", "metered", "verified", "truth")
        if name in columns
    ]
    plot.add_tools(_hover(bars, [(name, _both(TEXTS[name]), name) for name in order], unit))
    return Chart("delivered", tuple(legend), chart_json(plot))


def load_chart(report: Mapping[str, Any], unit: PowerUnit) -> Chart:
    """Load, baseline and, in simulation, the load of the twin without the event."""
    load = report["load"]
    starts = _local_ms(load["interval_starts"])
    labels = [clock(text) for text in load["interval_starts"]]
    names = ["baseline", "actual"] + (["no_event"] if load.get("no_event_kw") else [])
    columns = {name: _scaled(load[f"{name}_kw"], len(starts), unit) for name in names}
    if len(starts) > 1:
        # A step needs the end of the last interval, too.
        starts = [*starts, 2.0 * starts[-1] - starts[-2]]
        labels = [*labels, labels[-1]]
        columns = {name: [*values, values[-1]] for name, values in columns.items()}
    plot = _figure()
    source = _source(starts, columns, labels, unit)
    for edges in _window(report["event"]):
        plot.add_layout(
            BoxAnnotation(left=edges[0], right=edges[1], fill_color="#e69f00", fill_alpha=0.13, line_color=None)
        )
    dashes = {"baseline": "dashed", "actual": "solid", "no_event": "dotted"}
    for name in reversed(names):
        plot.step(
            "start",
            name,
            source=source,
            mode="after",
            line_width=2.2,
            line_dash=dashes[name],
            color=SERIES_COLOURS[name],
            name=name,
        )
    # Bokeh finds no steps under the pointer, so an unseen line answers for them.
    under_pointer = plot.line("start", "baseline", source=source, line_alpha=0.0)
    legend = [LegendEntry(n, n, SERIES_COLOURS[n], "line" if dashes[n] == "solid" else "dash") for n in names]
    plot.add_tools(_hover(under_pointer, [(name, _both(TEXTS[name]), name) for name in names], unit))
    return Chart("load", tuple(legend), chart_json(plot))


def kind_chart(report: Mapping[str, Any], unit: PowerUnit) -> Chart:
    """Verified response of each kind, stacked per interval, under the target."""
    starts = _local_ms(report["interval_starts"])
    kinds = list(report["by_kind"])
    columns = {f"k{i}": _scaled(report["by_kind"][kind], len(starts), unit) for i, kind in enumerate(kinds)}
    columns["target"] = _scaled(report["target_kw"], len(starts), unit)
    plot = _figure()
    source = _source(starts, columns, [span(text) for text in report["interval_starts"]], unit)
    up, down = [0.0] * len(starts), [0.0] * len(starts)
    legend, rows, bars = [], [], None
    for i, kind in enumerate(kinds):
        bottoms, tops = _stack(up, down, columns[f"k{i}"])
        source.data[f"b{i}"], source.data[f"t{i}"] = bottoms, tops
        colour = KIND_COLOURS.get(kind, OTHER_COLOURS[i % len(OTHER_COLOURS)])
        bars = plot.vbar(
            x="mid", bottom=f"b{i}", top=f"t{i}", width=0.86 * _INTERVAL_MS, source=source, color=colour, name=f"k{i}"
        )
        legend.append(LegendEntry(f"k{i}", kind, colour, "bar"))
        plain = re.sub(r"[^\w ]", " ", kind)
        rows.append((f"k{i}", _both(TEXTS.get(f"kind.{kind}", (plain, plain))), f"k{i}"))
    _step(plot, "target", (starts, columns["target"]), width=3.0, dash="dashed")
    legend.append(LegendEntry("target", "target", SERIES_COLOURS["target"], "dash"))
    plot.y_range.start = min(0.0, *down) if down else 0.0
    if bars is not None:
        plot.add_tools(_hover(bars, [*reversed(rows), ("target", _both(TEXTS["target"]), "target")], unit))
    return Chart("kind", tuple(legend), chart_json(plot))


def _figure() -> Any:  # noqa: ANN401 - bokeh's figure type is generated at run time
    plot = figure(
        height=300,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        toolbar_location=None,
        tools="",
        outline_line_color=None,
        background_fill_color=None,
        border_fill_color=None,
        output_backend="svg",
    )
    plot.xaxis.formatter = DatetimeTickFormatter(hours="%H:%M", hourmin="%H:%M", minutes="%H:%M", days="%m-%d")
    plot.xgrid.grid_line_color = None
    plot.ygrid.grid_line_color = "#dfe4e8"
    plot.axis.axis_line_color = "#aab4bd"
    plot.axis.major_tick_line_color = "#aab4bd"
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_color = "#3e4c59"
    plot.axis.major_label_text_font_size = "12px"
    plot.yaxis.formatter = BasicTickFormatter(use_scientific=False)
    plot.min_border_right = 12
    return plot


def _source(
    starts: Sequence[float], columns: Mapping[str, list[float]], labels: Sequence[str], unit: PowerUnit
) -> ColumnDataSource:
    shown = {f"{name}_text": [_shown(name, value, unit) for value in values] for name, values in columns.items()}
    return ColumnDataSource(
        {
            "start": list(starts),
            "mid": [s + _INTERVAL_MS / 2 for s in starts],
            "label": list(labels),
            **columns,
            **shown,
        }
    )


def _shown(name: str, value: float, unit: PowerUnit) -> str:
    if math.isnan(value):
        return DASH
    return number(value, unit.digits, rounding=ROUND_FLOOR if name == "verified" else ROUND_HALF_EVEN)


def _step(
    plot: Any,  # noqa: ANN401
    name: str,
    series: tuple[Sequence[float], Sequence[float]],
    *,
    width: float,
    dash: str = "solid",
) -> None:
    starts, values = series
    if not starts:
        return
    plot.step(
        [*starts, starts[-1] + _INTERVAL_MS],
        [*values, values[-1]],
        mode="after",
        line_width=width,
        line_dash=dash,
        color=SERIES_COLOURS[name],
        name=name,
    )


def _stack(up: list[float], down: list[float], values: Sequence[float]) -> tuple[list[float], list[float]]:
    """Bottoms and tops of one layer; negative values stack downwards, gaps stay gaps."""
    bottoms, tops = [], []
    for i, value in enumerate(values):
        base = up if not value < 0.0 else down
        bottoms.append(base[i])
        tops.append(base[i] + value)
        if not math.isnan(value):
            base[i] += value
    return bottoms, tops


def _hover(renderer: Any, rows: Iterable[tuple[str, str, str]], unit: PowerUnit) -> HoverTool:  # noqa: ANN401
    cells = "".join(
        f'<div style="display:flex;justify-content:space-between;gap:14px"><span>{label}</span>'
        f'<b style="font-variant-numeric:tabular-nums">@{{{column}_text}}</b></div>'
        for _, label, column in rows
    )
    return HoverTool(
        renderers=[renderer],
        mode="vline",
        point_policy="follow_mouse",
        tooltips=f'<div style="font:12px system-ui,sans-serif"><b>@label</b> <small>{unit.name}</small>{cells}</div>',
    )


def _both(pair: tuple[str, str]) -> str:
    # Custom properties reach into Bokeh's shadow roots where the page's classes do not.
    return f'<span style="display:var(--show-en)">{pair[0]}</span><span style="display:var(--show-zh)">{pair[1]}</span>'


def _local_ms(texts: Sequence[str]) -> list[float]:
    offsets = []
    for text in texts:
        local = parse_instant(text).astimezone(DISTRICT_ZONE)
        offset = local.utcoffset()
        offsets.append((local.timestamp() + (offset.total_seconds() if offset else 0.0)) * 1000.0)
    return offsets


def _window(event: Mapping[str, Any]) -> list[tuple[float, float]]:
    try:
        start, end = _local_ms([event["start"], event["end"]])
    except (KeyError, InputError):
        return []
    return [(start, end)]


def _scaled(values: Sequence[Any] | None, count: int, unit: PowerUnit) -> list[float]:
    """The series in the page's unit, cut or filled with gaps to ``count`` values."""
    scaled = [unit.of(value) for value in list(values or ())[:count]]
    scaled += [None] * (count - len(scaled))
    return [_GAP if value is None else value for value in scaled]


def _lowest(columns: Iterable[Sequence[float]]) -> float:
    return min((v for values in columns for v in values if finite(v) is not None), default=0.0)
