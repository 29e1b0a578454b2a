"""Sharing power out conserves the sum and respects every limit."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.split import fill_in_order, fill_proportionally
from vpp.domain.flexibility import Series

TOLERANCE_KW = 1e-6


@st.composite
def limits(draw: st.DrawFn) -> tuple[Series, Series, Series]:
    count = draw(st.integers(1, 12))
    values = st.lists(st.floats(-500, 500), min_size=count, max_size=count)
    one, other = np.array(draw(values)), np.array(draw(values))
    weight = np.array(draw(st.lists(st.one_of(st.just(0.0), st.floats(0.01, 100)), min_size=count, max_size=count)))
    return np.minimum(one, other), np.maximum(one, other), weight


@given(limits(), st.floats(-8000, 8000))
def test_fill_proportionally__conserves_the_sum_within_limits(
    given_limits: tuple[Series, Series, Series], total_kw: float
) -> None:
    lower, upper, weight = given_limits
    powers = fill_proportionally(total_kw, lower, upper, weight)
    assert (powers >= lower - TOLERANCE_KW).all()
    assert (powers <= upper + TOLERANCE_KW).all()
    assert powers.sum() == pytest.approx(np.clip(total_kw, lower.sum(), upper.sum()), abs=1e-5)


def test_fill_proportionally__is_proportional_where_no_limit_binds() -> None:
    powers = fill_proportionally(60.0, np.zeros(3), np.array([100.0, 100.0, 10.0]), np.array([1.0, 2.0, 3.0]))
    assert powers == pytest.approx([50.0 / 3, 100.0 / 3, 10.0])


@st.composite
def on_off(draw: st.DrawFn) -> tuple[Series, Series, Any]:
    count = draw(st.integers(1, 12))
    minimum = np.array(draw(st.lists(st.floats(0, 50), min_size=count, max_size=count)))
    maximum = minimum + np.array(draw(st.lists(st.floats(0, 100), min_size=count, max_size=count)))
    return minimum, maximum, np.array(draw(st.permutations(range(count))))


@given(on_off(), st.floats(-10, 1500))
def test_fill_in_order__off_or_between_minimum_and_maximum(given_limits: Any, total_kw: float) -> None:
    minimum, maximum, order = given_limits
    powers = fill_in_order(total_kw, minimum, maximum, order)
    running = powers > 0
    assert (powers[running] >= minimum[running] - TOLERANCE_KW).all()
    assert (powers <= maximum + TOLERANCE_KW).all()
    assert powers.sum() <= max(total_kw, 0.0) + TOLERANCE_KW
    rest = max(total_kw, 0.0) - powers.sum()
    if rest > TOLERANCE_KW:
        assert powers[running] == pytest.approx(maximum[running])
        off = ~running & (maximum > 0)
        assert (minimum[off] > rest - TOLERANCE_KW).all()
