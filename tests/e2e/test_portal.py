"""Operator and participant at real pages in a real browser, over a district that runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.portal_district import PASSWORD, LiveDistrict, live_district
from vpp.domain.events import EventState

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000
PHONE = 390


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: install Debian's chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield chromium
        chromium.close()


class Visit:
    """Somebody at a browser; everything that the browser complains of is kept, violations of the policy included."""

    def __init__(self, browser: Browser, url: str, *, locale: str, width: int) -> None:
        self.complaints: list[str] = []
        self.url = url
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": 844}, locale=locale, timezone_id="America/New_York"
        )
        self.context.set_default_timeout(PATIENCE_MS)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith((url, "data:")) else self.complaints.append(r.url))

    def log_in(self, name: str) -> Page:
        self.page.goto(f"{self.url}/")
        self.page.locator("#name").fill(name)
        self.page.locator("#password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("main h1")).to_be_visible()
        expect(self.page).not_to_have_url(re.compile("login"))
        return self.page

    def fits(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")
        assert self.page.evaluate("() => document.documentElement.scrollWidth") <= PHONE, path


@pytest.fixture
def district(tmp_path: Path) -> Iterator[LiveDistrict]:
    with live_district(tmp_path) as running:
        yield running


@pytest.mark.slow
def test_portal__from_declaration_to_live_figures(browser: Browser, district: LiveDistrict) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    controller = district.controller
    district.run_until(lambda: len(controller.registry.offers) == len(controller.registry.fleet.resources))
    desk, phone = (
        Visit(browser, district.url, locale="en-GB", width=1280),
        Visit(browser, district.url, locale="zh-CN", width=PHONE),
    )

    _declare(desk.log_in("operator"), district)
    event_id = _approve(desk.page, district)
    _accept(phone.log_in("alice"), district)
    district.run_until(lambda: _verified_kw(district) is not None)
    _look_at_figures(desk.page, phone.page, event_id)
    for path in ("/me", f"/me/events/{event_id}", "/me/statements", "/me/data"):
        phone.fits(path)
    phone.page.goto(f"{district.url}/operator")
    expect(phone.page.get_by_role("heading", level=1)).to_have_text("此账户无权访问")

    # What was refused on purpose above, and nothing else: no violation of the policy, no error of a script.
    assert [c for c in desk.complaints if "422" not in c] == []
    assert [c for c in phone.complaints if "422" not in c and "403" not in c] == []
    for visit in (desk, phone):
        visit.context.close()


def _declare(page: Page, district: LiveDistrict) -> None:
    page.get_by_role("link", name="Declare an event").first.click()
    expect(page.locator("#reach")).to_contain_text("Likely to be verified")
    before = page.locator("#reach .figures").inner_text()

    page.locator("#target_mw").fill("999")
    expect(page.locator("#reach .notice")).to_contain_text("less than the target of 999.00 MW")
    expect(page.locator("#target_percent")).to_have_value("")
    page.locator("#target_percent").fill("5")
    expect(page.locator("#reach .figures")).to_have_text(before, use_inner_text=True)
    page.locator("#start").fill("2020-01-01T00:00")
    expect(page.locator("#flaw-start")).to_contain_text("not after the controller's present time")
    page.get_by_role("button", name="Declare as a draft").click()
    expect(page.locator("form .refusal").filter(has_text="It was refused: ")).to_contain_text("not after now")
    page.goto(f"{district.url}/operator/events/new")

    page.get_by_role("button", name="Declare as a draft").dblclick()
    expect(page).to_have_url(re.compile(r"/operator/events/(?!new)."))
    assert len(district.controller.recorder.book.events) == 1


def _approve(page: Page, district: LiveDistrict) -> str:
    page.get_by_role("button", name="Approve and invite").click()
    expect(page.locator("#state")).to_have_text("approved")
    record = district.record
    assert record is not None
    district.run_until(lambda: record.invitation is not None)
    expect(page.locator("#state")).to_have_text("invited")
    district.others_accept()
    expect(page.locator("#replies")).to_contain_text("26 accepted, 0 declined, 1 open, of 27 invited.")
    return record.declaration.event_id


def _accept(page: Page, district: LiveDistrict) -> None:
    expect(page.locator("#waiting")).to_contain_text("邀约：削峰")
    page.get_by_text("申报较小的响应量").click()
    page.locator("#bid-1").fill("99999999")
    # The browser itself would say so in its own words; what is looked at is what the controller says.
    page.locator("form:has(#bid-1)").evaluate("form => { form.noValidate = true; }")
    page.get_by_role("button", name="按此数量接受").click()
    expect(page.locator("#waiting details .refusal").filter(has_text=re.compile("."))).to_be_visible()
    page.reload()

    page.get_by_role("button", name="接受", exact=True).click()
    expect(page.locator("#waiting")).to_contain_text("您的答复：接受")
    record = district.record
    assert record is not None
    assert record.answers[district.alice_id] is True


def _verified_kw(district: LiveDistrict) -> float | None:
    """Of the running interval, once a few minutes of it are metered."""
    record = district.record
    if record is None or record.state is not EventState.ACTIVE:
        return None
    present = district.controller.tracking.present(record, district.clock.now())
    return present.verified_kw if present is not None and (present.verified_kw or 0.0) > 0.0 else None


def _look_at_figures(desk: Page, phone: Page, event_id: str) -> None:
    expect(desk.locator("#state")).to_have_text("active")
    expect(desk.locator("#figures")).to_contain_text("Running interval")
    expect(desk.locator("#figures .c-verified b")).to_have_text(re.compile(r"^\d+\.\d\d.MW$"))
    expect(desk.locator("[data-chart][data-drawn]")).to_have_count(1)
    expect(desk.locator("#revisions")).to_contain_text("first plan")
    drawn = desk.evaluate(
        """() => Bokeh.documents.flatMap(document => document.roots()).flatMap(plot => plot.renderers)
            .map(renderer => renderer.data_source.data.verified[0])[0]"""
    )
    assert drawn > 0.0

    expect(phone.locator("#underway")).to_contain_text("事件")
    expect(phone.locator("[data-chart][data-drawn]")).to_have_count(1)
    phone.locator(f'#my-events a[href="/me/events/{event_id}"]').click()
    expect(phone.locator("#why")).to_contain_text("调用")
