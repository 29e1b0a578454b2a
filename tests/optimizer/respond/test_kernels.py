from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.judge import candidate
from tests.optimizer.priced_alone import alone
from tests.optimizer.small_problem import random_problem
from vpp.domain.events import Direction
from vpp.domain.flexibility import Storage


@settings(max_examples=120, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    direction=st.sampled_from(list(Direction)),
    scale=st.sampled_from([0.3, 1.0, 3.0]),
    negative=st.booleans(),
)
def test_respond__no_other_answer_earns_more(seed: int, direction: Direction, scale: float, negative: bool) -> None:
    asked = random_problem(seed)
    rng = np.random.default_rng(seed)
    for resource in asked.resources:
        worth = scale * rng.uniform(-1.0 if negative else 0.0, 2.0, asked.grid.count)
        found = alone(asked, resource, worth, direction)
        if found is None:
            continue
        best = found.best_by_highs()
        assert candidate(found.arrays, found.response_kw, "kernel", "").violations == ()
        assert found.earned_cny <= best + 1e-6 * max(1.0, abs(best))
        if isinstance(resource.flexibility, Storage):
            # HiGHS may charge and discharge at once here; the kernel's bound lies between that and the best real path.
            assert found.earned_cny - 1e-6 <= found.profit_cny <= best + 1e-6 * max(1.0, abs(best))
        else:
            assert found.profit_cny == pytest.approx(best, rel=1e-6, abs=1e-6)
            assert found.earned_cny == pytest.approx(best, rel=1e-6, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_respond__battery_is_exact_where_energy_has_a_price(seed: int) -> None:
    asked = random_problem(seed)
    rng = np.random.default_rng(seed)
    for resource in asked.resources:
        if not isinstance(resource.flexibility, Storage):
            continue
        # Without a declared schedule and with prices above its cost, burning energy never pays.
        idle = replace(resource, forecast_kw=np.zeros(asked.grid.count))
        worth = resource.flexibility.cost_cny_per_kwh + rng.uniform(0.1, 2.0, asked.grid.count)
        found = alone(asked, idle, worth, Direction.CURTAIL)
        assert found is not None
        best = found.best_by_highs()
        assert found.profit_cny == pytest.approx(best, rel=1e-6, abs=1e-6)
        assert found.earned_cny == pytest.approx(best, rel=1e-6, abs=1e-6)
