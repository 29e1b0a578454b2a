"""Writes ``report.html``: one file that needs no network, in English and Chinese, for screens, phones and paper.

The page holds its scripts and styles, names the exact scripts that may run in a Content-Security-Policy, and escapes
every string of the report.
"""

from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup

from vpp.reporting import charts, figures, sections
from vpp.reporting.embedding import bokeh_script, content_policy, script_json
from vpp.reporting.figures import PowerUnit
from vpp.reporting.texts import TEXTS, bilingual, text, word

FIRST_SHOWN: Mapping[str, int] = {"people": 50, "moves": 20}
"""Rows shown before the reader asks for all, as ``static/report.css`` cuts them."""


def write_html(report: Mapping[str, Any], path: Path) -> None:
    """Writes the page of one event.

    Args:
        report: The dictionary of ``report.json`` (``configs/wire/v1/report.schema.json``); ``nan`` stands for null.
        path: File to write, below 4 MB for some thousand participants; its folder must exist.

    Raises:
        KeyError: a key that the charts need is missing from the report.
        InputError: an interval start is not ISO 8601 with an offset.
        OSError: the file cannot be written.
    """
    path.write_text(render_html(report), encoding="utf-8")


def render_html(report: Mapping[str, Any]) -> str:
    """The page as text; equal reports give equal text."""
    unit = sections.page_unit(report)
    drawn = (charts.delivered_chart(report, unit), charts.load_chart(report, unit), charts.kind_chart(report, unit))
    head_script, page_script = _asset("language.js"), _asset("report.js")
    chart_json = script_json([{"name": chart.name, "item": chart.item} for chart in drawn])
    library = bokeh_script()
    page = _environment(unit).get_template("report.html.j2")
    return page.render(
        report=report,
        unit=unit,
        charts={chart.name: chart for chart in drawn},
        miss=sections.miss_of(report),
        margins=sections.margins_kw(report),
        bars=(bars := sections.figure_bars(report)),
        target_share=sections.target_share(report, bars),
        kinds=sections.kind_rows(report),
        nodes=sections.node_rows(report),
        people=sections.by_response(report),
        sums=sections.settlement_sums(report),
        first_shown=FIRST_SHOWN,
        policy=content_policy((head_script, library, page_script)),
        style=_asset("report.css"),
        head_script=head_script,
        library=library,
        chart_json=chart_json,
        page_script=page_script,
    )


def _environment(unit: PowerUnit) -> Environment:
    environment = Environment(
        loader=PackageLoader("vpp.reporting"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "power": unit.show,
        "power_reached": unit.show_reached,
        "power_gap": unit.show_gap,
        "number": figures.number,
        "percent": figures.percent,
        "percent_floor": figures.percent_floor,
        "instant": figures.instant,
        "clock": figures.clock,
        "span": figures.span,
        "known": figures.known,
        "mean": figures.mean,
        "exact": figures.exact,
    }
    environment.filters |= filters
    environment.globals |= {"t": text, "word": word, "bilingual": bilingual, "dash": figures.DASH}
    environment.globals |= {"texts": TEXTS, "colours": charts.SERIES_COLOURS}
    return environment


def _asset(name: str) -> Markup:
    """One of the page's own scripts or styles, without the final newline so that its hash is that of the element."""
    source = (files("vpp.reporting") / "static" / name).read_text(encoding="utf-8").rstrip("\n")
    return Markup(source)  # noqa: S704 - a file of this package
