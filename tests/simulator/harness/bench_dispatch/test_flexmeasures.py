from pathlib import Path

import pytest

from simulator.harness.bench_dispatch.flexmeasures import PeerError, peer_answers, peer_python, runner_file
from simulator.harness.bench_dispatch.storage_cases import storage_site


def _other_interpreter(folder: Path, *, installed: bool) -> Path:
    """An environment whose interpreter can do nothing at all."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'nothing here' >&2\nexit 3\n", encoding="utf-8")
    python.chmod(0o755)
    if installed:
        (folder / "lib/python3.11/site-packages/flexmeasures-1.0.1.dist-info").mkdir(parents=True)
    return python


def test_runner_file__is_part_of_the_checkout() -> None:
    assert runner_file().is_file()


def test_peer_python__what_is_there_is_used(tmp_path: Path) -> None:
    python = _other_interpreter(tmp_path, installed=True)

    assert peer_python(tmp_path) == python


def test_peer_python__what_cannot_be_installed_is_said(tmp_path: Path) -> None:
    _other_interpreter(tmp_path, installed=False)

    with pytest.raises(PeerError, match=r"flexmeasures==1\.0\.1 cannot be installed: nothing here"):
        peer_python(tmp_path)


def test_peer_answers__what_fails_is_said(tmp_path: Path) -> None:
    python = _other_interpreter(tmp_path, installed=True)

    with pytest.raises(PeerError, match=r"FlexMeasures \(highspy\) gives no answer: nothing here"):
        peer_answers(python, storage_site(2), back_end="highspy", repeat=1, timeout_s=60.0)
