"""What a person at a terminal sees while an event runs: redrawn in place on a terminal, plain lines elsewhere."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL

PLAIN_LINE_EVERY = timedelta(minutes=5)
FACTS_SHOWN = 5
DASH = "–"
_MEGAWATT_FROM_KW = 2000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalFigures:
    """Target and the five figures of one interval, in kW; ``None`` or ``nan`` where a figure is not known yet."""

    start: datetime
    target_kw: float | None = None
    committed_kw: float | None = None
    commanded_kw: float | None = None
    acknowledged_kw: float | None = None
    metered_kw: float | None = None
    verified_kw: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSnapshot:
    """One moment of a running event.

    Attributes:
        now: Simulated instant.
        interval: The current interval, ``None`` outside the event.
        by_kind_kw: Verified response of the current interval per kind.
        facts: One line each, oldest first; the last five are shown.
        speed: Simulated seconds per second; ``None`` when time jumps, as in a simulation without a clock.
        done_fraction: Share of the whole run that lies behind, in [0, 1]; ``None`` when its end is not known.
    """

    now: datetime
    event_id: str
    event_state: str
    interval: IntervalFigures | None = None
    by_kind_kw: Mapping[str, float] = field(default_factory=dict)
    gateways_online: int = 0
    gateways_total: int = 0
    facts: tuple[str, ...] = ()
    speed: float | None = None
    done_fraction: float | None = None


class LiveView:
    """Shows snapshots as they come; use it as a context manager.

    It draws only when ``update`` is called and starts no thread, so that it may run beside virtual time.

    Args:
        console: Where to draw; standard output by default. Unless it is a terminal, one plain line is printed per
            simulated five minutes and at every change of the event's state.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None
        self._last_line: tuple[int, str] | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(self, snapshot: LiveSnapshot) -> None:
        """Draws ``snapshot``, or prints its line when one is due."""
        if self._live is not None:
            self._live.update(render(snapshot), refresh=True)
            return
        mark = (int(snapshot.now.timestamp() // PLAIN_LINE_EVERY.total_seconds()), snapshot.event_state)
        if mark != self._last_line:
            self._last_line = mark
            self._console.print(plain_line(snapshot), markup=False, highlight=False, soft_wrap=True)


def render(snapshot: LiveSnapshot) -> Panel:
    """The whole picture of one moment, fit for 80 columns."""
    parts: list[Table | Text] = [_heading(snapshot)]
    if snapshot.interval is not None:
        parts += [Text(), _figures_table(snapshot.interval), Text(), _bar(snapshot.interval)]
    if snapshot.by_kind_kw:
        parts += [Text(), _kinds_table(snapshot.by_kind_kw)]
    if snapshot.facts:
        facts = [Text(fact, style="dim", no_wrap=True, overflow="ellipsis") for fact in snapshot.facts[-FACTS_SHOWN:]]
        parts += [Text(), *facts]
    title = f"[bold]{escape(snapshot.event_id)}[/] {escape(snapshot.event_state)}"
    return Panel(Group(*parts), title=title, title_align="left")


def plain_line(snapshot: LiveSnapshot) -> str:
    """The moment in one line of text."""
    words = [_local(snapshot.now, "%Y-%m-%d %H:%M"), snapshot.event_id, snapshot.event_state]
    interval = snapshot.interval
    if interval is not None:
        unit, kw = _unit(interval)
        shown = (
            ("target", interval.target_kw),
            ("committed", interval.committed_kw),
            ("commanded", interval.commanded_kw),
            ("acknowledged", interval.acknowledged_kw),
            ("metered", interval.metered_kw),
            ("verified", _reached(interval)),
        )
        words += [f"{name} {_power(value, kw)}" for name, value in shown]
        words.append(unit)
    words.append(f"gateways {snapshot.gateways_online}/{snapshot.gateways_total}")
    if snapshot.done_fraction is not None:
        words.append(f"{100.0 * snapshot.done_fraction:.0f} %")
    return "  ".join(words)


def _heading(snapshot: LiveSnapshot) -> Table:
    line = Table.grid(expand=True, padding=(0, 2))
    for justify in ("left", "left", "right"):
        line.add_column(justify="right" if justify == "right" else "left", no_wrap=True)
    silent = snapshot.gateways_online < snapshot.gateways_total
    gateways = Text(
        f"gateways {snapshot.gateways_online}/{snapshot.gateways_total}", style="yellow" if silent else "green"
    )
    pace = [] if snapshot.speed is None else [f"{snapshot.speed:g}x"]
    pace += [] if snapshot.done_fraction is None else [f"{100.0 * snapshot.done_fraction:.0f} % done"]
    line.add_row(Text(_local(snapshot.now, "%Y-%m-%d %H:%M:%S"), style="bold"), gateways, "  ".join(pace))
    return line


def _figures_table(interval: IntervalFigures) -> Table:
    unit, kw = _unit(interval)
    table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False)
    table.add_column(unit, no_wrap=True)
    for name in ("target", "committed", "commanded", "acked", "metered", "verified"):
        table.add_column(name, justify="right", no_wrap=True)
    end = interval.start + INTERVAL
    table.add_row(
        f"{_local(interval.start, '%H:%M')}–{_local(end, '%H:%M')}",
        _power(interval.target_kw, kw),
        _power(interval.committed_kw, kw),
        _power(interval.commanded_kw, kw),
        _power(interval.acknowledged_kw, kw),
        _power(interval.metered_kw, kw),
        Text(_power(_reached(interval), kw), style=_verdict_style(interval)),
    )
    return table


def _bar(interval: IntervalFigures) -> Table:
    """Verified over target; the figure is cut off, so that 100 % is shown only once the target is reached."""
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(no_wrap=True)
    line.add_column(ratio=1)
    line.add_column(justify="right", no_wrap=True, min_width=7)
    style = _verdict_style(interval)
    share = _share(interval)
    if share is None:
        line.add_row("verified / target", ProgressBar(total=1.0, completed=0.0), DASH)
    else:
        bar = ProgressBar(
            total=1.0,
            completed=min(max(share, 0.0), 1.0),
            complete_style=style or "default",
            finished_style=style or "default",
        )
        line.add_row("verified / target", bar, Text(f"{math.floor(1000.0 * share) / 10.0:.1f} %", style=style))
    return line


def _kinds_table(by_kind_kw: Mapping[str, float]) -> Table:
    known = {kind: value for kind, value in by_kind_kw.items() if math.isfinite(value)}
    largest = max([*known.values(), 1e-9])
    unit, kw = ("MW", 1000.0) if largest >= _MEGAWATT_FROM_KW else ("kW", 1.0)
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(no_wrap=True, min_width=max(cell_len(kind) for kind in by_kind_kw))
    table.add_column(justify="right", no_wrap=True, min_width=9)
    table.add_column(ratio=1)
    for kind, value in by_kind_kw.items():
        filled = min(max(known.get(kind, 0.0) / largest, 0.0), 1.0)
        bar = ProgressBar(total=1.0, completed=filled, complete_style="cyan", finished_style="cyan")
        table.add_row(Text(kind.replace("_", " ")), f"{_power(value, kw)} {unit}", bar)
    return table


def _verdict_style(interval: IntervalFigures) -> str:
    share = _share(interval)
    return "" if share is None else "green" if share >= 1.0 else "yellow"


def _share(interval: IntervalFigures) -> float | None:
    target, verified = interval.target_kw, interval.verified_kw
    if target is None or verified is None or not math.isfinite(target) or not math.isfinite(verified) or target <= 0.0:
        return None
    return verified / target


def _reached(interval: IntervalFigures) -> float | None:
    """Verified response cut off at the digits shown, so that a miss never reads as the target."""
    if interval.verified_kw is None or not math.isfinite(interval.verified_kw):
        return None
    step = 10.0 if _unit(interval)[1] > 1.0 else 0.1
    return math.floor(interval.verified_kw / step + 1e-9) * step


def _unit(interval: IntervalFigures) -> tuple[str, float]:
    largest = max(abs(value) for value in (interval.target_kw, interval.committed_kw, 0.0) if value is not None)
    return ("MW", 1000.0) if largest >= _MEGAWATT_FROM_KW else ("kW", 1.0)


def _power(value_kw: float | None, unit_kw: float) -> str:
    if value_kw is None or not math.isfinite(value_kw):
        return DASH
    return f"{value_kw / unit_kw:,.{2 if unit_kw > 1.0 else 1}f}"


def _local(instant: datetime, form: str) -> str:
    return instant.astimezone(DISTRICT_ZONE).strftime(form)
