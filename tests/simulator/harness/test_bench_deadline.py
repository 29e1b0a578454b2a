import pytest

from simulator.harness.bench_deadline import DeadlineCall, DeadlineFigures, bench_deadline


def test_bench_deadline__every_plan_is_feasible() -> None:
    figures = bench_deadline(6, sizes=(20, 400), seed=1).as_dict()
    assert figures["calls"] == 6
    assert figures["feasible_share"] == pytest.approx(1.0)
    assert sum(figures["sources"].values()) == 6
    assert "infeasible" not in figures["outcomes"]


def call(over_s: float, *, feasible: bool = True) -> DeadlineCall:
    return DeadlineCall(100, True, 0.5, over_s, feasible, "exact", "planned")


@pytest.mark.parametrize(
    ("odd", "kept"),
    [(call(0.1), True), (call(0.4), True), (call(0.51), False), (call(0.0, feasible=False), False)],
)
def test_deadline_figures__kept_where_one_call_in_a_thousand_is_odd(odd: DeadlineCall, kept: bool) -> None:
    figures = DeadlineFigures([call(-0.2)] * 999 + [odd])
    assert figures.kept == kept
    assert figures.as_dict()["largest_overshoot_s"] == pytest.approx(max(odd.over_s, -0.2))


def test_deadline_figures__more_than_one_in_two_hundred_late_is_not_kept() -> None:
    assert DeadlineFigures([call(-0.2)] * 995 + [call(0.2)] * 5).kept
    assert not DeadlineFigures([call(-0.2)] * 994 + [call(0.2)] * 6).kept
