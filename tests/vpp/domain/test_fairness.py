"""Gini, by hand."""

import numpy as np
import pytest

from vpp.domain.fairness import Choice, fairness_prices, gini, use_excess


def test_gini__worked_values() -> None:
    assert gini([1.0, 1.0, 1.0]) == pytest.approx(0.0)
    # One of four has all: (4 - 1) / 4.
    assert gini([0.0, 0.0, 0.0, 8.0]) == pytest.approx(0.75)
    # 1, 3: mean absolute difference over all pairs 1, over twice the mean 4: 0.25.
    assert gini([3.0, 1.0]) == pytest.approx(0.25)


def test_gini__means_nothing_without_any_call() -> None:
    assert gini([]) is None
    assert gini([0.0, 0.0]) is None


def test_use_excess__against_the_mean_of_the_cohort() -> None:
    # Cohort a: shares 0.5, 0 and 1 of the hours they could have been called, a mean of 0.5.
    found = use_excess(np.array([1.0, 0.0, 4.0, 3.0]), np.array([2.0, 2.0, 4.0, 3.0]), ["a", "a", "a", "b"])

    assert found.tolist() == [1.0, 0.0, 2.0, 1.0]


def test_use_excess__nothing_without_calls() -> None:
    assert use_excess(np.zeros(2), np.array([0.0, 5.0]), ["a", "a"]).tolist() == [0.0, 0.0]


def test_fairness_prices__keep_to_the_budget() -> None:
    rng = np.random.default_rng(5)
    cost = rng.uniform(0.4, 0.8, 50)
    choice = Choice(np.full(50, 100.0), cost, np.zeros(50), target_kw=1_700.0)
    excess = np.where(cost < np.median(cost), 2.0, 0.0)

    for budget in (0.0, 0.01, 0.05):
        price = fairness_prices(choice, excess, extra_cost_fraction=budget)
        assert choice.cost_cny_per_h(price) <= (1.0 + budget) * choice.cost_cny_per_h(np.zeros(50)) * (1 + 1e-9)
        assert (price >= 0).all()


def test_fairness_prices__turn_to_who_was_never_called() -> None:
    choice = Choice(np.full(2, 100.0), np.array([0.50, 0.505]), np.zeros(2), target_kw=100.0)
    price = fairness_prices(choice, np.array([2.0, 0.0]), extra_cost_fraction=0.02)

    assert 0.50 + price[0] > 0.505
    assert price[1] == 0.0


def test_fairness_prices__none_where_all_have_borne_the_same() -> None:
    choice = Choice(np.full(2, 100.0), np.array([0.5, 0.6]), np.zeros(2), target_kw=100.0)

    assert fairness_prices(choice, np.ones(2), extra_cost_fraction=0.02).tolist() == [0.0, 0.0]
    nobody = Choice(np.empty(0), np.empty(0), np.empty(0), target_kw=100.0)
    assert fairness_prices(nobody, np.empty(0), extra_cost_fraction=0.02).shape == (0,)
