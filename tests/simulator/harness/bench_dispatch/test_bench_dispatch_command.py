import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from simulator.harness.bench import bench_app
from simulator.harness.bench_dispatch.plan import Group, Options, ours, peers


def test_rows__peers_only_where_they_come_back() -> None:
    options = Options(sizes=(1_000, 100_000))

    rows = [row for row in peers(options, {(1_000, True): 2.5}) if row.measurement == "whole"]

    assert {row.arguments["resources"] for row in rows} == {1_000}
    equal = [row for row in rows if row.arguments["blocks"]]
    assert [row.arguments["time_limit_s"] for row in equal] == [2.5]
    assert len(ours(options)) == 4 + 1 + 2 + 1 + 2


@pytest.mark.parametrize(
    ("group", "own", "peer"),
    [
        (Group.DISPATCH, {"planned", "replanned"}, {"whole"}),
        (Group.STORAGES, {"scheduled"}, {"relaxed"}),
        (Group.DEADLINE, {"deadline"}, set()),
        (Group.DELIVERY, {"delivered"}, set()),
    ],
)
def test_rows__of_one_part_only(group: Group, own: set[str], peer: set[str]) -> None:
    options = Options(sizes=(1_000,), groups=(group,))

    assert {row.measurement for row in ours(options)} == own
    assert {row.measurement for row in peers(options, {})} == peer


def test_rows__deadline_has_time_for_all_its_calls() -> None:
    (row,) = ours(Options(calls=2_000, groups=(Group.DEADLINE,)))

    assert row.arguments["calls"] == 2_000
    assert row.timeout_s >= 2_000 * 2.5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bench_dispatch__writes_figures_and_plot(tmp_path: Path) -> None:
    file = tmp_path / "dispatch.json"

    ran = CliRunner().invoke(bench_app, ["dispatch", "--quick", "--sizes", "60", "--no-peers", "--json", str(file)])

    assert ran.exit_code in {0, 1}, ran.output
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["bench"] == "dispatch"
    assert [row["arguments"]["resources"] for row in said["rows"]] == [60, 60, 60]
    assert all(row["problem"] == "" and row["peak_rss_mb"] > 0 for row in said["rows"])
    assert [row["measurement"] for row in said["promises"]] == ["deadline", "delivered", "delivered"]
    assert all(row["problem"] == "" for row in said["promises"])
    assert said["notes"] == ["peers were left out"]
    assert "seconds against resources" in file.with_suffix(".html").read_text(encoding="utf-8")


def test_bench_dispatch__sizes_are_whole_numbers() -> None:
    ran = CliRunner().invoke(bench_app, ["dispatch", "--sizes", "12,x"])

    assert ran.exit_code == 2
    assert "expected whole numbers" in ran.output


@pytest.mark.timeout(200)
def test_bench_dispatch__one_part_says_what_it_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "delivery.json"

    ran = CliRunner().invoke(bench_app, ["dispatch", "--quick", "--only", "delivery", "--json", str(file)])

    assert ran.exit_code == 0, ran.output
    said = json.loads(file.read_text(encoding="utf-8"))
    assert said["rows"] == said["storages"] == []
    assert said["notes"] == [f"{name} was left out" for name in ("dispatch", "storages", "deadline")]
    assert not file.with_suffix(".html").exists()


def test_bench_dispatch__an_unknown_part_is_refused() -> None:
    ran = CliRunner().invoke(bench_app, ["dispatch", "--only", "weather"])

    assert ran.exit_code == 2
