"""Which store a command reads, and what it says when that is not clear."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.vpp.bootstrap.set_up_store import set_up_store
from vpp.cli.app import app
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger

COMMANDS = (("report", "e"), ("settle", "e"), ("event", "list"), ("event", "show", "e"), ("audit", "verify"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    set_up_store(tmp_path / "store")
    file = tmp_path / "vpp.yaml"
    file.write_text("store: {folder: store}\nreference_peak: {kw: 1000, source: test, date: 2026-07-01}\n")
    return file


def _vpp(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], env={"VPP_URL": ""})


@pytest.mark.parametrize("command", COMMANDS)
def test_read_records__both_given(command: tuple[str, ...], config: Path, tmp_path: Path) -> None:
    refused = _vpp(*command, "--store", tmp_path, "--config", config)

    assert refused.exit_code == 2
    assert refused.stderr == (
        f"error: --store {tmp_path} and --config {config} each name a store: give one of the two\n"
    )


@pytest.mark.parametrize("command", [("report", "e"), ("settle", "e"), ("audit", "verify")])
def test_read_records__neither_given(command: tuple[str, ...]) -> None:
    refused = _vpp(*command)

    assert refused.exit_code == 2
    assert refused.stderr == (
        "error: give the store folder of a run with --store, or the settings of a controller with --config\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_read_records__settings_that_cannot_be_read(command: tuple[str, ...], tmp_path: Path) -> None:
    refused = _vpp(*command, "--config", tmp_path / "nowhere.yaml")

    assert refused.exit_code == 2
    assert refused.stderr == f"error: {tmp_path / 'nowhere.yaml'}: cannot be read (No such file or directory)\n"


def test_read_records__a_controller_that_was_never_started(config: Path) -> None:
    refused = _vpp("audit", "verify", "--config", config)

    ledger = config.parent / "store" / "ledger.sqlite"
    assert refused.exit_code == 2
    assert refused.stderr == f"error: {config}: {ledger}: there is no such database\n"
    assert not ledger.exists()


def test_read_records__a_controller_without_events(config: Path) -> None:
    folder = StoreFolder(config.parent / "store")
    open_ledger(folder.ledger_url).close()
    open_archive(folder.archive_url).close()

    listed = _vpp("event", "list", "--config", config, "--json")

    assert (listed.exit_code, listed.stdout) == (0, "[]\n")
    assert _vpp("audit", "verify", "--config", config).stdout == f"sound: True, log {'0' * 64}\n"


def test_read_records__set_up_files_are_missing(config: Path) -> None:
    folder = StoreFolder(config.parent / "store")
    open_ledger(folder.ledger_url).close()
    open_archive(folder.archive_url).close()
    (folder.path / "fleet.json").unlink()

    refused = _vpp("event", "list", "--config", config)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {folder.path / 'fleet.json'}: expected the file that a run wrote")
