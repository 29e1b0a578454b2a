import highspy
import pytest

from optimizer import WorkLimits, plan_dispatch
from optimizer.solve import new_solver, set_option
from tests.optimizer.fleet_problem import fleet_problem
from vpp.domain.dispatch import Infeasible
from vpp.domain.errors import InvariantError
from vpp.domain.feasibility import check_plan


def test_new_solver__every_option_is_known_to_this_highs() -> None:
    solver = new_solver(WorkLimits(mip_gap=0.02, node_limit=7), time_limit_s=3.0)
    assert solver.getOptionValue("mip_rel_gap")[1] == 0.02
    assert solver.getOptionValue("mip_max_nodes")[1] == 7
    assert solver.getOptionValue("threads")[1] == 1
    assert solver.getOptionValue("time_limit")[1] == 3.0


def test_set_option__unknown_option_is_an_error() -> None:
    with pytest.raises(InvariantError, match=r"HiGHS .* refuses option 'mip_gap' = 0.1"):
        set_option(highspy.Highs(), "mip_gap", 0.1)


@pytest.mark.slow
def test_plan_dispatch__fleet_within_its_gap_and_better_than_greedy() -> None:
    asked = fleet_problem(seed=2)
    quick, exact = plan_dispatch(asked, method="greedy"), plan_dispatch(asked, method="exact")
    assert not isinstance(quick, Infeasible)
    assert not isinstance(exact, Infeasible)
    assert exact.plan.source == "exact"
    assert exact.plan.gap <= WorkLimits().mip_gap
    assert check_plan(asked, exact.plan) == ()
    assert exact.plan.shortfall_kw.sum() <= quick.plan.shortfall_kw.sum() + 1e-3
