import json
from pathlib import Path

from typer.testing import CliRunner

from simulator.cli import app
from vpp.config_files import config_root

QUICK = config_root() / "districts" / "quick.yaml"


def test_describe__json_adds_up() -> None:
    result = CliRunner().invoke(app, ["describe", str(QUICK), "--json"])

    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert summary["resources"] == sum(row["resources"] for row in summary["by_kind"].values()) > 0
    assert all(row["callable"] <= row["resources"] for row in summary["by_kind"].values())
    assert summary["reference_peak_kw"] > 0


def test_describe__text_names_every_kind() -> None:
    kinds = json.loads(CliRunner().invoke(app, ["describe", str(QUICK), "--json"]).stdout)["by_kind"]

    result = CliRunner().invoke(app, ["describe", str(QUICK)])

    assert result.exit_code == 0
    assert [kind for kind in kinds if kind not in result.stdout] == []


def test_describe__missing_file_is_bad_input(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.yaml"

    result = CliRunner().invoke(app, ["describe", str(missing)])

    assert result.exit_code == 2
    assert result.stderr == f"{missing}: cannot be read (No such file or directory)\n"
