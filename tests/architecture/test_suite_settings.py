import re
import socket
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _warn_from(module: str) -> None:
    warnings.warn_explicit("on trial", UserWarning, filename="trial.py", lineno=1, module=module, registry={})


@pytest.mark.parametrize(
    "module", ["vpp", "vpp.domain.timegrid", "optimizer.model", "adapters", "simulator.harness.run"]
)
def test_warning_filters__own_warning_is_an_error(module: str) -> None:
    with pytest.raises(UserWarning, match="on trial"):
        _warn_from(module)


@pytest.mark.parametrize("module", ["vppx", "adapters_of_others.core", "amqtt.broker"])
def test_warning_filters__warning_of_a_library_is_none(module: str) -> None:
    with pytest.warns(UserWarning, match="on trial"):
        _warn_from(module)


def test_warning_filters__hold_in_a_real_run(tmp_path: Path) -> None:
    trial = tmp_path / "test_trial.py"
    trial.write_text(
        "import warnings\n"
        "from types import ModuleType\n"
        "def test_trial():\n"
        "    module = ModuleType('optimizer.trial')\n"
        "    exec('import warnings\\ndef go(): warnings.warn(\"from within\", stacklevel=1)', module.__dict__)\n"
        "    module.go()\n"
    )

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            str(ROOT / "pyproject.toml"),
            str(trial),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert run.returncode == 1, run.stdout
    assert "UserWarning: from within" in run.stdout


def test_network_guard__refuses_other_hosts() -> None:
    refused = pytest.raises(ConnectionRefusedError, match=r"loopback only, not to 192\.0\.2\.1")

    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, refused:
        probe.connect(("192.0.2.1", 9))


def test_ruff_ignores__each_names_its_reason() -> None:
    inside = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[tool.ruff.lint]")[1].split("[tool.mypy]")[0]
    ignores = re.findall(r'^  "[A-Z]+[0-9]*",.*$', inside, flags=re.MULTILINE)

    assert len(ignores) > 10
    assert [line for line in ignores if not re.search(r"# \w.{10,}", line) and "as vpp/cli" not in line] == []


def test_ci__runs_check_and_test() -> None:
    commands = [
        line
        for line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]

    assert commands == ["make check test"]


def test_make_check__runs_every_gate() -> None:
    dry = subprocess.run(["make", "--dry-run", "check"], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    for gate in ("ruff format --check", "ruff check", "mypy", "lint-imports", ".ci/schemas"):
        assert gate in dry


def test_mypy__covers_source_and_tests() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]

    assert mypy["strict"] is True
    assert set(mypy["packages"]) == {"vpp", "optimizer", "adapters", "simulator", "tests"}
