import pytest

from simulator.harness.bench_dispatch.measured import Row, measure


def test_measure__in_a_process_of_its_own() -> None:
    row = Row("3 storages, ours", "scheduled", {"storages": 3, "seed": 0}, 2, 100.0)

    measured = measure(row)

    assert measured.problem == ""
    assert len(measured.times_s) == len(measured.answers) == 2
    assert measured.answer["problems"] == []
    assert measured.peak_rss_mb > 20.0
    assert measured.first_s > 0.0


@pytest.mark.timeout(300)
def test_measure__whole_problem_and_plan_agree() -> None:
    said = {"resources": 60, "blocks": False}
    whole = measure(Row("", "whole", {**said, "builder": "pyomo", "solver": "ipm", "time_limit_s": 60.0}, 1, 200.0))
    plan = measure(Row("", "planned", {**said, "method": "exact"}, 1, 200.0))

    assert whole.problem == plan.problem == ""
    assert whole.answer["status"] == "optimal"
    assert plan.answer["objective_cny"] == pytest.approx(whole.answer["objective_cny"], rel=1e-5)


def test_measure__what_fails_says_why() -> None:
    measured = measure(Row("", "scheduled", {"storages": -3, "seed": 0}, 1, 100.0))

    assert "negative" in measured.problem
    assert measured.answer == {}


def test_measure__what_takes_too_long_is_ended() -> None:
    measured = measure(Row("", "scheduled", {"storages": 3, "seed": 0}, 1, 0.001))

    assert measured.problem == "no answer within 0.001 s"
