"""Response by register differences, in whole watts."""

from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from vpp.domain.errors import InputError
from vpp.domain.events import Direction
from vpp.domain.performance import CountNegative, Delivery, grade, kwh, measure_response
from vpp.domain.timegrid import TimeGrid

GRID = TimeGrid(datetime(2026, 7, 20, 6, tzinfo=UTC), 4)
NAN = float("nan")


def delivery(
    baseline_kw: list[list[float]],
    metered_wh: list[list[float]],
    committed_kw: float = 10.0,
    called: list[list[bool]] | None = None,
) -> Delivery:
    shape = np.array(baseline_kw).shape
    return Delivery(
        tuple(f"m{i}" for i in range(shape[0])),
        GRID,
        np.array(baseline_kw),
        np.array(metered_wh),
        np.full(shape, committed_kw),
        np.full(shape, fill_value=True) if called is None else np.array(called),
    )


def test_measure_response__golden() -> None:
    # 100 kW for a quarter is 25000 Wh. Metered 22500, 25000, 26250, 20000 Wh are 90, 100, 105, 80 kW:
    # responses 10, 0, -5, 20 kW; net (10 + 0 - 5 + 20) / 4 = 6.25 kWh, positive only 30 / 4 = 7.5 kWh.
    response = measure_response(delivery([[100.0] * 4], [[22500, 25000, 26250, 20000]]), Direction.CURTAIL)

    assert response.response_w.tolist() == [[10000, 0, -5000, 20000]]
    net = grade(response, CountNegative.NET)
    assert (net.net_kwh, net.actual_kwh, net.committed_kwh) == (Decimal("6.25"), Decimal("6.25"), Decimal(10))
    assert net.ratio == Decimal("0.625")
    positive = grade(response, CountNegative.POSITIVE_ONLY)
    assert (positive.net_kwh, positive.actual_kwh) == (Decimal("6.25"), Decimal("7.5"))


def test_measure_response__fill_counts_more_load_as_positive() -> None:
    response = measure_response(delivery([[100.0] * 4], [[30000.0] * 4]), Direction.FILL)

    assert response.net_kwh == Decimal(20)


def test_measure_response__quantises_the_baseline_to_a_watt() -> None:
    response = measure_response(delivery([[0.0014, 0.0016, 1.0, 1.0]], [[0.0, 0, 0, 0]]), Direction.CURTAIL)

    assert response.baseline_w.tolist() == [[1, 2, 1000, 1000]]


def test_measure_response__missing_intervals_leave_both_sides_of_the_ratio() -> None:
    response = measure_response(delivery([[100.0] * 4], [[22500, NAN, NAN, 22500]]), Direction.CURTAIL)

    graded = grade(response, CountNegative.NET)

    assert graded.actual_kwh == Decimal(5)
    assert graded.committed_kwh == Decimal(5)
    assert graded.ratio == Decimal(1)
    assert response.findings() == ("m0: 2 of 4 called intervals have no good register pair",)


def test_measure_response__meter_without_baseline_is_reported_not_zero() -> None:
    response = measure_response(delivery([[100.0] * 4, [NAN] * 4], [[22500] * 4, [1000] * 4]), Direction.CURTAIL)

    assert response.net_kwh == Decimal(10)
    assert response.findings() == ("m1: no sufficient baseline, 4 called intervals not counted",)


def test_grade__only_called_intervals_count() -> None:
    called = [[True, True, False, False]]
    response = measure_response(delivery([[100.0] * 4], [[22500] * 4], called=called), Direction.CURTAIL)

    graded = grade(response, CountNegative.NET)

    assert (graded.actual_kwh, graded.committed_kwh) == (Decimal(5), Decimal(5))


def test_grade__nothing_called_has_no_ratio() -> None:
    response = measure_response(delivery([[1.0] * 4], [[0] * 4], called=[[False] * 4]), Direction.CURTAIL)

    assert grade(response, CountNegative.NET).ratio is None


def test_grade__meters_are_summed_before_negative_intervals_are_dropped() -> None:
    # m0 +10 kW, m1 -4 kW in every interval: 6 kW x 1 h, not 10 kW.
    response = measure_response(delivery([[100.0] * 4, [100.0] * 4], [[22500] * 4, [26000] * 4]), Direction.CURTAIL)

    assert grade(response, CountNegative.POSITIVE_ONLY).actual_kwh == Decimal(6)


def test_of__selects_meters() -> None:
    response = measure_response(delivery([[100.0] * 4, [50.0] * 4], [[22500] * 4, [0] * 4]), Direction.CURTAIL)

    part = response.of(["m1"])

    assert part.meter_ids == ("m1",)
    assert part.net_kwh == Decimal(50)


def test_kwh__is_exact() -> None:
    assert kwh(1) == Decimal("0.00025")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda: delivery([[1.0] * 3], [[1.0] * 3]), r"baseline_kw has shape \(1, 3\), expected \(1, 4\)"),
        (lambda: delivery([[1.0] * 4], [[1.0, 2.5, 3, 4]]), "metered_wh of 'm0' is 2.5, expected a whole number of Wh"),
        (
            lambda: delivery([[1.0] * 4], [[1.0] * 4], -1.0),
            "committed_kw of 'm0' is -1.0, expected a number of kW >= 0",
        ),
        (lambda: delivery([[1.0] * 4], [[1.0] * 4], NAN), "committed_kw of 'm0' is nan, expected a number of kW >= 0"),
    ],
)
def test_delivery__refuses(broken: object, message: str) -> None:
    assert callable(broken)
    with pytest.raises(InputError, match=message):
        broken()
