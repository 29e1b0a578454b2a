import numpy as np
import pytest

from optimizer import plan_dispatch
from optimizer.greedy import admitted
from tests.optimizer.fleet_problem import fleet_problem
from tests.optimizer.small_problem import block, curtailable, problem
from vpp.domain.dispatch import Infeasible, Planned
from vpp.domain.feasibility import check_plan
from vpp.domain.flexibility import Flexibility


def test_admitted__takes_rows_in_order_until_the_room_is_used() -> None:
    use = np.array([[40.0, 10.0], [40.0, 10.0], [40.0, 0.0]])
    share = admitted(use, np.array([60.0, 100.0]), np.zeros(3, dtype=np.bool_))
    assert share == pytest.approx([1.0, 0.5, 0.0])
    share = admitted(use, np.array([60.0, 100.0]), np.ones(3, dtype=np.bool_))
    assert share == pytest.approx([1.0, 0.0, 0.0])


def test_greedy_response__cheapest_first() -> None:
    offers: dict[str, Flexibility] = {
        name: curtailable(100.0, event=2, count=2, cost=cost) for name, cost in (("c", 0.5), ("a", 0.2), ("b", 0.3))
    }
    asked = problem(offers, 250.0, event=2)
    outcome = plan_dispatch(asked, method="greedy")
    assert isinstance(outcome, Planned)
    assert outcome.plan.cost_cny == pytest.approx(37.5)
    assert outcome.plan.response_kw["c"] == pytest.approx([50, 50])


def test_greedy_response__short_calls_take_turns() -> None:
    calls: dict[str, Flexibility] = {
        f"b{i}": block(100.0, event=4, count=4, min_run=2, max_run=2, cost=0.1 * i) for i in range(2)
    }
    outcome = plan_dispatch(problem(calls, 100.0, event=4), method="greedy")
    assert isinstance(outcome, Planned)
    assert outcome.plan.response_kw["b0"] == pytest.approx([100, 100, 0, 0])
    assert outcome.plan.response_kw["b1"] == pytest.approx([0, 0, 100, 100])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_greedy_response__whole_fleet_is_feasible(share: float) -> None:
    asked = fleet_problem(seed=4, target_share=share)
    outcome = plan_dispatch(asked, method="greedy")
    assert not isinstance(outcome, Infeasible)
    assert check_plan(asked, outcome.plan) == ()
    assert outcome.plan.source == "greedy"
