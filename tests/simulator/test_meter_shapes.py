import numpy as np

from simulator.meter_shapes import (
    load_building_residuals,
    load_residential_sessions,
    load_station_inventory,
    load_steel_residuals,
)


def test_load_building_residuals__real_days_around_one() -> None:
    days = load_building_residuals()

    assert days.shape == (2192, 24)
    assert abs(days.mean() - 1.0) < 0.02
    assert 0.08 < days.std() < 0.15
    assert 0.4 <= days.min() < days.max() <= 2.0


def test_load_steel_residuals__two_state_and_rough() -> None:
    days = load_steel_residuals()

    assert days.shape == (146, 96)
    assert abs(days[:, :84].mean() - 1.0) < 0.01
    assert days.std() > 0.3
    assert np.median(np.abs(np.diff(days, axis=1))) > 0.1


def test_load_residential_sessions__private_places_stay_longer() -> None:
    private = load_residential_sessions(shared_place=False)
    shared = load_residential_sessions(shared_place=True)

    assert private.arrival_minute.size == 1706
    assert shared.arrival_minute.size == 423
    assert np.median(private.dwell_minutes) > 2 * np.median(shared.dwell_minutes)
    assert np.median(shared.energy_kwh) > np.median(private.energy_kwh)
    assert private.arrival_minute.max() < 1440
    evening = (private.arrival_minute >= 16 * 60) & (private.arrival_minute < 22 * 60)
    assert 0.5 < evening.mean() < 0.75


def test_load_station_inventory__mostly_slow() -> None:
    fast, slow = load_station_inventory()

    assert fast.size == slow.size == 1644
    assert 0.1 < fast.sum() / (fast.sum() + slow.sum()) < 0.15
    assert (fast + slow > 0).all()
