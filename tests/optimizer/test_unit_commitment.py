import pytest

from optimizer.solve import Verdict
from tests.optimizer.unit_commitment import Unit, load_case, solve_units


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_unit_commitment__published_optimum() -> None:
    case = load_case()

    solution, cost = solve_units(case, gap=1e-6)

    assert solution.verdict is Verdict.OPTIMAL
    assert case.relaxation < cost
    assert cost == pytest.approx(case.optimum, rel=2e-6)


def test_unit_cost__segments_meet_the_curve() -> None:
    unit = Unit("u", 100.0, 200.0, 50.0, 3, -3, 0.0, 6, 10.0, 20.0, 7.0, 2.0, 0.01)

    # 7 + 2 p + p^2 / 100 is 307, 532 and 807 at 100, 150 and 200 MW: 225 and 275 more for 50 MW each.
    assert unit.cost(100.0) == pytest.approx(307.0)
    assert unit.slopes() == pytest.approx([4.5, 5.5])
