import json
import re
from decimal import Decimal
from html import unescape

import pytest

from tests.vpp.api.district_at_work import CANCELLED, DRAFT, INVITED, RUNNING, SETTLED
from tests.vpp.portal.portal_rig import PASSWORD, Portal
from vpp.domain.settlement import Statement, statement_bytes
from vpp.portal.fleet_pages import sum_known
from vpp.portal.formats import kilowatt_hours, money
from vpp.portal.login_pages import own_address

EVENTS = (SETTLED, RUNNING, INVITED, DRAFT, CANCELLED)
OPERATOR_PAGES = (
    "/operator",
    "/operator/events/new",
    "/operator/events/new?start=2026-07-23T09:00&end=nonsense&scope_node_id=nowhere",
    "/operator/capability",
    "/operator/capability?notice=day-ahead&direction=fill&node_id=quick-snow",
    "/operator/capability?notice=nonsense&direction=up&node_id=nowhere",
    "/operator/resources",
    "/operator/resources?kind=cooling&state=available&node_id=quick-snow",
    "/operator/resources?page=2",
    "/operator/resources?participant_id=nobody&page=-7",
    "/operator/participants",
    "/operator/gateways",
    *(f"/operator/events/{event_id}" for event_id in EVENTS),
)
PARTICIPANT_PAGES = (
    "/me",
    "/me/statements",
    "/me/data",
    *(f"/me/events/{event_id}" for event_id in (SETTLED, RUNNING, INVITED)),
)


def _words(page: str) -> str:
    """What a reader sees of a page."""
    shown = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown)).split())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("who", "paths"), [("operator", OPERATOR_PAGES), ("alice", PARTICIPANT_PAGES)])
async def test_page__renders_in_both_languages(portal: Portal, who: str, paths: tuple[str, ...], language: str) -> None:
    async with portal.visitor(who, language) as client:
        for path in paths:
            answer = await client.get(path)

            assert answer.status_code == 200, path
            assert f'<html lang="{"zh-CN" if language == "zh" else "en"}">' in answer.text
            assert len(re.findall(r"<h1\b", answer.text)) == 1, path
            ids = re.findall(r'\bid="([^"]+)"', answer.text)
            assert len(ids) == len(set(ids)), path
            for label in re.findall(r'<label for="([^"]+)"', answer.text):
                assert label in ids, path


async def test_page__every_control_has_a_label(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        for path in (
            "/operator/events/new",
            "/operator/capability",
            "/operator/resources",
            f"/operator/events/{DRAFT}",
        ):
            page = (await client.get(path)).text
            controls = re.findall(r'<(?:input|select|textarea)\b(?![^>]*type="hidden")[^>]*\bid="([^"]+)"', page)
            assert set(controls) == set(re.findall(r'<label for="([^"]+)"', page)), path


async def test_page__policy_has_the_page_s_nonce_and_nothing_unsafe(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        first, second = await client.get(f"/operator/events/{RUNNING}"), await client.get("/operator")

    policy = first.headers["Content-Security-Policy"]
    nonces = set(re.findall(r'nonce="([^"]+)"', first.text))
    assert len(nonces) == 1
    assert f"'nonce-{nonces.pop()}'" in policy
    assert "unsafe" not in policy
    assert policy != second.headers["Content-Security-Policy"]


async def test_language__is_remembered_once_asked_for(portal: Portal) -> None:
    async with portal.visitor("operator", "en") as client:
        asked = await client.get("/operator?lang=zh")
        later = await client.get("/operator")

    assert "全区概况" in asked.text
    assert "全区概况" in later.text
    assert later.headers["Content-Language"] == "zh-CN"


async def test_login__what_was_wrong_is_not_said(portal: Portal) -> None:
    async with portal.visitor() as client:
        wrong_password = await client.post("/login", data={"name": "operator", "password": "x" * 14})
        wrong_name = await client.post("/login", data={"name": "nobody", "password": "x" * 14})

    sentence = "This user name and password do not fit together, or the account is disabled."
    for answer in (wrong_password, wrong_name):
        assert answer.status_code == 401
        assert sentence in answer.text
        assert "vpp_session" not in answer.headers.get("Set-Cookie", "")


async def test_login__after_many_failures_one_has_to_wait(portal: Portal) -> None:
    async with portal.visitor() as client:
        for _ in range(30):
            answer = await client.post("/login", data={"name": "operator", "password": "x" * 14})

    assert answer.status_code == 429
    assert re.search(r"Too many failed attempts. Try again in \d+ s.", answer.text)
    assert int(answer.headers["Retry-After"]) > 0


async def test_login__leads_back_to_the_page_that_was_asked_for(portal: Portal) -> None:
    async with portal.visitor() as client:
        refused = await client.get("/operator/resources?kind=cooling")
        form = await client.get(refused.headers["Location"])
        wanted = unescape(re.findall(r'name="next" value="([^"]*)"', form.text)[0])
        answer = await client.post("/login", data={"name": "operator", "password": PASSWORD, "next": wanted})

    assert refused.status_code == 303
    assert answer.headers["Location"] == "/operator/resources?kind=cooling"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/\nx", "x", ""])
def test_own_address__never_leads_to_another_site(wanted: str) -> None:
    assert own_address(wanted) == ""


async def test_login__another_site_s_address_is_passed_over(portal: Portal) -> None:
    async with portal.visitor() as client:
        data = {"name": "alice", "password": PASSWORD, "next": "//evil.example"}
        answer = await client.post("/login", data=data)

    assert answer.headers["Location"] == "/me"


async def test_login__from_another_site_s_page_is_refused(portal: Portal) -> None:
    async with portal.visitor() as client:
        data = {"name": "operator", "password": PASSWORD}
        answer = await client.post("/login", data=data, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert "vpp_session" not in answer.headers.get("Set-Cookie", "")


async def test_logout__needs_the_page_s_token_and_ends_the_session(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        forged = await client.post("/logout", data={"csrf": "guessed"})
        still = await client.get("/operator")
        token = re.findall(r'name="csrf" value="([^"]+)"', still.text)[0]
        cookie = client.cookies["vpp_session"]
        left = await client.post("/logout", data={"csrf": token})
        client.cookies.set("vpp_session", cookie)
        after = await client.get("/operator")

    assert (forged.status_code, still.status_code, left.status_code) == (403, 200, 303)
    assert after.headers["Location"].startswith("/login")


async def test_privacy__a_participant_opens_no_page_of_operators(portal: Portal) -> None:
    async with portal.visitor("alice") as client:
        for path in (*OPERATOR_PAGES, f"/operator/events/{SETTLED}/report"):
            answer = await client.get(path)
            assert answer.status_code == 403, path
            assert "Not for this account" in answer.text


async def test_privacy__an_operator_has_no_participant_s_page(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        for path in (*PARTICIPANT_PAGES, f"/me/events/{SETTLED}/statement.json", "/me/data/export?first=a&last=b"):
            assert (await client.get(path)).status_code == 403, path


async def test_privacy__nobody_sees_anything_without_a_login(portal: Portal) -> None:
    async with portal.visitor() as client:
        for path in (*OPERATOR_PAGES, *PARTICIPANT_PAGES, "/stream"):
            answer = await client.get(path)
            assert answer.status_code == 303, path
            assert answer.headers["Location"].startswith("/login?next=")


async def test_privacy__a_participant_s_pages_name_no_other_participant(portal: Portal) -> None:
    fleet = portal.api.controller.registry.fleet
    others = {p for p in fleet.participants if p != portal.api.a}
    foreign = {r for p in others for r in fleet.by_participant.get(p, ())} | others
    async with portal.visitor("alice") as client:
        for path in PARTICIPANT_PAGES:
            page = (await client.get(path)).text
            assert [name for name in foreign if re.search(rf"\b{re.escape(name)}\b", page)] == [], path


async def test_privacy__an_event_that_does_not_concern_one_is_not_found(portal: Portal) -> None:
    async with portal.visitor("alice") as client:
        for event_id in (DRAFT, CANCELLED, "no-such-event"):
            answer = await client.get(f"/me/events/{event_id}")
            assert answer.status_code == 404
            assert "or it does not concern you" in answer.text


async def _statement(portal: Portal, participant_id: str) -> Statement:
    statements = await portal.api.controller.settling.statements(SETTLED)
    return next(s for s in statements if s.participant_id == participant_id)


async def test_my_event__figures_equal_the_statement_s(portal: Portal) -> None:
    statement = await _statement(portal, portal.api.a)
    async with portal.visitor("alice") as client:
        page = _words((await client.get(f"/me/events/{SETTLED}")).text)
        listed = _words((await client.get("/me/statements")).text)
        downloaded = await client.get(f"/me/events/{SETTLED}/statement.json")

    assert statement.payment_cny > 0
    for shown in (page, listed):
        assert " ".join(money(statement.payment_cny).split()) in shown
        assert " ".join(kilowatt_hours(statement.net_kwh).split()) in shown
    assert downloaded.content == statement_bytes(statement)
    assert Decimal(json.loads(downloaded.text)["payment_cny"]) == statement.payment_cny
    assert downloaded.headers["Content-Disposition"] == f'attachment; filename="statement-{SETTLED}.json"'


async def test_my_event__says_why_in_the_page_s_language(portal: Portal) -> None:
    async with portal.visitor("alice", "zh") as client:
        chinese = (await client.get(f"/me/events/{SETTLED}")).text
        english = (await client.get(f"/me/events/{SETTLED}?lang=en")).text

    assert "被调用：属于达到目标的较低成本资源" in chinese
    assert "called: it was among the cheapest ways to reach the target" in english


async def test_event__shows_the_ledger_s_figures(portal: Portal) -> None:
    record = portal.api.controller.recorder.book.event(SETTLED)
    async with portal.visitor("operator") as client:
        page = _words((await client.get(f"/operator/events/{SETTLED}")).text)

    assert " ".join(money(record.statements[-1].total_payment_cny).split()) in page
    assert record.statements[-1].digest in page
    assert "Target met" in page


async def test_report__leads_to_the_report_once_there_is_one(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        lead = await client.get(f"/operator/events/{SETTLED}/report")
        shown = await client.get(lead.headers["Location"])
        early = await client.get(f"/operator/events/{DRAFT}/report")

    assert shown.status_code == 200
    assert shown.headers["Content-Type"].startswith("text/html")
    assert early.status_code == 409
    assert "Not possible now" in early.text


async def test_error__a_hostile_address_is_escaped(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        answer = await client.get("/operator/events/%3Cimg src=x onerror=alert(1)%3E")
        listed = await client.get("/operator/resources?kind=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")

    assert answer.status_code == 404
    assert "<img src=x" not in answer.text
    assert "<script>alert" not in listed.text


async def test_export__leads_to_whole_trading_days(portal: Portal) -> None:
    asked = {"first": "2026-07-15", "last": "2026-07-22", "form": "csv"}
    async with portal.visitor("alice") as client:
        answer = await client.get("/me/data/export", params=asked)
        arrived = await client.get(answer.headers["Location"])

    window = "start=2026-07-14T16%3A00%3A00Z&end=2026-07-22T16%3A00%3A00Z"
    assert answer.headers["Location"] == f"/api/v1/me/export.csv?{window}"
    assert arrived.status_code == 200
    assert arrived.text.startswith("participant_id,")


async def test_export__days_that_cannot_be_exported_are_said_on_the_page(portal: Portal) -> None:
    wrong = (
        ("2026-07-22", "2026-07-15"),
        ("2026-01-01", "2026-07-15"),
        ("yesterday", "2026-07-15"),
        ("1", "9999-12-31"),
    )
    async with portal.visitor("alice") as client:
        for first, last in wrong:
            answer = await client.get("/me/data/export", params={"first": first, "last": last})
            assert answer.headers["Location"] == "/me/data?refused=yes"
        page = await client.get("/me/data?refused=yes")

    assert "Choose two days, at most 31 days apart." in page.text


async def test_resources__filter_leaves_what_it_names(portal: Portal) -> None:
    fleet = portal.api.controller.registry.fleet
    async with portal.visitor("operator") as client:
        page = (await client.get("/operator/resources", params={"kind": "lighting"})).text

    lighting = {r.id for r in fleet.resources.values() if r.kind.value == "lighting"}
    shown = {r for r in fleet.resources if f">{r}<" in page}
    assert shown == lighting


async def test_resources__load_says_of_how_many_and_is_a_dash_where_nobody_reports(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        everybody = _words((await client.get("/operator/resources")).text)
        nobody = _words((await client.get("/operator/resources?participant_id=nobody")).text)

    assert re.search(r" 64 resources, load [\d.]+ MW of \d+ reporting, reachable [\d.]+ MW ", everybody)
    assert " 0 resources, load –, reachable – " in nobody


@pytest.mark.parametrize(
    ("values_kw", "total_kw"), [([], None), ([None, None], None), ([None, 0.0], 0.0), ([1.5, None, 2.0], 3.5)]
)
def test_sum_known__is_unknown_only_where_nothing_is_known(
    values_kw: list[float | None], total_kw: float | None
) -> None:
    assert sum_known(values_kw) == total_kw


async def test_event__what_a_plan_says_is_a_dash_before_there_is_one(portal: Portal) -> None:
    async with portal.visitor("operator") as client:
        page = (await client.get(f"/operator/events/{INVITED}")).text

    table = page[page.index('id="waterfall"') :]
    cells = dict(re.findall(r'data-name="(\w+)">([^<]+)</td>', table[: table.index("</table>")]))
    assert cells.pop("Target") != "–"
    assert cells == dict.fromkeys(("Committed", "Commanded", "Acknowledged", "Metered", "Verified"), "–")
    drawn = json.loads(re.findall(r'id="delivered">(.*?)</script>', page)[0])["series"]
    assert {v for each in drawn if each["name"] != "target" for v in each["values"]} == {None}


async def test_pages__chinese_sentences_are_joined_by_chinese_marks(portal: Portal) -> None:
    async with portal.visitor("operator", "zh") as client:
        for path in OPERATOR_PAGES:
            shown = _words((await client.get(path)).text)
            assert re.findall(r"[\u4e00-\u9fff）][,;.](?: |$)", shown) == [], path
