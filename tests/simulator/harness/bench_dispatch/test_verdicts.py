import math
from typing import Any

import pytest

from simulator.harness.bench_dispatch.measured import Measured, Row
from simulator.harness.bench_dispatch.storage_rows import StorageRun
from simulator.harness.bench_dispatch.verdicts import Asked, Fleets, Verdict, fleet_verdicts, storage_verdicts


def _measured(measurement: str, seconds: float, answer: dict[str, Any], **arguments: object) -> Measured:
    row = Row("row", measurement, arguments, 1, 1.0)
    return Measured(row, "", [seconds], 0.0, 0.0, 400.0, [answer])


def _planned(size: int, seconds: float, *, blocks: bool, objective: float = 101.0) -> Measured:
    answer = {"objective_cny": objective, "bound_cny": 100.0, "shortfall_share": 1e-5}
    return _measured("planned", seconds, answer, resources=size, blocks=blocks)


def _whole(size: int, seconds: float, *, blocks: bool, builder: str = "direct", objective: float = 100.8) -> Measured:
    answer = {"status": "optimal", "objective_cny": objective, "shortfall_kwh": 0.0}
    said = {"resources": size, "blocks": blocks, "builder": builder, "time_limit_s": seconds}
    return _measured("whole", seconds, answer, **said)


def _lines(*rows: Measured) -> dict[str, Verdict]:
    return {verdict.asked.quantity: verdict for verdict in fleet_verdicts(Fleets(rows))}


def test_verdict__limits_from_above_and_below() -> None:
    most, least = Asked("time", "s", 3.0), Asked("times faster", "x", 10.0, more_is_better=True)

    assert Verdict("case", most, 3.0).met is True
    assert Verdict("case", most, 3.1).met is False
    assert Verdict("case", least, 9.9).met is False
    assert Verdict("case", most, math.nan).met is None
    assert Verdict("case", Asked("time", "s", None), 3.0).met is None


def test_verdict__lines() -> None:
    assert Verdict("a", Asked("time", "s", 3.0), 2.5).line() == "met       a: time 2.5 s (asked <= 3 s)"
    assert Verdict("a", Asked("growth", "", 1.05), 1.2).line() == "MISSED    a: growth 1.2 (asked <= 1.05)"
    assert Verdict("a", Asked("times faster", "x", None), 7.0).line() == "reported  a: times faster 7 x"


def test_fleet_verdicts__time_ratio_and_cost_above_the_exact_optimum() -> None:
    found = _lines(
        _planned(10_000, 2.0, blocks=False),
        _whole(10_000, 30.0, blocks=False),
        _whole(10_000, 30.0, blocks=False, builder="pyomo"),
    )

    assert found["time"].met is True
    assert found["times faster than HiGHS interior point"].value == pytest.approx(15.0)
    assert found["times faster than HiGHS interior point"].met is True
    assert found["times faster than the same through Pyomo"].met is False
    assert found["cost above the exact optimum"].value == pytest.approx(100.0 * 0.2 / 100.8)


def test_fleet_verdicts__without_an_exact_optimum_the_bound_counts() -> None:
    found = _lines(_planned(100_000, 7.0, blocks=True))

    assert found["time"].met is False
    assert found["cost above its bound"].value == pytest.approx(1.0)
    assert found["cost above its bound"].met is False
    assert found["memory"].value == 400.0
    assert found["shortfall"].value == pytest.approx(1e-3)


def test_fleet_verdicts__growth_over_large_sizes_only() -> None:
    rows = [_planned(size, size / 1e4, blocks=False) for size in (10_000, 100_000)]

    found = _lines(_planned(1_000, 5.0, blocks=False), *rows)

    assert found["growth of time with resources, exponent"].value == pytest.approx(1.0)


def test_fleet_verdicts__against_a_search_of_equal_time() -> None:
    worse = _lines(_planned(1_000, 2.0, blocks=True, objective=101.0), _whole(1_000, 2.0, blocks=True))
    none = _whole(1_000, 2.0, blocks=True, objective=math.nan)
    better = _lines(_planned(1_000, 2.0, blocks=True), none)

    assert worse["cost above HiGHS's after 2 s"].met is False
    assert better["cost above HiGHS's after 2 s"].met is True


def test_storage_verdicts__ratio_optimum_and_problems() -> None:
    answer = {"objective_cny": 100.0, "problems": ["import limit missed by 1 kW, allowed 0.1"]}
    run = StorageRun(_measured("scheduled", 0.1, answer, storages=20, seed=0))
    run.peers["highspy"] = {"times_s": [4.0, 6.0, 8.0], "arithmetic_cny": 100.02}

    found = {verdict.asked.quantity: verdict for verdict in storage_verdicts([run])}

    assert found["times faster than FlexMeasures (highspy)"].value == pytest.approx(60.0)
    assert found["times faster than FlexMeasures (highspy)"].met is True
    assert found["cost apart from FlexMeasures (highspy), relative"].met is False
    assert found["problems of our schedule"].met is False


def test_storage_run__counts_what_was_measured_after_the_peer_too() -> None:
    run = StorageRun(_measured("scheduled", 0.1, {}, storages=20, seed=0))
    run.after.append(_measured("scheduled", 0.3, {}, storages=20, seed=0))

    assert run.median_s == pytest.approx(0.2)
