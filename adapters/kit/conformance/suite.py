"""All checks, and how a case is put through them: each on fresh devices, an empty broker and a time of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from adapters.kit.conformance import (
    alone_checks,
    announcement_checks,
    buffer_checks,
    command_checks,
    delivery_checks,
    driver_checks,
    obedience_checks,
    offer_checks,
    order_checks,
    person_checks,
    promise_checks,
    reading_fault_checks,
    refusal_checks,
    restart_checks,
    split_checks,
)
from adapters.kit.conformance.case import Broker, ConformanceCase, Laboratory
from adapters.kit.conformance.check import Check
from adapters.kit.conformance.trial import Trial
from adapters.kit.conformance.verdicts import ConformanceError
from vpp.domain.errors import InputError
from vpp.ports import Clock

CHECKS: tuple[Check, ...] = (
    *driver_checks.CHECKS,
    *offer_checks.CHECKS,
    *split_checks.CHECKS,
    *command_checks.CHECKS,
    *order_checks.CHECKS,
    *refusal_checks.CHECKS,
    *alone_checks.CHECKS,
    *restart_checks.CHECKS,
    *reading_fault_checks.CHECKS,
    *obedience_checks.CHECKS,
    *person_checks.CHECKS,
    *buffer_checks.CHECKS,
    *announcement_checks.CHECKS,
    *delivery_checks.CHECKS,
    *promise_checks.CHECKS,
)
_LEAD_IN = timedelta(seconds=20)


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Result:
    """One check of one case.

    Attributes:
        detail: What was seen and expected, or why the check does not apply; empty when it passed.
    """

    check: Check
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All results of a case."""

    case: str
    results: tuple[Result, ...]

    def count(self, outcome: Outcome) -> int:
        """How many checks ended so."""
        return sum(result.outcome is outcome for result in self.results)

    @property
    def failures(self) -> tuple[Result, ...]:
        """Those that failed, in order."""
        return tuple(result for result in self.results if result.outcome is Outcome.FAILED)

    @property
    def conforms(self) -> bool:
        """Whether at least one check applied and none failed."""
        return not self.failures and self.count(Outcome.PASSED) > 0


def chosen(patterns: Sequence[str]) -> tuple[Check, ...]:
    """The checks whose name is one of ``patterns`` or begins with one of them and a dot; all when there are none.

    Raises:
        InputError: a pattern fits no check.
    """
    if not patterns:
        return CHECKS
    for pattern in patterns:
        if not any(_fits(check, pattern) for check in CHECKS):
            groups = ", ".join(dict.fromkeys(check.group for check in CHECKS))
            raise InputError(f"no check is called {pattern!r}; groups: {groups}")
    return tuple(check for check in CHECKS if any(_fits(check, pattern) for pattern in patterns))


def _fits(check: Check, pattern: str) -> bool:
    return pattern in (check.name, check.group)


def conform(case: ConformanceCase, laboratory: Laboratory, checks: Sequence[Check] = CHECKS) -> Report:
    """Puts ``case`` through ``checks``; a failure ends its own check only."""
    return Report(case.name, tuple(run_check(check, case, laboratory) for check in checks))


def run_check(check: Check, case: ConformanceCase, laboratory: Laboratory) -> Result:
    """One check on fresh devices."""
    if why := check.why_not(case):
        return Result(check, Outcome.NOT_APPLICABLE, why)

    async def trial(broker: Broker, clock: Clock) -> None:
        async with Trial.open(case, broker, clock) as opened:
            await check.run(opened)

    try:
        laboratory.run(trial, case.start - _LEAD_IN)
    except Exception as error:  # noqa: BLE001 - whatever an adapter or driver raises is a verdict on it
        return Result(check, Outcome.FAILED, _told(error))
    return Result(check, Outcome.PASSED)


def _told(error: BaseException) -> str:
    """The rule that broke, where a rule broke; else the first error that stopped the trial."""
    leaves = _leaves(error)
    for leaf in leaves:
        if isinstance(leaf, ConformanceError):
            return str(leaf)
    return f"the trial was stopped by {type(leaves[0]).__name__}: {leaves[0]}"


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]
