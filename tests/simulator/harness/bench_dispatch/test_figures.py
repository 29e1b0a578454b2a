import math

import pytest

from simulator.harness.bench_dispatch.figures import growth_exponent, machine_facts


def test_growth_exponent__of_a_power_law() -> None:
    # 2 s at 10, 2 s x 10^1.5 at 100, 2 s x 100^1.5 at 1000; the outlier does not move the median.
    times = {size: [2.0 * (size / 10) ** 1.5] * 2 + [1e6] for size in (10, 100, 1000)}

    assert growth_exponent(times) == pytest.approx(1.5)


def test_growth_exponent__needs_two_sizes() -> None:
    assert math.isnan(growth_exponent({10: [1.0]}))


def test_machine_facts__name_versions() -> None:
    facts = machine_facts()

    assert isinstance(facts["packages"], dict)
    assert set(facts["packages"]) >= {"highspy", "numpy", "pyomo"}
    assert facts["cores"]
