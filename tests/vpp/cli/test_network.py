"""``vpp network`` against a running controller."""

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from tests.vpp.api.district_at_work import Caught
from tests.vpp.api.serving import Serving, served
from vpp.cli.app import app

MOVED = ["network", "reassign", "quick-snow-line-2", "quick-beicang", "--reason", "a line fault"]
WINDOW = ["--start", "2026-07-25T14:00:00+08:00", "--end", "2026-07-25T15:00:00+08:00"]


@pytest.fixture(scope="module")
def serving(caught: Caught, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with served(caught, tmp_path_factory.mktemp("served") / "store") as running:
        yield running


def run(serving: Serving, *words: str, who: str = "operator", code: int = 0) -> str:
    environment = {"VPP_URL": serving.url, "VPP_API_KEY": serving.api.keys[who], "COLUMNS": "200"}
    result = CliRunner().invoke(app, list(words), env=environment)
    assert result.exit_code == code, result.output
    return result.output


def test_network__is_moved_limited_and_shown(serving: Serving) -> None:
    moved = json.loads(run(serving, *MOVED, "--json", "--idempotency-key", "once"))
    assert (moved["node_id"], moved["parent_id"]) == ("quick-snow-line-2", "quick-beicang")
    assert "quick-snow-line-2 from quick-snow to quick-beicang: a line fault" in run(
        serving, *MOVED, "--idempotency-key", "once"
    )
    said = run(serving, "network", "limit", "quick-beicang", *WINDOW, "--import-mw", "20", "--reason", "heat")
    assert "import 20 MW, export as registered: heat" in said

    shown = run(serving, "network", "show")

    assert "    quick-snow-line-2  import 18 MW, export 9 MW (moved)" in shown
    assert shown.index("quick-beicang  import") < shown.index("quick-snow-line-2  import")
    assert len(json.loads(run(serving, "network", "show", "--json"))["changes"]) == 2


def test_network__refusals_name_thing_and_limit(serving: Serving) -> None:
    assert "unknown node 'moon'" in run(serving, "network", "reassign", "moon", "quick", "--reason", "x", code=2)
    again = ["network", "reassign", "quick-shuangkou", "quick", "--reason", "x"]
    assert "node 'quick-shuangkou' hangs below 'quick' already" in run(serving, *again, code=1)
    assert "operator" in run(serving, *again, who="a", code=2)
