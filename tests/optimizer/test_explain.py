from dataclasses import replace

import pytest

from optimizer import plan_dispatch
from tests.optimizer.small_problem import curtailable, node, problem, series
from vpp.domain.dispatch import DispatchProblem, Planned
from vpp.domain.flexibility import Charging, Flexibility
from vpp.domain.timegrid import INTERVAL_H


def two_feeders() -> DispatchProblem:
    """The cheap one hangs below a feeder that admits 60 kW of response; the dear one does not."""
    cheap = replace(node(2, name="feeder-1", parent="root", forecast=60.0), export_limit_kw=series(0.0, 2))
    offers: dict[str, Flexibility] = {
        name: curtailable(50.0, event=2, count=2, cost=cost)
        for name, cost in (("c1", 0.2), ("c2", 0.3), ("c3", 0.4), ("d", 1.0))
    }
    asked = problem(offers, 100.0, event=2, nodes=(node(2), cheap))
    rest = replace(asked.resources[3], node_id="root")
    return replace(asked, resources=(*asked.resources[:3], rest))


@pytest.mark.parametrize("method", ["exact", "coordinated"])
def test_plan_dispatch__says_what_a_feeders_limit_costs(method: str) -> None:
    outcome = plan_dispatch(two_feeders(), method=method)  # type: ignore[arg-type]
    assert isinstance(outcome, Planned)
    plan = outcome.plan
    assert plan.response_kw["d"] == pytest.approx([40.0, 40.0])
    assert plan.marginals is not None
    assert plan.marginals.target_cny_per_kw == pytest.approx([1.0 * INTERVAL_H] * 2)
    # One more kW of room replaces a kW at 1.00 by one at 0.30 CNY/kWh.
    assert plan.marginals.node_cny_per_kw["feeder-1"] == pytest.approx([-0.7 * INTERVAL_H] * 2)
    limit = next(limit for limit in plan.binding if limit.name.startswith("node:"))
    assert limit.name == "node:feeder-1:export"
    assert limit.saves_cny_per_kw == pytest.approx(0.7 * INTERVAL_H)
    assert limit.text.startswith("node feeder-1: export limit 0 kW binds at 14:")
    assert plan.reasons == {"c1": "cheaper", "c2": "cheaper", "c3": "limit:feeder-1", "d": "cheaper"}
    assert [limit.saves_cny_per_kw for limit in plan.binding] == sorted(
        (limit.saves_cny_per_kw for limit in plan.binding), reverse=True
    )


def test_plan_dispatch__site_with_one_resource_is_still_named() -> None:
    site = replace(node(1, name="site", parent="root"), forecast_kw=series(30.0, 1), export_limit_kw=series(0.0, 1))
    asked = problem({"a": curtailable(50.0, event=1, count=1, cost=1.0)}, 50.0, event=1, nodes=(node(1), site))
    outcome = plan_dispatch(asked)
    assert not isinstance(outcome, Planned)
    assert [limit.name for limit in outcome.binding] == ["node:site:export"]  # type: ignore[union-attr]
    assert outcome.plan.response_kw["a"] == pytest.approx([30.0])  # type: ignore[union-attr]


def test_plan_dispatch__rebound_is_named_with_what_more_room_would_save() -> None:
    # 10 kWh of charging are put off; they come back against a cap, beyond which each kWh costs 20 CNY.
    later = Charging(series(0.0, 2), series(80.0, 2), series([0.0, 20.0], 2), series([10.0, 20.0], 2), 0.1)
    asked = problem({"ev": later}, 40.0, event=1, recovery=1, rebound_cap=30.0, forecast=40.0)
    outcome = plan_dispatch(asked)
    assert isinstance(outcome, Planned)
    assert outcome.plan.rebound_excess_kw == pytest.approx([10.0])
    limit = next(limit for limit in outcome.plan.binding if limit.name == "rebound")
    assert limit.text == "rebound: cap of 30 kW binds at 14:15"
    assert limit.saves_cny_per_kw == pytest.approx(20.0 * INTERVAL_H)
