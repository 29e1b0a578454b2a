from dataclasses import replace

import numpy as np
import pytest

from optimizer import plan_columns
from simulator.harness.bench_dispatch.delivery import delivery_figures, uncertain_fleet
from vpp.domain.dispatch import Planned


def test_uncertain_fleet__every_kind_is_a_class_of_its_own() -> None:
    columns = uncertain_fleet(100, blocks=True, seed=0)

    kinds = (columns.curtailable, columns.block, columns.charging, columns.cooling, columns.storage)
    assert [set(columns.class_of[kind.index]) for kind in kinds] == [{0}, {1}, {2}, {3}, {4}]
    assert columns.class_sd.argmax() == 2


def test_delivery_figures__without_spread_all_or_nothing() -> None:
    columns = uncertain_fleet(60, blocks=False, seed=0)
    certain = replace(columns, delivery_sd=np.zeros(60), class_sd=np.zeros(5))
    outcome = plan_columns(certain, method="exact")
    assert isinstance(outcome, Planned)

    met = delivery_figures(certain, outcome.plan, draws=700, seed=1)
    more = delivery_figures(replace(certain, target_kw=1.01 * certain.target_kw), outcome.plan, draws=700, seed=1)

    assert met["draws"] == 700
    assert met["met_share"] == [1.0] * certain.event_intervals
    assert met["problems"] == []
    assert more["met_share_min"] == 0.0
    assert more["problems"] != []


def test_delivery_figures__agree_with_the_plan() -> None:
    columns = uncertain_fleet(60, blocks=False, seed=0)
    outcome = plan_columns(columns, method="exact")
    assert isinstance(outcome, Planned)

    figures = delivery_figures(columns, outcome.plan, draws=5_000, seed=1)

    assert figures["met_share_min"] >= 0.93
    assert figures["all_met_share"] == pytest.approx(figures["joint_probability"], abs=0.03)
