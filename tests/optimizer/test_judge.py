import time

import numpy as np
import pytest

from optimizer.found import Found
from optimizer.judge import candidate, judged
from optimizer.problem import problem_arrays
from optimizer.solve import Verdict
from tests.optimizer.small_problem import curtailable, problem
from vpp.domain.columns import columns_of
from vpp.domain.dispatch import Infeasible, Planned, PlanningOutcome, TimedOut
from vpp.domain.flexibility import Series


def found(response_kw: Series | None, status: str, verdict: Verdict) -> Found:
    return Found(response_kw, "exact", status, verdict)


def outcome(made: Found, *, fallback_kw: Series | None = None) -> PlanningOutcome:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    arrays = problem_arrays(columns_of(asked))
    fallback_kw = np.array([[50.0, 50.0]]) if fallback_kw is None else fallback_kw
    fallback = candidate(arrays, fallback_kw, "greedy", "merit order")
    return judged(arrays, fallback, made, time.perf_counter())


@pytest.mark.parametrize("verdict", [Verdict.ODD, Verdict.INFEASIBLE])
def test_judged__odd_answer_gives_the_greedy_plan(verdict: Verdict) -> None:
    result = outcome(found(None, "unknown", verdict))
    assert isinstance(result, Planned)
    assert (result.plan.source, result.plan.status) == ("greedy", "solver: unknown")
    assert result.plan.response_kw["a"] == pytest.approx([50, 50])


def test_judged__answer_that_breaks_a_limit_is_never_sent() -> None:
    result = outcome(found(np.array([[500.0, 50.0]]), "optimal", Verdict.OPTIMAL))
    assert isinstance(result, Planned)
    assert result.plan.source == "greedy"
    assert result.plan.status == ("exact plan refused: resource 'a': response 500.000 kW above 100.000 kW at 14:00")


def test_judged__stopped_search_carries_the_better_plan() -> None:
    result = outcome(found(None, "time limit reached", Verdict.STOPPED))
    assert isinstance(result, TimedOut)
    assert (result.plan.source, result.reason) == ("greedy", "solver: time limit reached")
    result = outcome(found(np.array([[50.0, 50.0]]), "node limit", Verdict.STOPPED), fallback_kw=np.zeros((1, 2)))
    assert isinstance(result, TimedOut)
    assert result.plan.source == "exact"
    result = outcome(found(np.zeros((1, 2)), "node limit", Verdict.STOPPED))
    assert isinstance(result, TimedOut)
    assert result.plan.source == "greedy"


def test_judged__no_feasible_plan_at_all_says_so() -> None:
    result = outcome(found(None, "unknown", Verdict.ODD), fallback_kw=np.array([[101.0, 0.0]]))
    assert isinstance(result, Infeasible)
    assert result.reason == (
        "no feasible plan was found; the nearest breaks a limit: "
        "resource 'a': response 101.000 kW above 100.000 kW at 14:00"
    )
