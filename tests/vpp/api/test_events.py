"""Events over HTTP: refusals that name thing, value and limit; deeds that are done once; figures that agree."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.vpp.api.api_rig import Api
from tests.vpp.api.district_at_work import CANCELLED, DRAFT, INVITED, NOW, RUNNING, SETTLED
from tests.vpp.api.district_at_work import declaration as declared
from vpp.api.streams import STREAMS_MOST
from vpp.domain.access import Principal, Role
from vpp.domain.timegrid import format_instant

EVENTS = "/api/v1/events"
ASKED = {
    "program_id": "beichen-demo",
    "start": "2026-07-25T14:00:00+08:00",
    "end": "2026-07-25T15:00:00+08:00",
    "target_percent": 5,
}


async def asked(api: Api, who: str, method: str, path: str, **sent: Any) -> httpx.Response:
    async with api.client(who) as client:
        return await client.request(method, path, **sent)


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ({"start": 1784959200}, "body.start: Value error, instant 1784959200 is not ISO 8601 text"),
        ({"start": "2026-07-25T14:00:00"}, "is not ISO 8601 with a UTC offset"),
        ({"end": "9999-07-25T14:00:00Z"}, "lies outside the years 2000 to 2100"),
        ({"end": "2026-07-25T15:07:00+08:00"}, "is not a whole number of 15-minute intervals after the start"),
        ({"end": "2026-07-25T21:00:00+08:00"}, "lasts 7 h, programme 'beichen-demo' allows 4 h"),
        ({"target_percent": 0}, "body.target_percent: Input should be greater than 0"),
        ({"target_percent": "5"}, "body.target_percent: Input should be a valid number"),
        ({"target_mw": 3}, "body: Value error, give exactly one of target_percent and target_mw"),
        ({"target_percent": None}, "body: Value error, give exactly one of target_percent and target_mw"),
        ({"id": "../../etc"}, "body.id: String should match pattern"),
        ({"scope": "all"}, "body.scope: Extra inputs are not permitted"),
        ({"kind": "festive"}, "body.kind: Input should be 'economic', 'emergency' or 'drill'"),
        ({"direction": "fill"}, "programme 'beichen-demo' cannot be called for 'fill', only for: curtail"),
        ({"start": "2026-07-20T14:00:00+08:00", "end": "2026-07-20T15:00:00+08:00"}, "which is not after now"),
        ({"start": "2026-07-23T14:00:00+08:00", "end": "2026-07-23T15:00:00+08:00"}, "allows 2"),
    ],
)
async def test_declare__refusals(api: Api, change: dict[str, Any], detail: str) -> None:
    response = await asked(api, "operator", "POST", EVENTS, json=ASKED | change)

    assert (response.status_code, response.json()["type"]) == (422, "urn:vpp:problem:invalid")
    assert detail in response.json()["detail"]


@pytest.mark.parametrize(
    ("change", "status", "detail"),
    [
        ({"program_id": "no-such"}, 404, "unknown programme 'no-such'"),
        ({"scope_node_id": "no-such"}, 404, "unknown node 'no-such'"),
        ({"id": SETTLED}, 409, f"event id '{SETTLED}' is taken"),
    ],
)
async def test_declare__what_is_not_there_or_taken(api: Api, change: dict[str, Any], status: int, detail: str) -> None:
    response = await asked(api, "operator", "POST", EVENTS, json=ASKED | change)

    assert (response.status_code, response.json()["detail"]) == (status, detail)


async def test_declare__numbers_that_are_none_are_refused(api: Api) -> None:
    start, end = "2026-07-25T06:00:00Z", "2026-07-25T07:00:00Z"
    body = f'{{"program_id": "beichen-demo", "start": "{start}", "end": "{end}", "target_mw": NaN}}'
    response = await asked(api, "operator", "POST", EVENTS, content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 422
    assert "body.target_mw: Input should be" in response.json()["detail"]


async def test_declare__says_where_the_draft_is(api: Api) -> None:
    response = await asked(api, "operator", "POST", EVENTS, json=ASKED)

    found = response.json()
    assert (response.status_code, found["state"], found["target_kw"]) == (201, "draft", None)
    assert response.headers["Location"] == f"{EVENTS}/{found['id']}"
    assert found["start"] == "2026-07-25T06:00:00Z"
    assert found["declared_by"].startswith("key:")


async def test_declare__same_key_declares_once(api: Api) -> None:
    key = {"Idempotency-Key": "afternoon-25"}
    first = await asked(api, "operator", "POST", EVENTS, json=ASKED, headers=key)
    position = api.controller.recorder.position
    second = await asked(api, "operator", "POST", EVENTS, json=ASKED, headers=key)
    other = await asked(api, "operator", "POST", EVENTS, json=ASKED | {"target_percent": 4}, headers=key)

    assert first.json() == second.json()
    assert api.controller.recorder.position == position
    assert (second.headers["Idempotent-Replayed"], other.status_code) == ("true", 422)


async def test_approve__twice_is_a_conflict(api: Api) -> None:
    first = await asked(api, "operator", "POST", f"{EVENTS}/{DRAFT}/approve")
    second = await asked(api, "operator", "POST", f"{EVENTS}/{DRAFT}/approve")

    assert (first.status_code, first.json()["target_kw"]) == (200, 3000.0)
    assert first.json()["states"][-1]["by"].startswith("key:")
    assert second.status_code == 409
    assert (
        second.json()["detail"] == f"event '{DRAFT}' is 'approved': 'approve' is not allowed (allowed: invite, cancel)"
    )


async def test_cancel__keeps_reason_and_person(api: Api) -> None:
    found = (await asked(api, "operator", "GET", f"{EVENTS}/{CANCELLED}")).json()

    assert (found["state"], found["cancelled"]) == ("cancelled", True)
    assert (found["states"][-1]["by"], found["states"][-1]["reason"]) == ("operator", "the heat wave ended")


async def test_answers__by_oneself_and_on_behalf(api: Api) -> None:
    own = (await asked(api, "a", "POST", f"{EVENTS}/{INVITED}/accept", json={})).json()
    bid = (await asked(api, "a", "POST", f"{EVENTS}/{INVITED}/bid", json={"quantity_kw": 120.5})).json()
    other = await asked(api, "operator", "POST", f"{EVENTS}/{INVITED}/decline", json={"participant_id": api.b})
    missing = await asked(api, "operator", "POST", f"{EVENTS}/{INVITED}/decline", json={})

    assert (own["reply"]["answer"], own["reply"]["by"], own["open"]) == ("accepted", "", True)
    assert (bid["reply"]["answer"], bid["reply"]["bid_kw"]) == ("bid", 120.5)
    assert other.json()["reply"]["answer"] == "declined"
    assert other.json()["reply"]["by"].startswith("key:")
    assert missing.status_code == 422
    assert missing.json()["detail"].endswith("must say on whose behalf")


async def test_answers__refusals(api: Api) -> None:
    too_much = await asked(api, "a", "POST", f"{EVENTS}/{INVITED}/bid", json={"quantity_kw": 1e6})
    priced = await asked(
        api, "a", "POST", f"{EVENTS}/{INVITED}/bid", json={"quantity_kw": 10, "price_cny_per_kwh": "1.25"}
    )
    as_number = await asked(
        api, "a", "POST", f"{EVENTS}/{INVITED}/bid", json={"quantity_kw": 10, "price_cny_per_kwh": 1.25}
    )
    early = await asked(api, "a", "POST", f"{EVENTS}/{INVITED}/opt-out", json={"reason": "a furnace"})
    late = await asked(api, "a", "POST", f"{EVENTS}/{RUNNING}/accept", json={})
    over = await asked(api, "a", "POST", f"{EVENTS}/{SETTLED}/opt-out", json={"reason": "too late"})

    assert (too_much.status_code, "what its callable resources are rated" in too_much.json()["detail"]) == (422, True)
    assert (priced.status_code, "clears nothing by price" in priced.json()["detail"]) == (422, True)
    assert (as_number.status_code, "money 1.25 is not decimal text" in as_number.json()["detail"]) == (422, True)
    assert (early.status_code, "has not accepted" in early.json()["detail"]) == (409, True)
    assert (late.status_code, "after the deadline" in late.json()["detail"]) == (409, True)
    assert (over.status_code, "cannot leave" in over.json()["detail"]) == (409, True)


async def test_opt_out__is_kept_with_its_reason(api: Api) -> None:
    found = (await asked(api, "a", "POST", f"{EVENTS}/{RUNNING}/opt-out", json={"reason": "a furnace"})).json()

    assert (found["reply"]["answer"], found["reply"]["reason"], found["may_leave"]) == ("opted-out", "a furnace", False)


async def test_list__filters_and_pages(api: Api) -> None:
    seen: list[str] = []
    cursor: str | None = None
    async with api.client("operator") as client:
        while cursor is not None or not seen:
            query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await client.get(EVENTS, params=query)).json()
            seen += [event["id"] for event in page["items"]]
            cursor = page["next_cursor"]
        live = (await client.get(EVENTS, params={"state": ["active", "invited"]})).json()
        today = (await client.get(EVENTS, params={"from": "2026-07-22T00:00:00Z", "to": "2026-07-22T07:00:00Z"})).json()
        none = (await client.get(EVENTS, params={"program": "tianjin-peak"})).json()
        bad = await client.get(EVENTS, params={"cursor": "bm8"})

    assert seen == [CANCELLED, DRAFT, INVITED, RUNNING, SETTLED]
    assert [event["id"] for event in live["items"]] == [INVITED, RUNNING]
    assert [event["id"] for event in today["items"]] == [SETTLED]
    assert none == {"items": [], "next_cursor": None}
    assert (bad.status_code, bad.json()["detail"]) == (422, "query.cursor: 'bm8' is not a cursor that this list gave")


async def test_list__a_cursor_outlives_new_lines(api: Api) -> None:
    first = (await asked(api, "operator", "GET", EVENTS, params={"limit": 1})).json()
    await api.controller.intake.declare(declared("event-new", NOW.replace(day=28, minute=15, second=0)))
    second = (await asked(api, "operator", "GET", EVENTS, params={"limit": 1, "cursor": first["next_cursor"]})).json()

    assert [first["items"][0]["id"], second["items"][0]["id"]] == [CANCELLED, DRAFT]


async def test_waterfall__final_is_the_reports(api: Api) -> None:
    shown = (await asked(api, "operator", "GET", f"{EVENTS}/{SETTLED}/waterfall")).json()
    report = (await asked(api, "operator", "GET", f"{EVENTS}/{SETTLED}/report")).json()

    assert shown["final"] is True
    for name, values in report["waterfall"].items():
        assert shown[name] == values, name


async def test_waterfall__live_knows_what_is_over_running_and_ahead(api: Api) -> None:
    shown = (await asked(api, "operator", "GET", f"{EVENTS}/{RUNNING}/waterfall")).json()

    assert shown["phase"] == ["over", "running", "ahead", "ahead"]
    assert shown["final"] is False
    assert shown["verified_kw"][2:] == [None, None]
    assert all(0 < kw <= 6000 for kw in shown["verified_kw"][:2])


async def test_waterfall__of_a_draft_has_no_figures(api: Api) -> None:
    shown = (await asked(api, "operator", "GET", f"{EVENTS}/{DRAFT}/waterfall")).json()

    assert (shown["target_kw"], shown["metered_kw"], shown["reference_peak_kw"]) == ([None] * 4, [None] * 4, None)


async def test_report__page_names_its_scripts_and_needs_no_network(api: Api) -> None:
    response = await asked(api, "operator", "GET", f"{EVENTS}/{SETTLED}/report", params={"format": "html"})

    policy = response.headers["Content-Security-Policy"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy


async def test_report__before_baselines_is_a_conflict(api: Api) -> None:
    response = await asked(api, "operator", "GET", f"{EVENTS}/{DRAFT}/report")

    assert response.status_code == 409
    assert response.json()["detail"].startswith(f"event '{DRAFT}' is 'draft' and has no frozen baselines")


async def test_decisions__every_resource_in_scope_has_a_reason(api: Api) -> None:
    shown = (await asked(api, "operator", "GET", f"{EVENTS}/{RUNNING}/decisions", params={"limit": 500})).json()

    codes = {line["resource_id"]: line["reason"]["code"] for line in shown["resources"]}
    assert codes.keys() == api.controller.registry.fleet.resources.keys()
    assert {"called", "declined", "no-answer", "protected"} <= set(codes.values())
    assert all(line["reason"]["text_zh"] for line in shown["resources"])
    plans = api.controller.recorder.book.event(RUNNING).plans
    assert [revision["revision"] for revision in shown["revisions"]] == [plan.revision for plan in plans]
    assert plans


async def test_statements__add_up_to_what_was_issued(api: Api) -> None:
    issued = api.controller.recorder.book.event(SETTLED).statements[-1]
    page = await asked(api, "operator", "GET", "/api/v1/statements", params={"event": SETTLED, "limit": 500})

    lines = page.json()["items"]
    assert f"{sum(Decimal(line['payment_cny']) for line in lines)}" == issued.total_payment_cny
    assert {line["issued_sha256"] for line in lines} == {issued.digest}
    own = (await asked(api, "a", "GET", "/api/v1/me/contributions")).json()["items"]
    paid = {entry["event"]["id"]: entry["statement"] for entry in own}
    assert paid[SETTLED] == next(line for line in lines if line["participant_id"] == api.a)
    assert (paid[SETTLED]["provisional"], paid[RUNNING]["provisional"], paid[INVITED]) == (False, True, None)


async def test_load__ends_now_and_stands_against_the_running_events_baseline(api: Api) -> None:
    shown = (await asked(api, "a", "GET", "/api/v1/me/load")).json()

    at = shown["interval_starts"].index(format_instant(NOW.replace(minute=15, second=0)))
    assert shown["event_id"] == RUNNING
    assert shown["actual_kw"][at - 1] is not None
    assert shown["actual_kw"][at + 1 :] == [None] * len(shown["actual_kw"][at + 1 :])
    assert shown["baseline_kw"][at] > shown["actual_kw"][at - 1]
    assert shown["asked_kw"][at] > 0
    assert shown["minute_kw"][-1] is not None


async def test_capability__refusals(api: Api) -> None:
    path = "/api/v1/capability"
    window = {"start": "2026-07-22T09:00:00Z", "end": "2026-07-22T10:00:00Z"}
    past = await asked(api, "operator", "GET", path, params=window | {"start": "2026-07-22T08:00:00Z"})
    node = await asked(api, "operator", "GET", path, params=window | {"node": "no-such"})
    long = await asked(api, "operator", "GET", path, params=window | {"end": "2026-07-25T10:00:00Z"})
    number = await asked(api, "operator", "GET", path, params=window | {"start": "1784959200"})

    assert past.json()["detail"] == (
        "window start 2026-07-22T08:00:00Z lies before the running interval, which began at 2026-07-22T08:15:00Z"
    )
    assert (node.status_code, node.json()["detail"]) == (404, "unknown node 'no-such'")
    assert "1 to 96 are allowed" in long.json()["detail"]
    assert "query.start: Value error, instant '1784959200' is not ISO 8601" in number.json()["detail"]


async def test_capability__planned_never_promises_more_than_is_offered(api: Api) -> None:
    query = {"start": "2026-07-22T09:00:00Z", "end": "2026-07-22T10:00:00Z", "planned": "true"}
    before = api.controller.recorder.position
    shown = (await asked(api, "operator", "GET", "/api/v1/capability", params=query)).json()
    below = (await asked(api, "operator", "GET", "/api/v1/capability", params=query | {"node": "quick-snow"})).json()

    assert api.controller.recorder.position == before
    for planned, expected, offered in zip(
        shown["planned"]["expected_kw"], shown["expected_kw"], shown["offered_kw"], strict=True
    ):
        assert 0 < planned <= expected + 0.01 <= offered
    assert shown["min_percent"] == pytest.approx(100 * min(shown["expected_kw"]) / 60000)
    assert shown["planned"]["binding"]
    assert 0 < below["min_percent"] < shown["min_percent"]
    assert {"protected"} <= {left["reason"]["code"] for left in shown["left_out"]}


async def test_capability_table__rows_by_notice_and_duration(api: Api) -> None:
    path = "/api/v1/capability/table"
    before = api.controller.recorder.position
    shown = (await asked(api, "operator", "GET", path)).json()
    below = (await asked(api, "operator", "GET", path, params={"node": "quick-snow"})).json()
    nowhere = await asked(api, "operator", "GET", path, params={"node": "no-such"})
    sideways = await asked(api, "operator", "GET", path, params={"direction": "sideways"})

    assert api.controller.recorder.position == before
    assert (len(shown["starts"]), len(shown["rows"])) == (96, 16)
    assert shown["starts"][0] == "2026-07-22T08:30:00Z"
    assert {row["notice"]: row["notice_s"] for row in shown["rows"]} == {
        "5min": 300.0,
        "30min": 1800.0,
        "4h": 14400.0,
        "day-ahead": None,
    }
    hour = next(row for row in shown["rows"] if (row["notice"], row["duration_s"]) == ("30min", 3600.0))
    assert [hour["reachable_kw_prob90"][k] is None for k in (0, 1, 2)] == [True, True, False]
    for likely, even, back, cost in list(
        zip(
            hour["reachable_kw_prob90"],
            hour["reachable_kw_prob50"],
            hour["rebound_kw"],
            hour["cost_cny_per_kwh"],
            strict=True,
        )
    )[2:]:
        assert 0 < likely < even
        assert back <= 0
        assert cost == sorted(cost)
    assert below["resources"] < shown["resources"]
    assert {"protected"} <= {left["reason"]["code"] for left in shown["left_out"]}
    assert (nowhere.status_code, nowhere.json()["detail"]) == (404, "unknown node 'no-such'")
    assert sideways.status_code == 422


async def test_stream__last_event_id_leaves_out_what_was_seen(api: Api) -> None:
    api.door.stopping.set()
    path = f"{EVENTS}/{RUNNING}/stream"
    whole = (await asked(api, "operator", "GET", path)).text
    seen = next(line.removeprefix("id: ") for line in whole.splitlines() if line.startswith("id: "))
    rest = (await asked(api, "operator", "GET", path, headers={"Last-Event-ID": seen})).text
    wrong = await asked(api, "operator", "GET", path, headers={"Last-Event-ID": "yesterday"})

    assert ("event: state" in whole, "event: figures" in whole) == (True, True)
    assert ("event: state" in rest, "event: figures" in rest) == (False, False)
    assert wrong.status_code == 422
    assert len(api.app.state.reads.streams) == 0


async def test_stream__too_many_listeners(api: Api) -> None:
    await asked(api, "operator", "GET", EVENTS)
    for number in range(STREAMS_MOST):
        api.app.state.reads.streams.take(Principal(f"operator-{number}", Role.OPERATOR))
    response = await asked(api, "operator", "GET", f"{EVENTS}/{RUNNING}/stream")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert response.json()["detail"] == "200 streams are open, the limit is 200; close one, or poll instead"


async def test_access_rounds__only_in_order(api: Api) -> None:
    shown = (await asked(api, "operator", "GET", "/api/v1/access-rounds")).json()
    response = await asked(api, "admin", "POST", "/api/v1/access-rounds", json={"round": shown["last_round"] + 2})

    assert response.status_code == 422
    assert "cannot be opened" in response.json()["detail"]


async def test_readings__windows_are_bounded(api: Api) -> None:
    resource = api.controller.registry.fleet.by_participant[api.a][0]
    query = {"resource": resource, "start": "2026-07-20T00:00:00Z", "end": "2026-07-22T00:00:00Z"}
    long = await asked(api, "a", "GET", "/api/v1/readings", params=query)
    hour = {"start": "2026-07-22T06:00:00Z", "end": "2026-07-22T07:00:00Z"}
    short = await asked(api, "a", "GET", "/api/v1/readings", params=query | hour)

    assert (long.status_code, "longer than 0 and at most 24 h" in long.json()["detail"]) == (422, True)
    assert len(short.json()) == 60
    export = await asked(
        api,
        "a",
        "GET",
        "/api/v1/me/export.json",
        params={"start": "2026-01-01T00:00:00Z", **hour} | {"start": "2026-01-01T00:00:00Z"},
    )
    assert (export.status_code, "at most 744 h" in export.json()["detail"]) == (422, True)
