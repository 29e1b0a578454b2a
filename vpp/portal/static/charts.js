// Draws every chart of the page with BokehJS from the figures that stand beside it as JSON, and again when they change.
import { t } from "./texts.js";

const drawn = new Map();

export function drawCharts(root) {
  const charts = [...root.querySelectorAll("[data-chart]")];
  if (charts.length === 0) return;
  if (!window.Bokeh) {
    for (const chart of charts) chart.querySelector(".plot").textContent = t("no_charts");
    return;
  }
  for (const chart of charts) draw(chart);
}

function draw(chart) {
  const text = document.getElementById(chart.dataset.chart)?.textContent ?? "";
  const place = chart.querySelector(".plot");
  const before = drawn.get(place);
  if (before?.text === text && !before.stale) return;
  const data = JSON.parse(text);
  const columns = columnsOf(data);
  if (before && !before.stale && same(before.data, data)) {
    before.source.data = columns;
    before.edges.data = edgesOf(data);
    drawn.set(place, { ...before, text, data });
    chart.dataset.drawn = String(Number(chart.dataset.drawn) + 1);
    return;
  }
  const source = new Bokeh.ColumnDataSource({ data: columns });
  const edges = new Bokeh.ColumnDataSource({ data: edgesOf(data) });
  const plot = figure(data, { source, edges }, chart.classList.contains("small") ? 220 : 300);
  // A drawing that goes takes its tooltip with it, which hangs elsewhere in the page.
  before?.view.then((view) => view.remove());
  place.replaceChildren();
  drawn.set(place, { text, data, source, edges, view: Bokeh.Plotting.show(plot, place) });
  chart.dataset.drawn = "1";
}

// Whether only figures differ: then the drawing stays and moves.
function same(one, other) {
  const shape = (data) => JSON.stringify([data.starts, data.bands, data.series.map((series) => series.name)]);
  return shape(one) === shape(other);
}

function columnsOf(data) {
  const columns = { middle: data.starts.map((at) => at + data.step_ms / 2), span: data.labels };
  for (const series of data.series) {
    columns[series.name] = series.values.map((value) => value ?? NaN);
    columns[`${series.name}_text`] = series.values.map((value) => shown(value, data));
  }
  // Found under the pointer wherever it is, also where a series has a gap.
  columns.anywhere = data.starts.map((_, place) => data.series.map((series) => series.values[place]).find(Number.isFinite) ?? 0);
  return columns;
}

// Both ends of every interval: BokehJS's own steps leave out an interval that is followed by a gap.
function edgesOf(data) {
  const columns = { at: data.starts.flatMap((start) => [start, start + data.step_ms]) };
  for (const series of data.series) columns[series.name] = series.values.flatMap((value) => [value ?? NaN, value ?? NaN]);
  return columns;
}

function shown(value, data) {
  if (!Number.isFinite(value)) return "–";
  const form = { minimumFractionDigits: data.digits, maximumFractionDigits: data.digits };
  return `${value.toLocaleString("en", form)} ${data.unit}`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function figure(data, sources, height) {
  const plot = Bokeh.Plotting.figure({
    height, sizing_mode: "stretch_width", x_axis_type: "datetime", toolbar_location: null, tools: "", min_border_right: 12,
    background_fill_color: null, border_fill_color: null, outline_line_color: null,
  });
  for (const [from, to] of data.bands) {
    const band = { left: from, right: to, fill_color: colour("s-band"), fill_alpha: 0.14, line_color: null };
    plot.add_layout(new Bokeh.BoxAnnotation(band));
  }
  for (const series of data.series) line(plot, series, sources, data);
  // Zero is in sight also while nothing is drawn from it.
  if (data.from_zero) plot.line({ field: "middle" }, 0, { source: sources.source, line_alpha: 0 });
  axes(plot, data);
  const under = { source: sources.source, line_alpha: 0 };
  const pointed = plot.line({ field: "middle" }, { field: "anywhere" }, under);
  const tooltips = [["", "@span"], ...data.series.map((series) => [series.label, `@{${series.name}_text}`])];
  plot.add_tools(new Bokeh.HoverTool({ renderers: [pointed], tooltips, mode: "vline", line_policy: "nearest" }));
  return plot;
}

function line(plot, series, { source, edges }, data) {
  const ink = colour(`s-${series.name}`);
  if (series.style === "bar") {
    const look = { source, color: ink, alpha: 0.9, line_color: null };
    plot.vbar({ field: "middle" }, data.step_ms * 0.84, { field: series.name }, 0, look);
    return;
  }
  const look = { source: edges, color: ink, line_width: series.style === "dash" ? 2.6 : 2.2 };
  if (series.style === "dash") look.line_dash = [7, 4];
  if (series.style === "broad") Object.assign(look, { line_width: 7, line_alpha: 0.55 });
  plot.line({ field: "at" }, { field: series.name }, look);
}

function axes(plot, data) {
  const ink = colour("soft");
  for (const axis of [...plot.xaxes, ...plot.yaxes]) {
    axis.axis_line_color = colour("line");
    axis.major_tick_line_color = colour("line");
    axis.minor_tick_line_color = null;
    axis.major_label_text_color = ink;
    axis.major_label_text_font_size = "12px";
    axis.major_label_text_font = getComputedStyle(document.body).fontFamily;
  }
  for (const grid of plot.center) if (grid.type === "Grid") grid.grid_line_color = colour("line");
  const form = { minsec: "%H:%M", minutes: "%H:%M", hourmin: "%H:%M", hours: "%H:%M", days: "%m-%d", context: null };
  plot.xaxis.formatter = new Bokeh.DatetimeTickFormatter(form);
  plot.yaxis.formatter = new Bokeh.BasicTickFormatter({ use_scientific: false });
  if (data.from_zero) plot.y_range.start = Math.min(0, ...data.series.flatMap((series) => series.values));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const before of drawn.values()) before.stale = true;
  drawCharts(document);
});
