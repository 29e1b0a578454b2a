from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from optimizer.storage_schedule import StorageSchedule, StorageSite, schedule_storages
from optimizer.storage_schedule.exclusive import solved_exactly
from optimizer.storage_schedule.interior import solved
from optimizer.storage_schedule.relaxation import Relaxation
from simulator.harness.bench_dispatch.storage_cases import energy_cost_cny, schedule_problems, storage_site
from vpp.domain.dispatch import Infeasible
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series


def _figures(*values: float) -> Series:
    return np.array(values, dtype=np.float64)


def _one(buy: ArrayLike, sell: ArrayLike, *, load: float = 0.0, limit_kw: float = np.inf) -> StorageSite:
    """10 kW, 20 kWh, empty, efficiency 0.8, hourly intervals."""
    prices = np.asarray(buy, dtype=np.float64)
    return StorageSite(
        _figures(10.0),
        _figures(20.0),
        _figures(0.0),
        _figures(0.0),
        _figures(0.0),
        _figures(0.8),
        np.full(len(prices), load),
        prices,
        np.broadcast_to(np.asarray(sell, dtype=np.float64), prices.shape),
        limit_kw,
        limit_kw,
        1.0,
    )


def _scheduled(site: StorageSite) -> StorageSchedule:
    found = schedule_storages(site)
    assert isinstance(found, StorageSchedule)
    assert schedule_problems(site, found.power_kw) == []
    assert energy_cost_cny(site, found.power_kw) == pytest.approx(found.cost_cny, abs=1e-9)
    assert found.bound_cny <= found.cost_cny <= found.bound_cny + 2e-6 * (1.0 + abs(found.bound_cny))
    return found


def test_schedule_storages__buys_cheap_and_sells_dear() -> None:
    # 10 kWh bought at 0.2 store 8, of which 6.4 can be sold at 0.9: 2.00 - 5.76.
    found = _scheduled(_one([0.2, 1.0], [0.1, 0.9]))

    assert found.power_kw[0] == pytest.approx([10.0, -6.4], abs=1e-5)
    assert found.cost_cny == pytest.approx(-3.76, abs=1e-5)
    assert found.source == "interior"


def test_schedule_storages__losses_eat_a_small_spread() -> None:
    # 1 kWh bought at 0.5 gives 0.64 kWh back: worth it only from 0.78 on.
    found = _scheduled(_one([0.5, 0.7], [0.5, 0.7]))

    assert found.power_kw[0] == pytest.approx([0.0, 0.0], abs=1e-4)


def test_schedule_storages__keeps_the_connection() -> None:
    found = _scheduled(_one([0.2, 1.0], [0.1, 0.9], load=3.0, limit_kw=5.0))

    assert found.grid_kw[0] == pytest.approx(5.0, abs=1e-5)


def test_schedule_storages__energy_paid_for_is_not_burnt_by_doing_both() -> None:
    # Paid 1 per kWh to take energy for three hours: the battery can hold 20 kWh, so 25 kWh may be taken net of what is
    # fed back first. Charging and discharging at once would take more than any battery can.
    site = _one([-1.0, -1.0, -1.0], [-1.1, -1.1, -1.1])
    relaxed = solved(Relaxation.of(site))

    found = _scheduled(site)

    assert found.source == "mixed-integer"
    assert relaxed is None or relaxed.cost_cny < found.cost_cny - 0.5
    everywhere = solved_exactly(Relaxation.of(site), np.ones(site.shape, dtype=np.bool_))
    assert found.cost_cny == pytest.approx(float(Relaxation.of(site).cost.ravel() @ everywhere.values[:15]), rel=1e-5)


@pytest.mark.parametrize("count", [1, 4, 17])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_interior__agrees_with_highs(count: int, seed: int) -> None:
    site = storage_site(count, seed=seed)
    program = Relaxation.of(site)

    ours = solved(program)

    exact = solved_exactly(program, np.zeros(site.shape, dtype=np.bool_))
    assert ours is not None
    assert ours.cost_cny == pytest.approx(float(program.cost.ravel() @ exact.values), rel=1e-7)
    assert ours.bound_cny <= ours.cost_cny + 1e-6
    _scheduled(site)


def test_schedule_storages__full_battery_leaves_no_room_between_its_bounds() -> None:
    # Least and most charge are equal: the interior-point method does not apply, HiGHS answers.
    site = replace(_one([0.2, 1.0], [0.1, 0.9]), soc_kwh=_figures(20.0), soc_min_kwh=_figures(20.0))

    found = _scheduled(site)

    assert found.source == "linear"
    assert found.cost_cny == pytest.approx(0.0, abs=1e-9)


def test_schedule_storages__unreachable_charge_is_infeasible() -> None:
    site = replace(_one([0.2, 1.0], [0.1, 0.9]), soc_end_kwh=_figures(20.0))

    found = schedule_storages(site)

    assert isinstance(found, Infeasible)
    assert "states of charge" in found.reason


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("power_max_kw", _figures(-1.0), r"power_max_kw\[0\] is -1.0, expected a finite number and at least 0"),
        ("load_kw", _figures(1.0, np.nan), r"load_kw\[1\] is nan, expected a finite number"),
        ("buy_cny_per_kwh", _figures(0.2), r"buy_cny_per_kwh has shape \(1,\), expected \(2,\)"),
        ("sell_cny_per_kwh", _figures(0.1, 2.0), r"sell_cny_per_kwh\[1\] 2 is above buy_cny_per_kwh\[1\] 1"),
        ("efficiency", _figures(0.0), r"least\[0\] 0.01 is above efficiency\[0\] 0"),
        ("efficiency", _figures(1.2), r"efficiency\[0\] 1.2 is above most efficiency\[0\] 1"),
        ("soc_kwh", _figures(21.0), r"soc_kwh\[0\] 21 is above capacity_kwh\[0\] 20"),
        ("import_limit_kw", -1.0, r"import_limit_kw\[0\] is -1.0, expected a finite number and at least 0"),
        ("interval_h", 0.0, "1 batteries over 2 intervals of 0 h: none may be 0"),
    ],
)
def test_schedule_storages__malformed_site_is_refused(field: str, value: object, message: str) -> None:
    site = replace(_one([0.2, 1.0], [0.1, 0.9]), **{field: value})  # type: ignore[arg-type]

    with pytest.raises(InputError, match=message):
        schedule_storages(site)
