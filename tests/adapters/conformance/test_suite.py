"""The table of checks itself: complete, documented, choosable; and what becomes of a trial that breaks."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from adapters.kit.conformance.case import Broker, ConformanceCase
from adapters.kit.conformance.check import Check, everybody
from adapters.kit.conformance.suite import CHECKS, Outcome, Report, Result, chosen, conform, run_check
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import expect_equal
from adapters.laboratory import VirtualLaboratory
from adapters.standard_cases import CASES, COOLING, STORAGE
from vpp.domain.errors import InputError, InvariantError
from vpp.ports import Clock


def test_checks__are_at_least_sixty_for_every_case() -> None:
    assert len(CHECKS) >= 60
    for case in CASES:
        assert sum(check.why_not(case) == "" for check in CHECKS) >= 60


def test_checks__have_names_rules_and_sources() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.rule.endswith("."), check.name
        assert check.source, check.name


def test_check__without_a_source_is_refused() -> None:
    async def lawless(trial: Trial) -> None:
        """A rule from nowhere."""

    with pytest.raises(InvariantError, match=r"check 'odd.lawless': its docstring names no source"):
        _ = Check("odd", lawless, everybody).rule


def test_chosen__by_group_by_name_and_all() -> None:
    assert chosen(()) == CHECKS
    assert {check.group for check in chosen(["split"])} == {"split"}
    assert [check.name for check in chosen(["split.split_conserves_the_power"])] == ["split.split_conserves_the_power"]


def test_chosen__unknown_is_refused_with_the_groups() -> None:
    with pytest.raises(InputError, match=r"no check is called 'spilt'; groups: driver, offer, split, command"):
        chosen(["spilt"])


def test_run_check__says_why_it_does_not_apply() -> None:
    check = chosen(["promise.reserve_is_kept"])[0]
    result = run_check(check, COOLING, VirtualLaboratory())
    assert (result.outcome, result.detail) == (Outcome.NOT_APPLICABLE, "for storage that may feed back only")


def test_run_check__a_broken_rule_shows_what_was_seen_even_with_the_gateway_running() -> None:
    async def rule(trial: Trial) -> None:
        """A rule that never holds.

        Source: this test
        """
        async with trial.running():
            expect_equal("sum", 2 + 2, 5)

    result = run_check(Check("odd", rule, everybody), STORAGE, VirtualLaboratory())
    assert (result.outcome, result.detail) == (Outcome.FAILED, "sum: saw 4, expected 5")


def test_run_check__a_driver_that_cannot_be_made_is_a_failure_of_the_case() -> None:
    def no_driver(clock: Clock) -> Any:
        raise OSError("no such serial port")

    broken = replace(STORAGE, driver=no_driver)
    result = run_check(chosen(["driver.power_is_in_kw"])[0], broken, VirtualLaboratory())
    assert (result.outcome, result.detail) == (Outcome.FAILED, "the trial was stopped by OSError: no such serial port")


def test_report__conforms_only_when_something_was_tried() -> None:
    check = CHECKS[0]
    assert Report("c", (Result(check, Outcome.PASSED),)).conforms
    assert not Report("c", (Result(check, Outcome.PASSED), Result(check, Outcome.FAILED, "x"))).conforms
    assert not Report("c", (Result(check, Outcome.NOT_APPLICABLE, "x"),)).conforms


def test_conform__every_check_begins_20_s_before_the_case() -> None:
    starts: list[datetime] = []

    class NotingLaboratory:
        def run(self, trial: Callable[[Broker, Clock], Coroutine[Any, Any, None]], start: datetime) -> None:
            starts.append(start)
            VirtualLaboratory().run(trial, start)

    report = conform(STORAGE, NotingLaboratory(), chosen(["driver.power_is_in_kw"]))
    assert report.conforms
    assert [(STORAGE.start - start).total_seconds() for start in starts] == [20.0]


def _changed(**changes: Any) -> ConformanceCase:
    return replace(STORAGE, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"specs": STORAGE.specs[:1]}, "case 'storage': 1 resources, it needs at least 2"),
        (
            {"specs": (replace(STORAGE.specs[0], device_count=1), STORAGE.specs[1])},
            "case 'storage': resource 'r0' has 1 devices, it needs at least 2",
        ),
        (
            {"setpoints_kw": (10.0, 20.0)},
            "case 'storage': setpoints 10 kW and 20 kW do not descend from below the rated 400 kW",
        ),
        (
            {"setpoints_kw": (500.0, 20.0)},
            "case 'storage': setpoints 500 kW and 20 kW do not descend from below the rated 400 kW",
        ),
    ],
)
def test_case__that_cannot_be_tried_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _changed(**changes)
