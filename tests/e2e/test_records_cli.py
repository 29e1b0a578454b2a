"""The commands that read a store, on the store of a finished run and on damaged copies of it."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.e2e.conftest import RecordedRun
from vpp.cli.app import app

ONLY_A_SIMULATION_KNOWS = {"scenario", "seed", "log_hash", "truth"}


def vpp(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def copied(quick_run: RecordedRun, tmp_path: Path) -> Path:
    """A store of one's own to break."""
    return Path(shutil.copytree(quick_run.store, tmp_path / "copy"))


def change(store: Path, statement: str, *values: object, database: str = "ledger") -> None:
    """Alters one row as a forger would, who first removes the triggers that refuse it."""
    with closing(sqlite3.connect(store / f"{database}.sqlite")) as connection, connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        assert connection.execute(statement, values).rowcount == 1


def test_report_command__rebuilds_the_report(quick_run: RecordedRun) -> None:
    result = vpp("report", "event-1", "--store", quick_run.store, "--json")

    assert result.exit_code == 0, result.output
    rebuilt = json.loads(result.stdout)
    expected = {key: value for key, value in quick_run.report.items() if key not in ONLY_A_SIMULATION_KNOWS}
    # What would have been drawn without the event is the simulation's secret too.
    expected["load"] = expected["load"] | {"no_event_kw": None}
    assert rebuilt == expected


def test_report_command__for_people_and_as_a_page(quick_run: RecordedRun, tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    result = vpp("report", "event-1", "--store", quick_run.store, "--html", page)

    assert result.exit_code == 0, result.output
    assert quick_run.report["verdict"]["text_en"] in result.stdout
    assert quick_run.report["verdict"]["text_zh"] in result.stdout
    assert f"{quick_run.report['waterfall']['verified_kw'][0] / 1000:.2f}" in result.stdout
    assert page.read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")


def test_settle_command__twice_gives_the_same_bytes(quick_run: RecordedRun, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"

    results = [vpp("settle", "event-1", "--store", quick_run.store, "--out", out, "--json") for out in (first, second)]

    assert [result.exit_code for result in results] == [0, 0]
    assert first.read_bytes() == second.read_bytes() == (quick_run.out / "statements.jsonl").read_bytes()
    summary = json.loads(results[0].stdout)
    assert summary == json.loads(results[1].stdout)
    assert summary["equals_issued"] is True
    assert summary["sha256"] == quick_run.report["settlement"]["statements_sha256"]
    assert summary["total_response_kwh"] == quick_run.report["settlement"]["total_response_kwh"]
    assert summary["total_payment_cny"] == quick_run.report["settlement"]["total_payment_cny"]


def test_settle_command__an_altered_register_shows(copied: Path) -> None:
    called = json.loads(vpp("settle", "event-1", "--store", copied, "--json").stdout)
    change(
        copied,
        "UPDATE reading SET register_wh = register_wh + 1 WHERE (meter, at) = "
        "(SELECT meter, at FROM reading JOIN meter ON meter.key = reading.meter "
        "WHERE at = ? AND id LIKE 'building-%-cooling%' ORDER BY id LIMIT 1)",
        1784701800,
        database="archive",
    )

    result = vpp("settle", "event-1", "--store", copied)

    assert result.exit_code == 1
    assert "equals_issued: False" in result.stdout
    assert called["equals_issued"] is True


def test_event_list__shows_the_event(quick_run: RecordedRun) -> None:
    listed = json.loads(vpp("event", "list", "--store", quick_run.store, "--json").stdout)

    assert listed == [
        {
            "id": "event-1",
            "state": "settled",
            "start": "2026-07-22T06:00:00Z",
            "end": "2026-07-22T07:00:00Z",
            "program": "beichen-demo",
        }
    ]
    plain = vpp("event", "list", "--store", quick_run.store)
    assert plain.exit_code == 0
    assert plain.stdout == "event-1  settled  2026-07-22T06:00:00Z  2026-07-22T07:00:00Z  beichen-demo\n"


def test_event_show__tells_its_course(quick_run: RecordedRun) -> None:
    shown = json.loads(vpp("event", "show", "event-1", "--store", quick_run.store, "--json").stdout)

    assert shown["states"] == quick_run.report["event"]["states"]
    assert [r["revision"] for r in shown["revisions"]] == list(range(1, len(shown["revisions"]) + 1))
    assert len(shown["revisions"]) == 1 + len(quick_run.report["redispatches"])
    assert shown["commands"] > 0
    plain = vpp("event", "show", "event-1", "--store", quick_run.store)
    assert plain.exit_code == 0
    assert "revision 1: first plan (planned)" in plain.stdout
    assert f"{shown['commands']} commands; times are UTC, the district's zone is Asia/Shanghai" in plain.stdout


def test_audit_verify__a_run_is_sound(quick_run: RecordedRun) -> None:
    result = vpp("audit", "verify", "--store", quick_run.store, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "sound": True,
        "broken_at": None,
        "reason": None,
        "log_hash": quick_run.report["log_hash"],
    }
    plain = vpp("audit", "verify", "--store", quick_run.store)
    assert plain.stdout == f"sound: True, log {quick_run.report['log_hash']}\n"


def test_audit_verify__one_byte_of_one_fact(copied: Path) -> None:
    with closing(sqlite3.connect(copied / "ledger.sqlite")) as connection:
        position, payload = connection.execute(
            "SELECT position, payload FROM fact WHERE kind = 'PlanIssued' ORDER BY position LIMIT 1"
        ).fetchone()
    at = payload.index(b'"aim_kw":[') + len(b'"aim_kw":[')
    altered = payload[:at] + (b"9" if payload[at : at + 1] != b"9" else b"8") + payload[at + 1 :]
    change(copied, "UPDATE fact SET payload = ? WHERE position = ?", altered, position)

    result = vpp("audit", "verify", "--store", copied, "--json")
    plain = vpp("audit", "verify", "--store", copied)

    assert result.exit_code == plain.exit_code == 1
    found = json.loads(result.stdout)
    assert (found["sound"], found["broken_at"]) == (False, position)
    assert f"the chain breaks at fact {position}: digest does not follow from the payload" in plain.stdout


def test_audit_verify__a_fact_taken_out(copied: Path) -> None:
    change(copied, "DELETE FROM fact WHERE position = ?", 10)

    found = json.loads(vpp("audit", "verify", "--store", copied, "--json").stdout)

    assert (found["broken_at"], found["reason"]) == (10, "fact is missing; the next one has position 11")


COMMANDS = (
    ("report", "event-1"),
    ("settle", "event-1"),
    ("event", "list"),
    ("event", "show", "event-1"),
    ("audit", "verify"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_records__no_store_there(command: tuple[str, ...], tmp_path: Path) -> None:
    result = vpp(*command, "--store", tmp_path / "nowhere")

    assert result.exit_code == 2
    assert result.stderr == (
        f"error: {tmp_path / 'nowhere'}: ledger.sqlite: expected a store folder with this file in it\n"
    )
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", [("report",), ("settle",), ("event", "show")])
def test_records__unknown_event(command: tuple[str, ...], quick_run: RecordedRun) -> None:
    result = vpp(*command, "event-9", "--store", quick_run.store, "--json")

    assert result.exit_code == 2
    assert result.stderr == "error: unknown event 'event-9'\n"
    assert result.stdout == ""


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def overwrite(text: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("ledger.sqlite", overwrite("not a database, but long enough to look like one" * 40), "file is not a database"),
        (
            "archive.sqlite",
            overwrite("not a database, but long enough to look like one" * 40),
            "file is not a database",
        ),
        ("fleet.json", cut_short, "fleet.json: expected the file that a run wrote: Input data was truncated"),
        ("fleet.json", overwrite('{"nodes": 1}'), "fleet.json: expected the file that a run wrote: Expected `array`"),
        ("network.json", Path.unlink, "network.json: expected the file that a run wrote: [Errno 2]"),
        ("programs/beichen-demo.yaml", cut_short, "programs/beichen-demo.yaml: "),
        ("programs/beichen-demo.yaml", Path.unlink, "unknown programme 'beichen-demo'"),
    ],
)
def test_report_command__a_damaged_file(
    copied: Path, name: str, damage: Callable[[Path], object], message: str
) -> None:
    damage(copied / name)

    result = vpp("report", "event-1", "--store", copied)

    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"error: {copied if name.endswith('sqlite') else ''}")
    assert message in result.stderr
    assert Path(name).stem in result.stderr
    assert "Traceback" not in result.output


def test_report_command__a_fleet_that_does_not_hang_together(copied: Path) -> None:
    file = copied / "fleet.json"
    fleet = json.loads(file.read_text(encoding="utf-8"))
    fleet["sites"][0]["node_id"] = "moon"
    file.write_text(json.dumps(fleet), encoding="utf-8")

    result = vpp("report", "event-1", "--store", copied)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {file}: expected the file that a run wrote: site ")
    assert "names unknown node 'moon'" in result.stderr


@pytest.mark.parametrize("command", [("settle", "--out"), ("report", "--html")])
def test_records__a_place_that_cannot_be_written(
    command: tuple[str, str], quick_run: RecordedRun, tmp_path: Path
) -> None:
    target = tmp_path / "no-folder" / "file"

    result = vpp(command[0], "event-1", "--store", quick_run.store, command[1], target)

    assert result.exit_code == 2
    assert result.stderr == f"error: {target}: cannot be written (No such file or directory)\n"
