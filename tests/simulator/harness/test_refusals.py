"""Refusals of a scenario as one error of ours."""

from dataclasses import replace

import pytest

from simulator.harness.refusals import one_error, require_program
from simulator.scenario import Scenario
from vpp.domain.errors import BusError, ConfigError, StoreError


def test_require_program__the_demonstrations_own_is_taken(quick: Scenario) -> None:
    require_program(quick)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("lottery", "expected one of beichen-demo, beichen-valley, tianjin-peak, tianjin-valley, found 'lottery'"),
        (
            "tianjin-peak",
            (
                "expected a programme that can be settled: programme 'tianjin-peak' has no value for "
                "'baseline.curtail.default.method'; supply it before it is used"
            ),
        ),
    ],
)
def test_require_program__refuses(quick: Scenario, program: str, expected: str) -> None:
    other = replace(quick, event=replace(quick.event, program=program))

    with pytest.raises(ConfigError) as refusal:
        require_program(other)

    assert str(refusal.value) == f"{quick.path}: event.program: {expected}"
    assert refusal.value.key == "event.program"


def test_one_error__unwraps_an_error_of_ours() -> None:
    ours = StoreError("ledger: the disk is full")

    with pytest.raises(StoreError) as raised, one_error():
        raise ExceptionGroup("outer", [ExceptionGroup("inner", [ours])])

    assert raised.value is ours


@pytest.mark.parametrize("errors", [[KeyError("bug")], [StoreError("full"), BusError("gone")]])
def test_one_error__leaves_the_rest_as_it_is(errors: list[Exception]) -> None:
    with pytest.raises(ExceptionGroup) as raised, one_error():
        raise ExceptionGroup("group", errors)

    assert list(raised.value.exceptions) == errors
