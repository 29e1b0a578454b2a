import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tests.optimizer.small_problem import curtailable, problem
from vpp.cli.optimize import optimize_command
from vpp.infra.dispatch_files import problem_file

app = typer.Typer()
app.command()(optimize_command)


def asked(tmp_path: Path, target: float) -> Path:
    path = tmp_path / "problem.json"
    given = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, target, event=2)
    path.write_text(problem_file(given).model_dump_json(), encoding="utf-8")
    return path


@pytest.mark.parametrize("method", ["auto", "exact", "greedy"])
def test_optimize_command__reached_target(tmp_path: Path, method: str) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 50.0)), "--out", str(out), "--method", method, "--explain"])
    assert result.exit_code == 0, result.output
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer["outcome"] == "planned"
    assert answer["source"] == ("greedy" if method == "greedy" else "exact")
    assert answer["reasons"] == {"a": "cheaper"}
    assert "25.00 CNY" in result.output


def test_optimize_command__unreachable_target(tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    result = CliRunner().invoke(app, [str(asked(tmp_path, 500.0)), "--out", str(out)])
    assert result.exit_code == 1
    assert "unreachable: largest shortfall 400 kW" in result.output
    assert "capability: all resources together reach at most 100 kW of 500 kW at 14:00" in result.output
    assert json.loads(out.read_text(encoding="utf-8"))["largest_kw"] == [100.0, 100.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "coordinated"], "--method 'coordinated' is not in this version"),
        (["--method", "magic"], "--method 'magic' is not known, expected one of: auto, exact, greedy"),
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
