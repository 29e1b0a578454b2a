from dataclasses import replace

import numpy as np
import pytest

from tests.vpp.domain.test_holding import battery, block, curtailable, portfolio
from vpp.domain.columns import DispatchColumns, columns_of
from vpp.domain.flexibility import Cooling, Series
from vpp.domain.merit_order import cost_curve_cny_per_kwh


def curve(columns: DispatchColumns, response_kw: Series, first_kw: Series) -> list[float]:
    return [float(x) for x in cost_curve_cny_per_kwh(columns, response_kw, first_kw)[0]]


def test_cost_curve__cheapest_fifths_first() -> None:
    # The battery (0.3) gives two fifths, the block (0.5 and 1 CNY for starting) three.
    columns = columns_of(portfolio(block(60.0, 8), battery(40.0, 100.0)))
    response_kw = np.array([[[60.0, 40.0]]] * 4)

    steps = curve(columns, response_kw, np.zeros((4, 1, 0)))

    assert steps == pytest.approx([0.3, 0.3, *[0.5 + 1.0 / 60.0] * 3])


def test_cost_curve__second_segments_and_undelivered_kilowatts_cost_more() -> None:
    columns = columns_of(portfolio(curtailable(100.0)))
    halved = replace(columns, delivery_mean=np.array([0.5]))

    # Half of the response is from the first segment at 0.5, half from the second at 1.0; half of all is delivered.
    steps = curve(halved, np.full((2, 1, 1), 100.0), np.full((2, 1, 1), 50.0))

    assert steps == pytest.approx([1.0, 1.0, 1.5, 2.0, 2.0])


def test_cost_curve__warmth_is_paid_for() -> None:
    cooling = Cooling(np.full(120, 100.0), 50.0, 1.0, 0.01, 9.0, 0.0, 0.2, 4.0)

    # 1 K, then 2 K, for a quarter hour each: 3 CNY on 50 kWh.
    steps = curve(columns_of(portfolio(cooling)), np.full((2, 1, 1), 100.0), np.zeros((2, 1, 0)))

    assert steps == pytest.approx([0.2 + 3.0 / 50.0] * 5)


def test_cost_curve__nothing_costs_nothing_known() -> None:
    columns = columns_of(portfolio(block(60.0, 8)))

    assert np.isnan(cost_curve_cny_per_kwh(columns, np.zeros((2, 1, 1)), np.zeros((2, 1, 0)))).all()
