import json
import subprocess
import sys
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "beichen-vpp"
PACKAGES = ("vpp", "optimizer", "adapters", "simulator")

INSPECT = """
import json, sys
from importlib.metadata import distribution, packages_distributions
from vpp.config_files import config_root
import vpp, optimizer, adapters, simulator
scripts = {e.name: callable(e.load()) for e in distribution("beichen-vpp").entry_points}
names = ("vpp", "optimizer", "adapters", "simulator")
print(json.dumps({
    "files": {name: sys.modules[name].__file__ for name in names},
    "owners": {name: packages_distributions()[name] for name in names},
    "config_root": str(config_root()),
    "scripts": scripts,
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel__holds_our_four_packages_and_nothing_else(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not any("/tests/" in name or name.endswith((".sqlite", ".pyc")) for name in names)


def test_wheel__packages_are_typed(names: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_wheel__carries_every_file_of_configs(names: set[str]) -> None:
    files = {path.relative_to(ROOT / "configs").as_posix() for path in (ROOT / "configs").rglob("*") if path.is_file()}

    assert len(files) >= 8
    assert {f"vpp/_configs/{name}" for name in files} <= names


def test_wheel__installed_names_and_files_are_ours(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-index",
            "--target",
            str(target),
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )

    shown = subprocess.run(
        [sys.executable, "-c", INSPECT],
        cwd=tmp_path,
        env={"PYTHONPATH": str(target), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert shown.returncode == 0, shown.stderr
    seen = json.loads(shown.stdout)
    assert seen["files"] == {package: str(target / package / "__init__.py") for package in PACKAGES}
    assert seen["owners"] == {package: [DISTRIBUTION] for package in PACKAGES}
    assert seen["config_root"] == str(target / "vpp" / "_configs")
    assert seen["scripts"].keys() >= {"vpp", "vpp-sim"}
    assert all(seen["scripts"].values())


def test_environment__no_other_distribution_brings_one_of_our_names() -> None:
    owners = packages_distributions()
    others = {package: set(owners.get(package, ())) - {DISTRIBUTION} for package in PACKAGES}

    assert [package for package, names in others.items() if names] == []
