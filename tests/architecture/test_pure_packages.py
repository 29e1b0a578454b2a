import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("vpp", "optimizer", "adapters", "simulator")
IMPURE_STANDARD_LIBRARY = {
    "asyncio",
    "http",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
}


def _imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)} imports relatively"
            yield node.module or ""


def _offenders(folder: Path, allowed: set[str]) -> list[str]:
    return sorted(
        f"{path.relative_to(ROOT)} imports {name}"
        for path in folder.rglob("*.py")
        for name in _imports(path)
        if name.split(".")[0] not in allowed and not name.startswith("vpp.domain")
    )


def test_domain__uses_pure_standard_library_and_numpy_only() -> None:
    allowed = (set(sys.stdlib_module_names) - IMPURE_STANDARD_LIBRARY) | {"numpy"}

    assert _offenders(ROOT / "vpp" / "domain", allowed) == []


@pytest.mark.parametrize(("library", "home", "at_most"), [("aiomqtt", "vpp/infra/mqtt", 2)])
def test_library__has_one_home(library: str, home: str, at_most: int) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if any(name.split(".")[0] == library for name in _imports(path))
    }

    assert 1 <= len(users) <= at_most
    assert [user for user in users if not user.startswith(home)] == []


def test_imports__are_absolute_everywhere() -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            list(_imports(path))


def test_independent_check__shares_no_arithmetic_with_the_optimiser() -> None:
    """The optimiser may ask the check for its verdict; neither builds on the other's sums."""
    arithmetic = {"vpp.domain.kind_limits", "vpp.domain.block_runs", "vpp.domain.plan_sums"}
    borrowed = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "optimizer").rglob("*.py")
        for name in _imports(path)
        if name in arithmetic
    ]

    assert borrowed == []
    for name in ("feasibility", "violations", *(module.removeprefix("vpp.domain.") for module in arithmetic)):
        imported = set(_imports(ROOT / "vpp" / "domain" / f"{name}.py"))
        assert not any(found.startswith("optimizer") for found in imported)
