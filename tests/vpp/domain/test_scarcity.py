"""The price of a scarce call: nothing when calls are ample, rising as they are missed."""

import numpy as np
import pytest

from vpp.domain.flexibility import Series
from vpp.domain.scarcity import Fleetwide, scarcity_prices
from vpp.domain.use_limits import Period

MISSING, LARGEST = 50.0, 1e9


def prices(calls: list[float], probability: list[float], target_kw: float = 100.0) -> Series:
    """Of a cheap (0.4), a dear (0.9) and a dearest resource (1.5 CNY/kWh) of 100 kW each, with weekly limits."""
    fleet = Fleetwide(np.full(3, 100.0), np.array([0.4, 0.9, 1.5]), {Period.WEEK: np.array(calls)})
    return scarcity_prices(
        fleet,
        {Period.WEEK: np.array(probability)},
        target_kw=target_kw,
        shortfall_cny_per_kwh=MISSING,
        largest_cny_per_kwh=LARGEST,
    )


def test_scarcity_prices__ample_calls_cost_nothing() -> None:
    assert prices([5.0, np.inf, np.inf], [0.2, 0.3, 0.5]).tolist() == [0.0, 0.0, 0.0]
    assert prices([2.0, np.inf, np.inf], [1.0, 0.0]).tolist() == [0.0, 0.0, 0.0]


def test_scarcity_prices__the_last_call_is_worth_what_it_would_replace() -> None:
    # One call left, one more event with 60 %: the cheap one, used now, is replaced by the dear one at 0.9 then.
    found = prices([1.0, np.inf, np.inf], [0.4, 0.6])

    assert found.tolist() == pytest.approx([0.6 * (0.9 - 0.4), 0.0, 0.0], rel=1e-6)


def test_scarcity_prices__missing_energy_is_what_scarce_calls_are_kept_for() -> None:
    # 250 kW need all three. The two with one call are used up now, so that the other event, if it comes, falls short.
    found = prices([1.0, 1.0, np.inf], [0.9, 0.1], target_kw=250.0)

    assert found.tolist() == pytest.approx([0.1 * (50.0 - 0.4), 0.1 * (50.0 - 0.9), 0.0], rel=1e-6)


def test_scarcity_prices__rise_with_events_and_fall_with_calls() -> None:
    likely = [0.05, 0.15, 0.2, 0.2, 0.4]
    by_calls = [prices([calls, np.inf, np.inf], likely)[0] for calls in (1.0, 2.0, 3.0, 4.0, 5.0)]
    unlikely = prices([2.0, np.inf, np.inf], [0.5, 0.3, 0.1, 0.06, 0.04])[0]

    assert by_calls == sorted(by_calls, reverse=True)
    assert by_calls[-1] == 0.0
    assert unlikely < by_calls[1]


def test_scarcity_prices__approach_their_end_in_order() -> None:
    fleet = Fleetwide(np.full(2, 100.0), np.array([0.4, 0.9]), {Period.DAY: np.ones(2)})
    found = scarcity_prices(
        fleet,
        {Period.DAY: np.array([0.0, 1.0])},
        target_kw=200.0,
        shortfall_cny_per_kwh=MISSING,
        largest_cny_per_kwh=20.0,
    )

    # A worth of 49.6 approaches 20: one over (1 / 49.6 + 1 / 20).
    assert found[0] == pytest.approx(14.2529, rel=1e-4)
    assert found[1] < found[0] < 20.0


def test_scarcity_prices__of_nobody() -> None:
    none = np.empty(0)
    found = scarcity_prices(
        Fleetwide(none, none, {Period.DAY: none}),
        {Period.DAY: np.array([0.4, 0.6])},
        target_kw=200.0,
        shortfall_cny_per_kwh=MISSING,
        largest_cny_per_kwh=20.0,
    )

    assert found.shape == (0,)
