"""A season's promises: calls are spread evenly at little cost, and scarce calls last a heat wave."""

import numpy as np
import pytest

from tests.optimizer.season import ELEVEN, SEASON, FleetSeason, Member, twice_a_day
from vpp.domain.fairness import gini
from vpp.domain.use_limits import Call, Period, UseTerms, allowance

COHORT, POWER_KW = 60, 100.0


def cohort(seed: int) -> list[Member]:
    """Equal capability, costs within 5 % of each other."""
    costs = 0.5 * (1.0 + 0.05 * np.random.default_rng(seed).random(COHORT))
    return [Member(POWER_KW, float(cost)) for cost in costs]


def twenty_events(season: FleetSeason, seed: int) -> float:
    """Cost of twenty events that need about a third of the cohort each, CNY."""
    targets = np.random.default_rng(seed).uniform(0.28, 0.38, 20) * COHORT * POWER_KW
    held = twice_a_day(season, 10, lambda i: float(targets[i]))
    assert all(each.met for each in held)
    return sum(each.cost_cny for each in held)


@pytest.mark.parametrize(("seed", "delivery_sd", "common_sd"), [(7, 0.0, 0.0), (9, 0.0, 0.0), (9, 0.2, 0.06)])
def test_fairness__twenty_events_are_spread_over_equals(seed: int, delivery_sd: float, common_sd: float) -> None:
    uneven = FleetSeason(cohort(seed), fairness=False, delivery_sd=delivery_sd, common_sd=common_sd)
    even = FleetSeason(cohort(seed), delivery_sd=delivery_sd, common_sd=common_sd)
    cheapest, spread = twenty_events(uneven, seed), twenty_events(even, seed)

    always_the_same = gini(uneven.curtailed_h())
    shared = gini(even.curtailed_h())
    assert always_the_same is not None
    assert always_the_same > 0.45
    assert shared is not None
    assert shared <= 0.15
    assert cheapest <= spread <= 1.02 * cheapest


def heat_wave_fleet() -> list[Member]:
    """Cheap, dear and dearest: 2,000, 1,000 and 1,000 kW, the cheaper the scarcer their calls."""
    cheap = Member(POWER_KW, 0.4, UseTerms(2, 6, 10, 1.0))
    dear = Member(POWER_KW, 0.9, UseTerms(1, 7, 20, 2.0))
    dearest = Member(POWER_KW, 1.5, UseTerms(2, None, None, 1.0))
    return [cheap] * 20 + [dear] * 10 + [dearest] * 10


@pytest.mark.parametrize("target_kw", [1_600.0, 1_800.0])
def test_scarcity__ten_event_days_in_a_row(target_kw: float) -> None:
    myopic = FleetSeason(heat_wave_fleet(), scarcity=False, fairness=False)
    planned = FleetSeason(heat_wave_fleet(), fairness=False)
    before = twice_a_day(myopic, 10, lambda _: target_kw)
    after = twice_a_day(planned, 10, lambda _: target_kw)

    # Whoever takes what is cheapest runs out of it: the last days are missed.
    assert [each.met for each in before[-2:]] != [True, True]
    assert sum(not each.met for each in before) >= 4
    assert all(each.met for each in after)


@pytest.mark.parametrize("prices", [True, False])
def test_limits_of_use__none_is_ever_broken(prices: bool) -> None:
    season = FleetSeason(heat_wave_fleet(), scarcity=prices, fairness=prices)
    twice_a_day(season, 10, lambda i: 1_500.0 + 40.0 * i)

    for i, member in enumerate(season.members):
        calls = season.calls.get(i, [])
        for call in calls:
            others = [other for other in calls if other is not call]
            assert allowance(member.terms, others, call, SEASON).why_not is None
        assert allowance(member.terms, calls, Call(ELEVEN, ELEVEN), SEASON).calls_left.get(Period.SEASON, 0) >= 0
