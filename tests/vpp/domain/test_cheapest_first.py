"""Cheapest first, in closed form."""

import numpy as np

from vpp.domain.cheapest_first import cheapest_shares, order_of


def test_cheapest_shares__takes_the_cheapest_first() -> None:
    power = np.array([100.0, 50.0, 0.0, 80.0])
    order = order_of(np.array([0.9, 0.4, 0.1, 0.6]))

    assert order.tolist() == [2, 1, 3, 0]
    assert cheapest_shares(power, order, 90.0).tolist() == [0.0, 1.0, 0.0, 0.5]
    assert cheapest_shares(power, order, 1e6).tolist() == [1.0, 1.0, 0.0, 1.0]
    assert cheapest_shares(np.empty(0), order_of(np.empty(0)), 10.0).shape == (0,)
