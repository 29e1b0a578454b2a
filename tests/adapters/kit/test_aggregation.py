"""Devices to resources, and what quality that gives."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.kit.aggregation import Aggregator
from adapters.kit.driver import DeviceReadings
from tests.adapters.adapter_cases import readings
from tests.adapters.gateway_rig import process
from vpp.domain.telemetry import Quality

SPECS = (process("r2", 2), process("r1", 0))


def read(power_kw: list[float], register_wh: list[int], online: list[bool]) -> DeviceReadings:
    return dataclasses.replace(
        readings(4, online=online), power_kw=np.array(power_kw), register_wh=np.array(register_wh)
    )


@given(st.lists(st.floats(-100, 100), min_size=4, max_size=4), st.lists(st.integers(0, 10**12), min_size=4, max_size=4))
def test_add__sums_in_the_order_of_the_resources(power_kw: list[float], register_wh: list[int]) -> None:
    minute = Aggregator(SPECS, 4).add(read(power_kw, register_wh, [True] * 4))
    assert minute.power_kw == pytest.approx([power_kw[2] + power_kw[3], power_kw[0] + power_kw[1]])
    assert minute.register_wh.tolist() == [register_wh[2] + register_wh[3], register_wh[0] + register_wh[1]]
    assert minute.quality == (Quality.GOOD, Quality.GOOD)


def test_add__holds_the_last_value_and_says_so() -> None:
    aggregator = Aggregator(SPECS, 4)
    aggregator.add(read([1, 2, 3, 4], [10, 20, 30, 40], [True] * 4))
    minute = aggregator.add(read([9, 0, 0, 0], [11, 0, 0, 0], [True, False, False, False]))
    assert minute.power_kw.tolist() == [7.0, 11.0]
    assert minute.register_wh.tolist() == [70, 31]
    assert minute.quality == (Quality.MISSING, Quality.SUSPECT)
    assert aggregator.add(None).quality == (Quality.MISSING, Quality.MISSING)


def test_add__power_that_is_no_number_counts_as_no_answer() -> None:
    aggregator = Aggregator(SPECS, 4)
    aggregator.add(read([1, 2, 3, 4], [0] * 4, [True] * 4))
    minute = aggregator.add(read([float("nan"), 2, 3, 4], [0] * 4, [True] * 4))
    assert minute.power_kw.tolist() == [7.0, 3.0]
    assert minute.quality == (Quality.GOOD, Quality.SUSPECT)


def test_add__power_far_beyond_the_rating_is_suspect() -> None:
    minute = Aggregator(SPECS, 4).add(read([0, 0, 301, 0], [0] * 4, [True] * 4))
    assert minute.power_kw.tolist() == [301.0, 0.0]
    assert minute.quality == (Quality.SUSPECT, Quality.GOOD)


def test_wire_readings__lists_what_was_never_read() -> None:
    aggregator = Aggregator(SPECS, 4)
    minute = aggregator.add(read([1, 2, 3, 4], [1, 2, 3, 4], [True, True, False, False]))
    rows, unread = aggregator.wire_readings(minute)
    assert [(row.resource_id, row.power_kw, row.register_wh) for row in rows] == [("r1", 3.0, 3)]
    assert unread == ["r2"]


def test_add__a_gateway_without_resources_has_nothing_to_say() -> None:
    aggregator = Aggregator((), 0)
    assert aggregator.wire_readings(aggregator.add(None)) == ([], [])
