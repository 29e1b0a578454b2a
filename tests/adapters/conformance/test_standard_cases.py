"""Each of our adapters, on devices in memory, passes every shared check that applies to it."""

import pytest

from adapters.kit.conformance.case import ConformanceCase
from adapters.kit.conformance.suite import Outcome, conform
from adapters.laboratory import VirtualLaboratory
from adapters.standard_cases import CASES
from vpp.domain.fleet import ResourceKind

LEAST_CHECKS = 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_conform__standard_adapters_pass(case: ConformanceCase) -> None:
    report = conform(case, VirtualLaboratory())
    assert [(result.check.name, result.detail) for result in report.failures] == []
    assert report.conforms
    assert report.count(Outcome.PASSED) >= LEAST_CHECKS
    # What does not apply says why, and is no more than what other kinds have to themselves.
    left_out = [result for result in report.results if result.outcome is Outcome.NOT_APPLICABLE]
    assert all(result.detail for result in left_out)
    assert len(left_out) <= 20


def test_cases__cover_every_kind() -> None:
    assert {case.subject.kind for case in CASES} == set(ResourceKind)
