from typing import Any

import pytest

from simulator.harness.bench_dispatch.measured import Measured, Row
from simulator.harness.bench_dispatch.promises import promise_verdicts
from simulator.harness.bench_dispatch.verdicts import Verdict


def _lines(measurement: str, answer: dict[str, Any], **arguments: object) -> dict[str, Verdict]:
    row = Measured(Row("row", measurement, arguments, 1, 1.0), "", [1.0], answers=[answer])
    return {verdict.asked.quantity: verdict for verdict in promise_verdicts([row])}


def _deadline(feasible: float, within_100_ms: float, within_500_ms: float) -> dict[str, Verdict]:
    shares = {"within_100_ms_share": within_100_ms, "within_500_ms_share": within_500_ms}
    return _lines("deadline", {"feasible_share": feasible, **shares, "largest_overshoot_s": 0.2}, calls=1_000)


def _delivered(least: float, most: float, *, resources: int = 1_000, **answer: object) -> dict[str, Verdict]:
    said = {"met_share_min": least, "met_share_max": most, "problems": [], **answer}
    return _lines("delivered", said, resources=resources, blocks=True)


def test_promise_verdicts__deadline_kept() -> None:
    found = _deadline(1.0, 0.995, 1.0)

    assert [verdict.met for verdict in found.values()] == [True, True, True, None]
    assert found["largest overshoot"].value == pytest.approx(0.2)


def test_promise_verdicts__one_call_in_a_thousand_decides() -> None:
    found = _deadline(0.999, 0.994, 0.999)

    assert [verdict.met for verdict in found.values()] == [False, False, False, None]


def test_promise_verdicts__plan_met_neither_too_seldom_nor_too_often() -> None:
    seldom, often = _delivered(0.929, 0.95), _delivered(0.931, 0.976)

    assert seldom["target met, least often"].met is False
    assert seldom["target met, most often"].met is True
    assert often["target met, least often"].met is True
    assert often["target met, most often"].met is False


def test_promise_verdicts__upper_limit_is_for_large_fleets() -> None:
    assert _delivered(0.95, 0.99, resources=300)["target met, most often"].met is None


def test_promise_verdicts__a_plan_that_breaks_a_limit_is_missed() -> None:
    assert _delivered(0.95, 0.96, problems=["line-3: too much"])["problems of the plan"].met is False


def test_promise_verdicts__nothing_of_what_was_not_measured() -> None:
    assert promise_verdicts([Measured(Row("row", "deadline", {}, 1, 1.0), "no answer within 1 s")]) == []
