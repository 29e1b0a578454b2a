from dataclasses import replace

import numpy as np
import pytest

from simulator.harness.bench_dispatch.storage_cases import (
    as_peer_case,
    energy_cost_cny,
    schedule_problems,
    storage_site,
)


def test_storage_site__same_seed_same_site() -> None:
    one, two, other = storage_site(4, seed=1), storage_site(4, seed=1), storage_site(4, seed=2)

    assert np.array_equal(one.load_kw, two.load_kw)
    assert not np.array_equal(one.load_kw, other.load_kw)
    assert (one.sell_cny_per_kwh < one.buy_cny_per_kwh).all()


def test_as_peer_case__says_the_same() -> None:
    site = storage_site(3)

    case = as_peer_case(site)

    assert [one["capacity_kwh"] for one in case["storages"]] == site.capacity_kwh.tolist()
    assert len(case["load_kw"]) == 96


def test_energy_cost__buys_above_and_sells_below_zero() -> None:
    site = replace(storage_site(1), load_kw=np.zeros(96))
    power = np.zeros((1, 96))
    power[0, :2] = [8.0, -4.0]

    expected = 0.25 * (8.0 * site.buy_cny_per_kwh[0] - 4.0 * site.sell_cny_per_kwh[1])
    assert energy_cost_cny(site, power) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("power", "problem"),
    [
        (1e4, "battery power missed by"),
        (1e4, "import limit missed by"),
        (-1e4, "export limit missed by"),
        (1e4, "capacity missed by"),
        (-1e4, "least charge missed by"),
        (-1e4, "charge at the end missed by"),
    ],
)
def test_schedule_problems__each_limit(power: float, problem: str) -> None:
    found = schedule_problems(storage_site(2), np.full((2, 96), power))

    assert any(text.startswith(problem) for text in found)


def test_schedule_problems__wrong_shape_and_not_finite() -> None:
    site = storage_site(2)

    assert "expected (2, 96)" in schedule_problems(site, np.zeros((1, 96)))[0]
    assert "all finite" in schedule_problems(site, np.full((2, 96), np.nan))[0]
