"""The example of ``docs/adapters.md``: it passes the suite, and the page shows the very file."""

from pathlib import Path

from adapters.conform_command import load_cases
from adapters.kit.conformance.suite import CHECKS, Outcome, conform
from adapters.laboratory import VirtualLaboratory

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = DOCS / "examples" / "adapter_heat_pump.py"


def test_heat_pump__passes_the_suite() -> None:
    (case,) = load_cases(f"{EXAMPLE}:CASE")
    report = conform(case, VirtualLaboratory())
    assert [(result.check.name, result.detail) for result in report.failures] == []
    assert report.count(Outcome.PASSED) >= 60


def test_page__shows_the_example_as_it_is() -> None:
    page = (DOCS / "adapters.md").read_text(encoding="utf-8")
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```\n" in page


def test_page__names_every_group_of_checks() -> None:
    page = (DOCS / "adapters.md").read_text(encoding="utf-8")
    assert [group for group in {check.group for check in CHECKS} if f"`{group}`" not in page] == []
