"""Time against number of resources, as a page that opens without a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bokeh.embed import file_html
from bokeh.palettes import Category10_10
from bokeh.plotting import figure
from bokeh.resources import Resources

Series = Mapping[str, Mapping[int, float]]
"""Median seconds per number of resources, per method."""


def write_plot(times_s: Series, file: Path) -> None:
    """Draws ``times_s`` on logarithmic axes into ``file`` (HTML)."""
    chart: Any = figure(
        title="vpp bench dispatch: seconds against resources",
        x_axis_type="log",
        y_axis_type="log",
        x_axis_label="resources",
        y_axis_label="seconds (median)",
        width=900,
        height=560,
        tools="pan,wheel_zoom,reset,hover",
        tooltips=[("", "$name"), ("resources", "@x{0,0}"), ("seconds", "@y{0.000}")],
    )
    for at, (name, points) in enumerate(sorted(times_s.items())):
        colour, sizes = Category10_10[at % len(Category10_10)], sorted(points)
        values = [points[size] for size in sizes]
        chart.line(sizes, values, color=colour, legend_label=name, name=name, line_width=2)
        chart.scatter(sizes, values, color=colour, legend_label=name, name=name, size=8)
    if times_s:
        chart.legend.location = "top_left"
        chart.legend.click_policy = "hide"
    file.write_text(file_html(chart, Resources(mode="inline"), "vpp bench dispatch"), encoding="utf-8")
