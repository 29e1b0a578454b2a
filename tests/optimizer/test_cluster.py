from dataclasses import fields, replace

import numpy as np
import pytest

from optimizer import plan_columns, plan_dispatch
from optimizer.cluster import clustered
from optimizer.plan import EXACT_BELOW
from simulator.harness.dispatch_fleet import synthetic_fleet
from tests.optimizer.small_problem import problem
from vpp.domain.columns import DispatchColumns
from vpp.domain.dispatch import Infeasible, Planned
from vpp.domain.feasibility import check_columns
from vpp.domain.flexibility import Curtailable, Flexibility

GROWS = {
    "segment_1_kw", "segment_2_kw", "energy_max_kwh", "forecast_kw", "power_min_kw", "power_max_kw", "energy_floor_kwh",
    "energy_ceiling_kwh", "available_kw", "payback_max_kw", "discomfort_cny_per_kh", "capacity_kwh", "soc_kwh",
    "soc_min_kwh", "soc_end_kwh",
}  # fmt: skip


def copied(columns: DispatchColumns, sizes: list[float]) -> DispatchColumns:
    """Every resource in several sizes, which together are as large as it was."""
    total, copies = sum(sizes), len(sizes)

    def several(kind: object) -> dict[str, np.ndarray]:
        found = {}
        for field in fields(kind):  # type: ignore[arg-type]
            figures = getattr(kind, field.name)
            if field.name == "index":
                found["index"] = np.concatenate([figures * copies + c for c in range(copies)])
                continue
            parts = []
            for size in sizes:
                factor = size / total
                grown = figures * factor if field.name in GROWS else figures
                parts.append(grown / factor if field.name == "gain_k_per_kw" else grown)
            found[field.name] = np.concatenate(parts)
        return found

    def each(figures: np.ndarray) -> np.ndarray:
        return np.repeat(figures, copies)

    return replace(
        columns,
        ids=[f"r{i}" for i in range(columns.count * copies)],
        node_of=each(columns.node_of),
        delivery_mean=each(columns.delivery_mean),
        delivery_sd=each(columns.delivery_sd),
        class_of=each(columns.class_of),
        use_price_cny_per_kwh=each(columns.use_price_cny_per_kwh),
        reserved=each(columns.reserved),
        curtailable=replace(columns.curtailable, **several(columns.curtailable)),
        block=replace(columns.block, **several(columns.block)),
        charging=replace(columns.charging, **several(columns.charging)),
        cooling=replace(columns.cooling, **several(columns.cooling)),
        storage=replace(columns.storage, **several(columns.storage)),
    )


def test_clustered__copies_of_all_sizes_cost_what_one_costs() -> None:
    one = synthetic_fleet(60, event=8, blocks=False, seed=2)
    many = copied(one, [1.0, 2.5, 0.3, 7.0, 1.0, 4.0])
    packed = clustered(many)
    assert packed is not None
    assert packed.columns.count == 60
    assert packed.share == pytest.approx(packed.share.clip(0.0, 1.0))
    alone, together = plan_columns(one, method="exact"), plan_columns(many)
    assert not isinstance(alone, Infeasible)
    assert not isinstance(together, Infeasible)
    assert many.count >= EXACT_BELOW
    assert together.plan.source == "exact"
    assert together.plan.objective_cny == pytest.approx(alone.plan.objective_cny, rel=1e-8)
    response_kw = np.array([together.plan.response_kw[name] for name in many.ids])
    assert check_columns(many, response_kw) == ()


def test_clustered__as_few_are_asked_as_can_do_it() -> None:
    offers: dict[str, Flexibility] = {
        f"c{i}": Curtailable(np.full(2, 100.0), np.full(2, 50.0), 0.2, 0.9, 60.0) for i in range(10)
    }
    outcome = plan_dispatch(problem(offers, [250.0, 120.0], event=2))
    assert isinstance(outcome, Planned)
    asked = [name for name, kw in outcome.plan.response_kw.items() if kw.max() > 0.0]
    assert len(asked) == 3
    assert outcome.plan.cost_cny == pytest.approx(0.2 * 370.0 * 0.25)


def test_clustered__nothing_alike_stays_as_it_is() -> None:
    assert clustered(synthetic_fleet(200, blocks=True)) is None


@pytest.mark.parametrize("figure", ["node_of", "delivery_mean", "use_price_cny_per_kwh"])
def test_clustered__what_is_priced_or_limited_apart_stays_apart(figure: str) -> None:
    many = copied(synthetic_fleet(40, event=4, blocks=False, seed=3), [1.0, 1.0, 1.0])
    packed = clustered(many)
    assert packed is not None
    values = getattr(many, figure).copy()
    values[::3] = values[::3] + 1
    if figure == "node_of":
        values = np.minimum(values, len(many.nodes.ids) - 1)
    again = clustered(replace(many, **{figure: values}))
    assert again is None or again.columns.count > packed.columns.count


def test_clustered__spreads_of_members_add_up_as_independent_ones() -> None:
    many = copied(synthetic_fleet(40, event=4, blocks=False, seed=3), [1.0, 1.0, 1.0, 1.0])
    packed = clustered(replace(many, delivery_sd=np.full(many.count, 0.2)))
    assert packed is not None
    movers = np.concatenate([packed.columns.charging.index, packed.columns.cooling.index, packed.columns.storage.index])
    assert packed.columns.delivery_sd[movers] == pytest.approx(0.1)
    # Of divisible curtailment few are asked, which spreads less: it stays as it is.
    assert packed.columns.delivery_sd[packed.columns.curtailable.index] == pytest.approx(0.2)
