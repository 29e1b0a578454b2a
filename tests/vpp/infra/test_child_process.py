import os
import subprocess
import sys
from pathlib import Path

SHORT = "/tmp"  # noqa: S108 - where a short name is
PROGRAM = """
from multiprocessing import util
from vpp.infra.child_process import keep_socket_names_short
keep_socket_names_short()
print(util.get_temp_dir())
"""


def folder_of_sockets(temporary: Path) -> str:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.strip()


def test_keep_socket_names_short__a_long_folder_is_left_alone(tmp_path: Path) -> None:
    long = tmp_path / ("long" * 30)
    long.mkdir()
    assert folder_of_sockets(long).startswith(f"{SHORT}/pymp-")
    assert list(long.iterdir()) == []


def test_keep_socket_names_short__a_short_one_is_used() -> None:
    assert folder_of_sockets(Path(SHORT)).startswith(f"{SHORT}/pymp-")
