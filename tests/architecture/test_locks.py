import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADDRESS = re.compile(r"://|--(extra-)?index-url|--find-links|file:|^-i ", re.MULTILINE)


def _pins(name: str) -> dict[str, set[str]]:
    """Versions per package; more than one where platforms or Python versions differ."""
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), flags=re.MULTILINE):
        pins.setdefault(package.lower(), set()).add(version)
    return pins


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "pyproject.toml"])
def test_addresses__none_is_named(name: str) -> None:
    assert ADDRESS.findall((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_hashes__every_pin_has_one(name: str) -> None:
    blocks = re.split(r"^(?=[A-Za-z0-9])", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    pinned = [block for block in blocks if re.match(r"[A-Za-z0-9._-]+==", block)]

    assert len(pinned) > 20
    assert [block.splitlines()[0] for block in pinned if "--hash=sha256:" not in block] == []


def test_versions__both_locks_agree() -> None:
    runtime, development = _pins("requirements.lock"), _pins("requirements-dev.lock")

    assert {name: development.get(name) for name in runtime} == runtime


def test_dependencies__each_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    locked = _pins("requirements.lock")
    groups = project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *groups["build"]]
    names = {re.split(r"[<>=!~ \[]", entry)[0].lower() for entry in wanted}

    assert names - set(locked) == set()
    assert {re.split(r"[<>=!~ \[]", entry)[0].lower() for entry in groups["dev"]} - set(
        _pins("requirements-dev.lock")
    ) == set()


def test_no_lock_of_another_kind() -> None:
    assert not (ROOT / "uv.lock").exists()
