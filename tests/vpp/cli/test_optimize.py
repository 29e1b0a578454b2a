import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.optimizer.small_problem import block, curtailable, problem
from vpp.cli.optimize import optimize_command
from vpp.infra.dispatch_files import problem_file

app = typer.Typer()
app.command()(optimize_command)


def asked(tmp_path: Path, target: float) -> Path:
    path = tmp_path / "problem.json"
    given = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, target, event=2)
    path.write_text(problem_file(given).model_dump_json(), encoding="utf-8")
    return path


@pytest.mark.parametrize("method", ["auto", "exact", "coordinated", "greedy"])
def test_optimize_command__reached_target(tmp_path: Path, method: str) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 50.0)), "--out", str(out), "--method", method, "--explain"])
    assert result.exit_code == 0, result.output
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer["outcome"] == "planned"
    assert answer["source"] == ("exact" if method == "auto" else method)
    assert answer["reasons"] == {"a": "cheaper"}
    assert answer["reason_texts"]["a"]["zh"] == "被调用：属于达到目标的较低成本资源"
    assert "25.00 CNY" in result.output
    assert f"source {answer['source']}: gap" in result.output
    assert "        1  cheaper  called: it was among the cheapest ways to reach the target" in result.output


def test_optimize_command__unreachable_target(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 500.0)), "--out", str(out)])
    assert result.exit_code == 1
    assert "unreachable: largest shortfall 400 kW" in result.output
    assert "capability: all resources together reach at most 100 kW of 500 kW at 14:00" in result.output
    assert json.loads(out.read_text(encoding="utf-8"))["largest_kw"] == [100.0, 100.0]


def test_optimize_command__explains_an_unreachable_target(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 500.0)), "--out", str(out), "--explain"])
    assert result.exit_code == 1
    assert "14:00          500.0         100.0" in result.output
    assert "what stops more, most important first" in result.output
    assert result.output.count("capability: all resources together reach at most 100 kW of 500 kW at 14:00") == 1


def test_optimize_command__filling_raises_the_setpoint(tmp_path: Path) -> None:
    path, out = asked(tmp_path, 50.0), tmp_path / "plan.json"
    given = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**given, "direction": "fill"}), encoding="utf-8")
    result = CliRunner().invoke(app, [str(path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer["setpoint_kw"]["a"] == pytest.approx([1050.0, 1050.0])


def test_optimize_command__contradiction_is_named(tmp_path: Path) -> None:
    path, out = asked(tmp_path, 50.0), tmp_path / "plan.json"
    given = problem({"x": block(50.0, event=2, count=2, minimum=60.0)}, 10.0, event=2)
    path.write_text(problem_file(given).model_dump_json(), encoding="utf-8")
    result = CliRunner().invoke(app, [str(path), "--out", str(out)])
    assert result.exit_code == 1
    assert "infeasible: resource 'x': least response 60 kW above available 50 kW in interval 0" in result.output
    assert json.loads(out.read_text(encoding="utf-8"))["binding"][0]["name"] == "resource:x:minimum"


def test_optimize_command__reserve_was_replaced(tmp_path: Path) -> None:
    path = asked(tmp_path, 50.0)
    given = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**given, "reserve_fraction": 0.15}), encoding="utf-8")
    result = CliRunner().invoke(app, [str(path), "--out", str(tmp_path / "plan.json")])
    assert result.exit_code == 2
    assert "reserve_fraction: 0.15: Value error, a fixed reserve is no longer held: coverage" in result.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "magic"], "--method 'magic' is not known, expected one of: auto, exact, coordinated, greedy"),
        (["--deadline-s", "-1"], "--deadline-s -1 is not a finite number of seconds above 0"),
    ],
)
def test_optimize_command__bad_option(tmp_path: Path, options: list[str], message: str) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 50.0)), "--out", str(out), *options])
    assert result.exit_code == 2
    assert message in result.output
    assert not out.exists()


def test_optimize_command__bad_file(tmp_path: Path) -> None:
    path = tmp_path / "problem.json"
    path.write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(app, [str(path), "--out", str(tmp_path / "plan.json")])
    assert result.exit_code == 2
    assert "problem.json: start:" in result.output


def test_optimize_command__help_names_methods_files_and_exit_codes() -> None:
    result = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert result.exit_code == 0
    for words in ("auto|exact|coordinated|greedy", "dispatch-problem.schema.json", "PLAN.json", "2 on bad input"):
        assert words in result.output
