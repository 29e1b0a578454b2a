import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from vpp.reporting import sections

Build = Callable[[], dict[str, Any]]


def test_miss_of__counts_missed_and_unknown_intervals_apart(build_report: Build) -> None:
    report = build_report()
    report["waterfall"]["verified_kw"] = [50_000.0, 49_999.9, 48_000.0, None, math.nan, 51_000.0, 51_000.0, 51_000.0]

    miss = sections.miss_of(report)

    assert (miss.largest_kw, miss.count, miss.unknown, miss.total) == (2000.0, 2, 2, 8)


def test_margins_kw__unknown_stays_unknown(build_report: Build) -> None:
    report = build_report()
    report["waterfall"]["verified_kw"] = [51_000.0, None] + [50_000.0] * 6

    assert sections.margins_kw(report)[:3] == [1000.0, None, 0.0]


def test_figure_bars__compare_each_figure_with_the_one_above(build_report: Build) -> None:
    report = build_report()
    levels = {"committed": 100.0, "commanded": 80.0, "acknowledged": 80.0, "metered": 60.0, "verified": 30.0}
    report["waterfall"] = {f"{name}_kw": [level] * 8 for name, level in levels.items()}
    report["target_kw"] = [50.0] * 8

    bars = sections.figure_bars(report)

    assert [bar.mean_share for bar in bars] == [100.0, 80.0, 80.0, 60.0, 30.0]
    assert bars[0].change_percent is None
    assert [bar.change_percent for bar in bars[1:]] == pytest.approx([-20.0, 0.0, -25.0, -50.0])
    assert sections.target_share(report, bars) == 50.0


def test_kind_rows__shares_add_up(build_report: Build) -> None:
    rows = sections.kind_rows(build_report())

    assert len(rows) == 6
    assert sum(row.share_percent or 0.0 for row in rows) == pytest.approx(100.0)


def test_node_rows__most_loaded_first_and_unlimited_last(build_report: Build) -> None:
    report = build_report()
    report["by_node"]["n-04"]["import_limit_kw"] = None
    report["by_node"]["n-07"]["net_flow_kw"][2] = 42_000.0
    report["by_node"]["n-07"]["forecast_kw"][2] = 43_000.0

    rows = sections.node_rows(report)

    assert (rows[0].node_id, rows[0].loading_percent, rows[0].over, rows[0].over_before) == ("n-07", 105.0, True, True)
    assert (rows[-1].node_id, rows[-1].loading_percent, rows[-1].over) == ("n-04", None, False)


def test_by_response__unknown_comes_last(build_report: Build) -> None:
    report = build_report()
    report["participants"][0]["response_kwh"] = None

    ordered = sections.by_response(report)

    assert ordered[0]["id"] == "p-0001"
    assert ordered[-1]["id"] == "p-0000"


def test_settlement_sums__agree_with_the_totals(build_report: Build) -> None:
    report = build_report()
    report["participants"] = [
        {"id": "a", "factor": 1.0, "response_kwh": 100.0, "payment_cny": "120.00"},
        {"id": "b", "factor": 0.2, "response_kwh": 50.0, "payment_cny": "12.00"},
        {"id": "c", "factor": None, "response_kwh": None, "payment_cny": "0.00"},
        {"id": "d", "factor": "0.26", "response_kwh": 0.0, "payment_cny": "0.00"},
    ]
    report["settlement"] |= {"total_payment_cny": "132.00", "total_response_kwh": 150.0}

    sums = sections.settlement_sums(report)

    assert (sums.payment_cny, sums.response_kwh, sums.paid, sums.differs) == (Decimal("132.00"), Decimal(150), 2, False)
    assert sums.mean_price == Decimal("0.88")
    assert [(row.lowest, row.highest, row.participants) for row in sums.rows] == [
        (Decimal("1.0"), Decimal("1.0"), 1),
        (Decimal("0.2"), Decimal("0.26"), 2),
        (None, None, 1),
    ]


@pytest.mark.parametrize(("key", "value"), [("total_payment_cny", "132.01"), ("total_response_kwh", 152.0)])
def test_settlement_sums__a_total_that_does_not_add_up_is_noticed(build_report: Build, key: str, value: object) -> None:
    report = build_report()
    report["participants"] = [{"id": "a", "factor": 1.0, "response_kwh": 150.0, "payment_cny": "132.00"}]
    report["settlement"] |= {"total_payment_cny": "132.00", "total_response_kwh": 150.0, key: value}

    assert sections.settlement_sums(report).differs
