from dataclasses import replace

import numpy as np

from tests.optimizer.small_problem import series
from tests.vpp.cli.optimize_samples import ENERGY, LINE, asked, planned, without_prices
from vpp.cli.optimize_explained import explained
from vpp.domain.dispatch import Infeasible, Planned, TimedOut, Unreachable


def test_explained__prices_limits_and_reasons_of_a_plan() -> None:
    assert explained(asked(), Planned(planned())) == [
        "",
        "interval   target kW  reachable kW  one more kW costs CNY  CNY/kWh",
        "14:00           60.0          60.0                 0.2500   1.0000",
        "14:15           60.0          60.0                 0.7500   3.0000",
        "marginal price: min 0.2500, mean 0.5000, max 0.7500 CNY per kW and interval",
        "",
        "node prices, CNY per kW of response and interval where the limit costs most",
        "   -0.1250  line at 14:15: no room for more response (2 intervals)",
        "",
        "what keeps the plan from being cheaper, by saving",
        "CNY per kW more  limit",
        "         0.5000  resource a: energy of 12 kWh is used up",
        "         0.1250  node line: import limit 900 kW binds at 14:15",
        "              -  target: 60 kW at 14:00",
        "",
        "resources  reason      in words",
        "        2  cheaper     called: it was among the cheapest ways to reach the target",
        "        1  limit:line  limited by line",
    ]


def test_explained__unreachable_target_shows_the_largest_reachable_and_what_stops_it() -> None:
    plan = replace(planned(), shortfall_kw=series([440, 450], 2), reasons={})
    lines = explained(asked(500.0), Unreachable(plan, np.array([60.0, 50.0]), (LINE, ENERGY)))
    assert lines[2:4] == [
        "14:00          500.0          60.0                 0.2500   1.0000",
        "14:15          500.0          50.0                 0.7500   3.0000",
    ]
    assert lines[-4:] == [
        "what stops more, most important first",
        "CNY per kW more  limit",
        "         0.1250  node line: import limit 900 kW binds at 14:15",
        "         0.5000  resource a: energy of 12 kWh is used up",
    ]


def test_explained__a_plan_without_prices_says_so() -> None:
    lines = explained(asked(), TimedOut(without_prices(), "late"))
    assert lines == [
        "",
        "interval   target kW  reachable kW  one more kW costs CNY  CNY/kWh",
        "14:00           60.0          60.0                      -        -",
        "14:15           60.0          60.0                      -        -",
        "marginal prices are not known: the greedy method has none",
    ]


def test_explained__infeasible_names_the_limits_that_contradict() -> None:
    assert explained(asked(), Infeasible("because", (ENERGY,))) == [
        "",
        "what stops more, most important first",
        "CNY per kW more  limit",
        "         0.5000  resource a: energy of 12 kWh is used up",
    ]
