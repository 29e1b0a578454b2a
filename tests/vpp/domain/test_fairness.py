"""Gini, by hand."""

import pytest

from vpp.domain.fairness import gini


def test_gini__worked_values() -> None:
    assert gini([1.0, 1.0, 1.0]) == pytest.approx(0.0)
    # One of four has all: (4 - 1) / 4.
    assert gini([0.0, 0.0, 0.0, 8.0]) == pytest.approx(0.75)
    # 1, 3: mean absolute difference over all pairs 1, over twice the mean 4: 0.25.
    assert gini([3.0, 1.0]) == pytest.approx(0.25)


def test_gini__means_nothing_without_any_call() -> None:
    assert gini([]) is None
    assert gini([0.0, 0.0]) is None
