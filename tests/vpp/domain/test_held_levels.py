from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from tests.vpp.domain.table_samples import table_problem
from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.held_levels import learn_ripple, levels_kw

Z90 = NormalDist().inv_cdf(0.9)


def two(own: float = 0.0, common: float = 0.0) -> DispatchColumns:
    """Two resources of one class that are expected to deliver 80 %."""
    columns = columns_of(table_problem(5))
    return replace(
        columns,
        node_of=np.zeros(2, dtype=np.intp),
        delivery_mean=np.full(2, 0.8),
        delivery_sd=np.full(2, own),
        class_of=np.zeros(2, dtype=np.intp),
        class_sd=np.array([common]),
    )


def test_levels_kw__independent_spreads_add_as_squares_common_ones_as_they_are() -> None:
    response_kw = np.full((1, 1, 2), 100.0)

    own = levels_kw(two(own=0.2), response_kw, np.zeros(2), (0.5, 0.9))[:, 0]
    common = levels_kw(two(common=0.25), response_kw, np.zeros(2), (0.9,))[0, 0]

    assert own[0] == pytest.approx(160.0, rel=1e-3)
    assert own[1] == pytest.approx(160.0 - Z90 * 20.0 * np.sqrt(2.0), rel=0.01)
    assert common == pytest.approx(160.0 - Z90 * 0.25 * 160.0, rel=0.01)


def test_levels_kw__taking_turns_is_harder_than_going_on() -> None:
    throughout = np.full((2, 1, 2), 50.0)
    in_turns = np.array([[[100.0, 0.0]], [[0.0, 100.0]]])

    one, other = (levels_kw(two(own=0.2), kw, np.zeros(2), (0.9,))[0, 0] for kw in (throughout, in_turns))

    # Both resources must deliver: each with a probability of sqrt(0.9).
    assert one == pytest.approx(80.0 - Z90 * 0.2 * 50.0 * np.sqrt(2.0), rel=0.01)
    assert other == pytest.approx(80.0 - NormalDist().inv_cdf(np.sqrt(0.9)) * 20.0, abs=0.05 * 20.0)


def test_levels_kw__ripple_lowers_long_windows_more() -> None:
    short, long = (
        levels_kw(two(), np.full((length, 1, 2), 100.0), np.full(2, 0.1), (0.9,))[0, 0] for length in (1, 16)
    )

    assert short == pytest.approx(160.0 - Z90 * 8.0 * np.sqrt(2.0), rel=0.01)
    assert long < short - 8.0


def test_levels_kw__never_below_nothing() -> None:
    assert levels_kw(two(common=5.0), np.full((1, 1, 2), 100.0), np.zeros(2), (0.9,))[0, 0] == 0.0


def test_learn_ripple__is_what_was_put_in_and_the_prior_where_nothing_was_seen() -> None:
    rng = np.random.default_rng(4)
    asked_kw = np.full((8, 1), 100.0)
    calls = [
        (("a",), asked_kw, asked_kw * f * (1.0 + 0.2 * rng.standard_normal((8, 1)))) for f in rng.uniform(0.5, 1.0, 60)
    ]

    found = learn_ripple([*calls, (("b",), asked_kw[:1], asked_kw[:1])], {"a": 0.05, "b": 0.05})

    assert found["a"] == pytest.approx(0.2, rel=0.08)
    assert found["b"] == pytest.approx(0.05)
