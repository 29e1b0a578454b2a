"""One controller per store folder."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vpp.domain.errors import StoreError
from vpp.infra.store.sole_writer import sole_writer

MEMORY = "sqlite://"
_HOLD = """
import sys
from pathlib import Path
from vpp.infra.store.sole_writer import sole_writer

with sole_writer(Path(sys.argv[1]), "sqlite://"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_sole_writer__second_one_is_told_who_holds_it(tmp_path: Path) -> None:
    with (
        sole_writer(tmp_path, MEMORY),
        pytest.raises(StoreError, match=rf"is in use by another controller \(process {os.getpid()}\)"),
        sole_writer(tmp_path, MEMORY),
    ):
        pass
    with sole_writer(tmp_path, MEMORY):
        pass


def test_sole_writer__killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"held\n"
    with pytest.raises(StoreError, match=rf"process {child.pid}"), sole_writer(tmp_path, MEMORY):
        pass
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdin.close()
    child.stdout.close()
    with sole_writer(tmp_path, MEMORY):
        pass


def test_sole_writer__missing_folder(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match=r"controller.lock cannot be opened \(No such file or directory\)"),
        sole_writer(tmp_path / "none", MEMORY),
    ):
        pass
