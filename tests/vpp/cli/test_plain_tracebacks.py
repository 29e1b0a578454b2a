"""An error that nobody expected ends a command with Python's own traceback, which logs and reports can take in."""

import subprocess
import sys

import pytest

BREAK = """
from {module} import {app} as app

@app.command("break")
def broken() -> None:
    raise OSError("disk is gone")

app(["break"])
"""


@pytest.mark.parametrize(
    ("module", "app"),
    [("vpp.cli.app", "app"), ("adapters.commands", "adapters_app"), ("simulator.cli", "app")],
)
def test_app__unexpected_error_is_a_plain_traceback(module: str, app: str) -> None:
    code = BREAK.format(module=module, app=app)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Traceback (most recent call last):\n")
    assert ended.stderr.endswith("\nOSError: disk is gone\n")
    assert "\u256d" not in ended.stderr
