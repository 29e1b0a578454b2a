from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from vpp.reporting.html import write_html

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: install Debian's chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def open_report(
    browser: Browser, build_report: Callable[[], dict[str, Any]], tmp_path: Path, complaints: list[str]
) -> Iterator[Open]:
    contexts = []

    def opened(
        *, width: int = 1280, locale: str = "en-US", change: Callable[[dict[str, Any]], None] | None = None
    ) -> Page:
        report = build_report()
        if change:
            change(report)
        write_html(report, tmp_path / "report.html")
        context = browser.new_context(viewport={"width": width, "height": 844}, locale=locale, offline=True)
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
        page.on("request", lambda request: None if request.url.startswith("file:") else complaints.append(request.url))
        page.goto((tmp_path / "report.html").as_uri())
        expect(page.locator(".chart[data-drawn]")).to_have_count(3)
        return page

    yield opened
    for context in contexts:
        context.close()


def test_report__opens_without_a_network_and_without_complaint(open_report: Open, complaints: list[str]) -> None:
    page = open_report()

    expect(page.locator("#verdict .answer .en")).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize(
    ("locale", "title"), [("en-GB", "Demand-response event report"), ("zh-CN", "需求响应事件报告")]
)
def test_report__speaks_the_language_of_the_browser(open_report: Open, locale: str, title: str) -> None:
    page = open_report(locale=locale)

    expect(page.get_by_role("heading", level=1)).to_have_text(title, use_inner_text=True)


def test_report__language_switch_changes_text_title_and_tooltips(open_report: Open, complaints: list[str]) -> None:
    page = open_report()

    page.get_by_role("button", name="中文").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("需求响应事件报告", use_inner_text=True)
    expect(page).to_have_title("需求响应事件报告：evt-2026-07-22-1")
    page.locator("#chart-delivered").scroll_into_view_if_needed()
    page.locator("#chart-delivered").hover(position={"x": 500, "y": 200})
    expect(page.get_by_text("目标", exact=True).locator("visible=true").last).to_be_visible()
    assert complaints == []


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_report__does_not_overflow_a_phone(open_report: Open, locale: str) -> None:
    def long_and_over(report: dict[str, Any]) -> None:
        report["by_node"]["n-07"]["net_flow_kw"][2] = 42_000.0
        report["by_node"]["n-07"]["forecast_kw"][2] = 43_000.0
        report["settlement"]["total_payment_cny"] = "123456789.10"
        report["event"]["id"] = "evt-" + "x" * 90

    page = open_report(width=390, locale=locale, change=long_and_over)

    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    assert page.evaluate("() => document.body.scrollWidth") <= 390


def test_report__participants_sort_and_expand(open_report: Open) -> None:
    page = open_report()
    rows = page.locator("#people tbody tr")
    expect(rows.locator("visible=true")).to_have_count(50)

    page.get_by_role("button", name="Payment, CNY").click()
    paid = [float(cell.get_attribute("data-key") or "nan") for cell in page.locator("#people td:nth-child(6)").all()]
    page.get_by_role("button", name="Performance").click()
    page.get_by_role("button", name="Performance").click()
    page.get_by_role("button", name="Show all 200").click()

    assert paid == sorted(paid, reverse=True)
    ratios = [cell.get_attribute("data-key") for cell in page.locator("#people td:nth-child(4)").all()]
    known = [float(ratio) for ratio in ratios if ratio]
    assert known == sorted(known)
    assert ratios[len(known) :] == [""] * (200 - len(known))
    expect(rows.locator("visible=true")).to_have_count(200)


def test_report__many_redispatches_are_folded(open_report: Open) -> None:
    def many(report: dict[str, Any]) -> None:
        report["redispatches"] = [report["redispatches"][0] | {"revision": n} for n in range(2, 175)]

    page = open_report(change=many)
    rows = page.locator("#moves tbody tr").locator("visible=true")

    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show all 173").click()
    expect(rows).to_have_count(173)


def test_report__legend_hides_and_shows_a_series(open_report: Open) -> None:
    page = open_report()
    button = page.locator('[data-legend="delivered"] [data-series="verified"]')
    visible = """() => Bokeh.documents.flatMap(document => document.roots())
        .flatMap(plot => plot.renderers).filter(renderer => renderer.name === "verified")[0].visible"""

    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert page.evaluate(visible) is False

    button.click()
    assert page.evaluate(visible) is True


def test_report__hostile_names_run_nothing(open_report: Open, complaints: list[str]) -> None:
    attack = "</script><img src=x onerror=alert(1)>"

    def poison(report: dict[str, Any]) -> None:
        report["scenario"] = attack
        report["by_kind"][attack] = [1000.0] * 8
        report["participants"][0] |= {"name": attack, "name_zh": attack}
        report["verdict"] = {"text_en": attack, "text_zh": attack}

    page = open_report(change=poison)
    page.locator("#chart-kind").hover(position={"x": 500, "y": 200})

    expect(page.locator("img")).to_have_count(0)
    assert complaints == []
