"""``vpp adapters conform`` on our cases, on a file, and on what is no case."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.commands import adapters_app
from adapters.conform_command import EXIT_BAD_INPUT, EXIT_CONFORMS, EXIT_FAILS, load_cases
from adapters.standard_cases import CASES, STORAGE
from vpp.domain.errors import InputError

BROKEN = """
from dataclasses import replace
import numpy as np
from adapters.standard_cases import LIGHTING

class Doubles:
    def offer(self, request):
        return LIGHTING.adapter.offer(request)
    def split(self, spec, setpoint_kw, readings):
        return 2 * LIGHTING.adapter.split(spec, setpoint_kw, readings)
    def resplits_on_change(self):
        return False

CASE = replace(LIGHTING, name="doubles", adapter=Doubles())
"""


def test_conform_command__says_how_many_passed() -> None:
    ran = CliRunner().invoke(adapters_app, ["conform", "adapters.standard_cases:STORAGE", "--only", "split"])
    assert ran.exit_code == EXIT_CONFORMS
    assert "storage: conforms (10 passed, 0 failed, 3 not applicable; " in ran.stdout


def test_conform_command__a_failure_shows_rule_and_source(tmp_path: Path) -> None:
    file = tmp_path / "doubling_adapter.py"
    file.write_text(BROKEN)
    ran = CliRunner().invoke(adapters_app, ["conform", f"{file}:CASE", "--only", "split.split_conserves_the_power"])
    assert ran.exit_code == EXIT_FAILS
    assert "FAILED split.split_conserves_the_power: sum of the shares in kW: saw 520, expected 260" in ran.stdout
    assert "(DESIGN 2, adapters" in ran.stdout
    assert "doubles: does not conform (0 passed, 1 failed, 0 not applicable; " in ran.stdout


def test_conform_command__json_has_every_check() -> None:
    ran = CliRunner().invoke(
        adapters_app, ["conform", "adapters.standard_cases:CASES", "--only", "driver.power_is_in_kw", "--json"]
    )
    assert ran.exit_code == EXIT_CONFORMS
    reports = json.loads(ran.stdout)
    assert [report["case"] for report in reports] == [case.name for case in CASES]
    assert reports[0]["counts"] == {"passed": 1, "failed": 0, "not applicable": 0}
    assert reports[0]["results"][0]["source"] == "style guide, units"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "'nonsense' is not of the form MODULE:CASE, such as adapters.standard_cases:CASES"),
        (["no.such:CASE"], "module 'no.such' cannot be imported: No module named 'no'"),
        (["missing.py:CASE"], "missing.py is not a Python file that can be read"),
        (["adapters.standard_cases:NOBODY"], "is NoneType, not a ConformanceCase or a tuple of them"),
        (["adapters.standard_cases:STORAGE", "--only", "spilt"], "no check is called 'spilt'"),
    ],
)
def test_conform_command__bad_input_is_named(arguments: list[str], message: str) -> None:
    ran = CliRunner().invoke(adapters_app, ["conform", *arguments])
    assert ran.exit_code == EXIT_BAD_INPUT
    assert message in ran.stderr


def test_load_cases__one_or_several() -> None:
    assert load_cases("adapters.standard_cases:STORAGE") == (STORAGE,)
    assert load_cases("adapters.standard_cases:CASES") == CASES
    with pytest.raises(InputError, match="is dict, not a ConformanceCase"):
        load_cases("adapters.kit.checked_driver:GROUP_OF")
