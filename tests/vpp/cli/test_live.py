"""Commands against a running controller: a real server over a caught district."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from tests.vpp.api.district_at_work import DRAFT, NOW, RUNNING, SETTLED, Caught
from tests.vpp.api.serving import Serving, served
from vpp.cli.app import app

WINDOW = ["--start", "2026-07-25T14:00:00+08:00", "--end", "2026-07-25T15:00:00+08:00"]
DECLARED = ["event", "create", *WINDOW, "--program", "beichen-demo", "--target-mw", "2"]


@pytest.fixture(scope="module")
def serving(caught: Caught, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served(caught, tmp_path_factory.mktemp("served") / "store") as running:
        yield running


def run(serving: Serving, *words: str, who: str = "operator", code: int = 0) -> str:
    """Standard output of the command as that caller; its exit code is checked."""
    environment = {"VPP_URL": serving.url, "VPP_API_KEY": serving.api.keys[who], "COLUMNS": "200"}
    result = CliRunner().invoke(app, list(words), env=environment)
    assert result.exit_code == code, result.output
    return result.output


def test_event_create__declares_and_approves(serving: Serving) -> None:
    found = json.loads(run(serving, *DECLARED, "--id", "event-cli", "--approve", "--json"))

    assert (found["id"], found["state"], found["target_kw"]) == ("event-cli", "approved", 2000.0)
    assert "event-cli" in run(serving, "event", "list")


def test_event_create__same_key_declares_once(serving: Serving) -> None:
    another_day = [word.replace("07-25", "07-27") for word in DECLARED]
    first = json.loads(run(serving, *another_day, "--idempotency-key", "once", "--json"))
    second = json.loads(run(serving, *another_day, "--idempotency-key", "once", "--json"))

    assert first == second


def test_event_create__refusal_names_rule_and_limit(serving: Serving) -> None:
    said = run(serving, *DECLARED[:-2], "--target-percent", "101", code=2)

    assert "body.target_percent: Input should be less than or equal to 100" in said


def test_event_create__taken_id_is_a_conflict(serving: Serving) -> None:
    assert f"event id '{SETTLED}' is taken" in run(serving, *DECLARED, "--id", SETTLED, code=1)


def test_event_list__json_holds_what_the_key_may_see(serving: Serving) -> None:
    everything = {event["id"] for event in json.loads(run(serving, "event", "list", "--json"))}
    own = {event["id"] for event in json.loads(run(serving, "event", "list", "--json", who="a"))}

    assert {SETTLED, RUNNING} <= own < everything


def test_event_show__tells_the_course(serving: Serving) -> None:
    said = run(serving, "event", "show", SETTLED)

    assert said.startswith(f"{SETTLED}: settled, 2026-07-22T06:00:00Z to 2026-07-22T07:00:00Z, 3.00 MW per interval")
    assert "draft by operator" in said


def test_event_show__unknown_event(serving: Serving) -> None:
    assert "unknown event 'event-9?'" in run(serving, "event", "show", "event-9?", code=2)


def test_event_cancel__reason_is_kept(serving: Serving) -> None:
    found = json.loads(run(serving, "event", "cancel", DRAFT, "--reason", "rain", "--json"))

    assert (found["state"], found["states"][-1]["reason"]) == ("cancelled", "rain")
    assert "'cancel' is not allowed" in run(serving, "event", "cancel", DRAFT, "--reason", "rain", code=1)


def test_event_watch__ends_with_the_event(serving: Serving) -> None:
    messages = [json.loads(line) for line in run(serving, "event", "watch", SETTLED, "--json").splitlines()]

    assert [message["event"] for message in messages] == ["state", "end"]
    assert messages[0]["data"]["states"][-1]["state"] == "settled"


def test_capability__by_kind_in_percent_of_the_peak(serving: Serving) -> None:
    start, end = NOW + timedelta(minutes=37.5), NOW + timedelta(minutes=97.5)
    words = ["capability", "--start", start.isoformat(), "--end", end.isoformat()]

    found = json.loads(run(serving, *words, "--json"))

    assert found["min_percent"] > 1.0
    assert sum(kind["min_percent"] for kind in found["by_kind"]) <= found["min_percent"] + 1e-9
    assert "factory_line" in run(serving, *words)


def test_capability__table_of_one_notice_by_the_hour(serving: Serving) -> None:
    found = json.loads(run(serving, "capability", "--table", "--json"))
    shown = run(serving, "capability", "--table", "--notice", "day-ahead")

    assert len(found["rows"]) == 16
    # 16:30 in Beijing is the first start; nothing of today can be called on the day before.
    assert "07-22 16:30" in shown
    assert [line.count("–") for line in shown.splitlines() if "07-22 " in line] == [4] * 8
    assert [line.count("–") for line in shown.splitlines() if "07-23 " in line] == [0] * 17
    assert "never called: protected class" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["capability"], "give a window with --start and --end, or ask for the whole day with --table"),
        (["capability", "--table"], "give a running controller with --url (or VPP_URL)"),
        (["event", "list"], "give a running controller with --url (or VPP_URL), or a store with --store"),
        (["capability", *WINDOW], "give a running controller with --url (or VPP_URL)"),
        (["event", "list", "--url", "http://127.0.0.1:1"], "http://127.0.0.1:1 cannot be reached"),
    ],
)
def test_commands__without_a_controller_say_so(words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, words, env={"VPP_URL": "", "VPP_API_KEY": ""})

    assert result.exit_code == 2
    assert said in result.output


def test_commands__wrong_key(serving: Serving) -> None:
    result = CliRunner().invoke(app, ["event", "list", "--url", serving.url, "--api-key", "vpp_wrong"], env={})

    assert result.exit_code == 2
    assert "the API key is not valid" in result.output
