from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.cli.optimize_samples import ENERGY, LINE, planned, without_prices
from vpp.cli.optimize_outcome import MOST_LIMITS, limits_of, reached, stops, summary
from vpp.domain.dispatch import BindingLimit, Infeasible, Planned, PlanningOutcome, TimedOut, Unreachable

SHORT = Unreachable(replace(planned(), shortfall_kw=np.array([0.0, 400.0])), np.array([60.0, 50.0]), (ENERGY, LINE))


def test_summary__names_source_gap_bound_and_delivery() -> None:
    assert summary(Planned(planned())) == [
        "planned (coordinated, optimal): 30.00 CNY",
        "source coordinated: gap 1.250 %, objective 32.00 CNY, bound 31.60 CNY",
        "delivers at least 65 kW per interval on average, 59 kW in 95 of 100 calls",
        "reaches the target in all intervals at once in 93.4 % of calls",
    ]


def test_summary__says_what_is_not_known() -> None:
    assert summary(Planned(without_prices())) == [
        "planned (greedy, feasible): 30.00 CNY",
        "source greedy: gap unknown, no bound",
    ]


def test_summary__timed_out_and_unreachable_and_infeasible() -> None:
    late = TimedOut(replace(without_prices(), shortfall_kw=np.array([0.0, 12.0])), "0.1 s are over")
    assert summary(late)[0] == "timed out (0.1 s are over): greedy plan, largest shortfall 12 kW"
    assert summary(SHORT)[:2] == [
        "unreachable: largest shortfall 400 kW; at least 50 kW are reached in every interval",
        "source coordinated: gap 1.250 %, objective 32.00 CNY, bound 31.60 CNY",
    ]
    assert summary(Infeasible("resource 'a': min run 3 above max run 2 intervals", (ENERGY,))) == [
        "infeasible: resource 'a': min run 3 above max run 2 intervals"
    ]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Planned(planned()), True),
        (TimedOut(planned(), "late"), True),
        (TimedOut(SHORT.plan, "late"), False),
        (SHORT, False),
        (Infeasible("because", ()), False),
    ],
)
def test_reached__within_one_watt(outcome: PlanningOutcome, expected: bool) -> None:
    assert reached(outcome) is expected


def test_stops__only_where_the_target_is_not_reached() -> None:
    assert stops(Planned(planned())) == []
    assert stops(TimedOut(planned(), "late")) == []
    assert stops(SHORT) == [ENERGY.text, LINE.text]
    assert stops(Infeasible("because", (LINE,))) == [LINE.text]


def test_stops__many_limits_are_counted() -> None:
    many = tuple(BindingLimit("capability", t, f"capability at {t}") for t in range(MOST_LIMITS + 3))
    lines = stops(Infeasible("because", many))
    assert len(lines) == MOST_LIMITS + 1
    assert lines[-1] == "and 3 more, which are in the plan file"


def test_limits_of__the_plan_unless_the_outcome_names_its_own() -> None:
    assert limits_of(Planned(planned())) == planned().binding
    assert limits_of(TimedOut(planned(), "late")) == planned().binding
    assert limits_of(SHORT) == (ENERGY, LINE)
