import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from vpp.cli.live_view import IntervalFigures, LiveSnapshot, LiveView, plain_line, render

NOW = datetime(2026, 7, 22, 6, 17, 30, tzinfo=UTC)
INTERVAL = IntervalFigures(
    start=datetime(2026, 7, 22, 6, 15, tzinfo=UTC),
    target_kw=50_000.0,
    committed_kw=66_500.0,
    commanded_kw=58_800.0,
    acknowledged_kw=57_300.0,
    metered_kw=52_100.0,
    verified_kw=49_999.0,
)
SNAPSHOT = LiveSnapshot(
    now=NOW,
    event_id="evt-1",
    event_state="active",
    interval=INTERVAL,
    by_kind_kw={"factory_line": 21_400.0, "cooling": 10_900.0},
    gateways_online=11,
    gateways_total=12,
    facts=tuple(f"fact {i}" for i in range(7)),
    speed=60.0,
    done_fraction=0.384,
)


def _text(snapshot: LiveSnapshot, *, width: int = 80) -> str:
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(render(snapshot))
    return console.export_text()


def test_render__shows_every_figure_within_80_columns() -> None:
    text = _text(SNAPSHOT)

    for shown in ("evt-1", "active", "2026-07-22 14:17:30", "14:15–14:30", "60x", "38 % done", "gateways 11/12"):
        assert shown in text
    for figure in ("50.00", "66.50", "58.80", "57.30", "52.10", "factory line", "21.40 MW"):
        assert figure in text
    assert max(len(line) for line in text.splitlines()) <= 80


def test_render__share_is_cut_off_and_never_rounded_up() -> None:
    assert "99.9 %" in _text(SNAPSHOT)
    assert "100.0 %" in _text(replace(SNAPSHOT, interval=replace(INTERVAL, verified_kw=50_000.0)))


def test_render__only_the_last_five_facts() -> None:
    text = _text(SNAPSHOT)

    assert "fact 1" not in text
    assert all(f"fact {i}" in text for i in range(2, 7))


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_render__unknown_figures_are_dashes(missing: float | None) -> None:
    unknown = replace(INTERVAL, metered_kw=missing, verified_kw=missing)

    text = _text(replace(SNAPSHOT, interval=unknown, by_kind_kw={"cooling": float("nan")}))

    assert "nan" not in text.lower()
    assert text.count("–") >= 5


def test_render__outside_the_event_and_with_markup_in_names() -> None:
    text = _text(LiveSnapshot(now=NOW, event_id="[red]evt", event_state="invited", facts=("[bold]x",)))

    assert "[red]evt" in text
    assert "[bold]x" in text
    assert "target" not in text


def test_plain_line__says_the_same_in_one_line() -> None:
    assert plain_line(SNAPSHOT) == (
        "2026-07-22 14:17  evt-1  active  target 50.00  committed 66.50  commanded 58.80  acknowledged 57.30  "
        "metered 52.10  verified 49.99  MW  gateways 11/12  38 %"
    )


def test_live_view__without_a_terminal_prints_a_line_per_five_minutes_and_state_change() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, force_terminal=False, width=40)) as view:
        for minute in range(12):
            view.update(replace(SNAPSHOT, now=NOW + timedelta(minutes=minute)))
        view.update(replace(SNAPSHOT, now=NOW + timedelta(minutes=11), event_state="releasing"))

    lines = out.getvalue().splitlines()
    assert [(line[11:16], line.split("  ")[2]) for line in lines] == [
        ("14:17", "active"),
        ("14:20", "active"),
        ("14:25", "active"),
        ("14:28", "releasing"),
    ]
    assert "\x1b" not in out.getvalue()


def test_live_view__on_a_terminal_redraws_at_each_update() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, force_terminal=True, width=80, height=40)) as view:
        view.update(SNAPSHOT)
        first = len(out.getvalue())
        view.update(replace(SNAPSHOT, event_state="releasing"))

    assert 0 < first < len(out.getvalue())
    assert "releasing" in out.getvalue()
    assert out.getvalue().endswith("\x1b[?25h")
