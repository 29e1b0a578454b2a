from dataclasses import replace

import numpy as np
import pytest

from tests.optimizer.fleet_problem import fleet_problem
from tests.optimizer.small_problem import curtailable, problem
from vpp.cli.optimize_within import Within
from vpp.domain.dispatch import Planned, TimedOut
from vpp.domain.errors import InputError
from vpp.domain.feasibility import check_plan


def test_within__the_final_plan_where_it_comes_early() -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    within = Within(asked, "exact", 60.0)
    outcome = within.newest()
    assert isinstance(outcome, Planned)
    assert outcome.plan.source == "exact"
    assert not within.still_busy


def test_within__a_feasible_plan_and_why_it_is_not_the_final_one() -> None:
    asked = fleet_problem(seed=1)
    outcome = Within(asked, "exact", 1e-3).newest()
    assert isinstance(outcome, TimedOut)
    assert outcome.reason == "0.001 s were not enough for more"
    assert check_plan(asked, outcome.plan) == ()


def test_within__what_is_malformed_is_refused() -> None:
    asked = problem({"a": curtailable(100.0, event=2, count=2, cost=1.0)}, 50.0, event=2)
    with pytest.raises(InputError, match="target_kw"):
        Within(replace(asked, target_kw=np.full(2, np.nan)), "auto", 5.0).newest()
