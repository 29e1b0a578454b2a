import time

import numpy as np
import pytest

from optimizer.judge import candidate, judged
from optimizer.plan import commitment_ceiling
from optimizer.problem import problem_arrays
from optimizer.search import Found
from optimizer.solve import Verdict
from tests.optimizer.small_problem import curtailable, problem
from vpp.domain.dispatch import Infeasible, Planned, PlanningOutcome, TimedOut
from vpp.domain.flexibility import Series

NAN = float("nan")


def outcome(found: Found, *, fallback_kw: Series | None = None) -> PlanningOutcome:
    arrays = problem_arrays(problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2))
    fallback_kw = np.array([[50.0, 50.0]]) if fallback_kw is None else fallback_kw
    fallback = candidate(arrays, fallback_kw, "greedy", "merit order")
    return judged(arrays, fallback, found, commitment_ceiling(arrays), time.perf_counter())


@pytest.mark.parametrize("verdict", [Verdict.ODD, Verdict.INFEASIBLE])
def test_judged__odd_answer_gives_the_greedy_plan(verdict: Verdict) -> None:
    result = outcome(Found(None, "unknown", verdict, NAN))
    assert isinstance(result, Planned)
    assert (result.plan.source, result.plan.status) == ("greedy", "solver: unknown")
    assert result.plan.response_kw["a"] == pytest.approx([50, 50])


def test_judged__answer_that_breaks_a_limit_is_never_sent() -> None:
    result = outcome(Found(np.array([[500.0, 50.0]]), "optimal", Verdict.OPTIMAL, 0.0))
    assert isinstance(result, Planned)
    assert result.plan.source == "greedy"
    assert result.plan.status == ("exact plan refused: resource 'a': response 500.000 kW above 100.000 kW at 14:00")


def test_judged__stopped_search_carries_the_better_plan() -> None:
    result = outcome(Found(None, "time limit reached", Verdict.STOPPED, NAN))
    assert isinstance(result, TimedOut)
    assert (result.plan.source, result.reason) == ("greedy", "solver: time limit reached")
    result = outcome(Found(np.array([[50.0, 50.0]]), "node limit", Verdict.STOPPED, 0.2), fallback_kw=np.zeros((1, 2)))
    assert isinstance(result, TimedOut)
    assert result.plan.source == "exact"
    result = outcome(Found(np.zeros((1, 2)), "node limit", Verdict.STOPPED, 0.2))
    assert isinstance(result, TimedOut)
    assert result.plan.source == "greedy"


def test_judged__no_feasible_plan_at_all_says_so() -> None:
    result = outcome(Found(None, "unknown", Verdict.ODD, NAN), fallback_kw=np.array([[101.0, 0.0]]))
    assert isinstance(result, Infeasible)
    assert result.reason == (
        "no feasible plan was found; the nearest breaks a limit: "
        "resource 'a': response 101.000 kW above 100.000 kW at 14:00"
    )
