from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.district import Kind
from simulator.faults import Faults
from simulator.plant import Plant
from simulator.scenario import Scenario


@dataclass(frozen=True)
class Grid:
    start: datetime
    count: int


def rows_of(plant: Plant, kind: Kind) -> NDArray[np.int64]:
    part = plant.district.devices.kind_slices[kind]
    return np.arange(part.start, part.stop)


def with_faults(plant: Plant, faults: Faults) -> Plant:
    window = plant.window
    return Plant(
        plant.district,
        seed=plant.seed,
        day=window.day,
        start=window.start,
        end=window.end,
        weather=plant.weather_spec,
        faults=faults,
        exogenous=plant.exogenous,
    )


def flawless(plant: Plant) -> Plant:
    return with_faults(plant, Faults.none(len(plant.district.resources)))


def run(plant: Plant, minutes: int) -> NDArray[np.float64]:
    powers = []
    for _ in range(minutes):
        plant.step()
        powers.append(plant.power_kw.copy())
    return np.array(powers)


def test_twin__event_changes_nothing_before_its_first_command_nor_anything_elsewhere(quick_plant: Plant) -> None:
    twin = quick_plant.twin()
    touched = rows_of(quick_plant, "factory_line")
    before, before_twin = run(quick_plant, 30), run(twin, 30)
    quick_plant.set_limit(touched, 0.0)
    after, after_twin = run(quick_plant, 120), run(twin, 120)

    np.testing.assert_array_equal(before, before_twin)
    elsewhere = np.setdiff1d(np.arange(before.shape[1]), touched)
    np.testing.assert_array_equal(after[:, elsewhere], after_twin[:, elsewhere])
    assert (after[60:, touched].sum(axis=1) < 0.5 * after_twin[60:, touched].sum(axis=1)).all()


def test_twin__a_plant_made_anew_from_the_seed_is_equal_and_another_seed_is_not(
    quick: Scenario, quick_plant: Plant
) -> None:
    anew, other = quick.make_plant(5), quick.make_plant(6)

    np.testing.assert_array_equal(anew.exogenous.quarter_kw, quick_plant.exogenous.quarter_kw)
    np.testing.assert_array_equal(anew.exogenous.minute_kw, quick_plant.exogenous.minute_kw)
    np.testing.assert_array_equal(anew.exogenous.sessions.arrive, quick_plant.exogenous.sessions.arrive)
    np.testing.assert_array_equal(run(anew, 60), run(quick_plant, 60))
    assert (other.exogenous.quarter_kw != anew.exogenous.quarter_kw).mean() > 0.5


def test_twin__cars_come_and_go_at_the_same_minute(quick_plant: Plant) -> None:
    twin = quick_plant.twin()
    piles = rows_of(quick_plant, "public_charging")
    quick_plant.set_limit(piles, 0.0)
    for _ in range(120):
        quick_plant.step()
        twin.step()
        np.testing.assert_array_equal(quick_plant.piles.plugged, twin.piles.plugged)
        np.testing.assert_array_equal(quick_plant.piles.departure, twin.piles.departure)
    assert quick_plant.piles.unserved_kwh.sum() > twin.piles.unserved_kwh.sum()


def test_step__registers_are_integers_that_add_up_exactly(quick_plant: Plant) -> None:
    start = quick_plant.register_wh
    resource_start = quick_plant.resource_register_wh()
    powers = run(quick_plant, 60)

    energy_wh = np.rint(1000 * powers).astype(np.int64).sum(axis=0) / 60
    assert quick_plant.register_wh.dtype == np.int64
    assert (np.abs(quick_plant.register_wh - start - energy_wh) < 1.0).all()
    by_resource = np.bincount(quick_plant.district.devices.resource_index, weights=energy_wh)
    assert (np.abs(quick_plant.resource_register_wh() - resource_start - by_resource) < 1.0).all()


def test_step__uncontrolled_window_continues_the_history(quick_plant: Plant) -> None:
    resources = []
    for _ in range(quick_plant.window.minutes):
        quick_plant.step()
        resources.append(quick_plant.resource_power_kw())

    quarters = np.array(resources).reshape(-1, 15, len(resources[0])).mean(axis=1).T
    recorded = quick_plant.exogenous.quarter_kw[:, -1, 48:72]
    np.testing.assert_allclose(quarters, recorded, atol=0.02, rtol=1e-4)


def test_step__refused_after_the_window(quick_plant: Plant) -> None:
    run(quick_plant, 360)

    with pytest.raises(IndexError, match="the window ended at 2026-07-22 10:00:00"):
        quick_plant.step()
    assert quick_plant.now == quick_plant.window.end


def test_set_limit__counts_a_change_of_state_once(quick_plant: Plant) -> None:
    rows = rows_of(quick_plant, "lighting")
    for _ in range(3):
        quick_plant.set_limit(rows, 1.0)
        quick_plant.step()
    assert (quick_plant.state_changes[rows] == 1).all()
    quick_plant.release(rows)
    quick_plant.release(rows)
    assert (quick_plant.state_changes[rows] == 2).all()
    assert quick_plant.state_changes.sum() == 2 * rows.size


def test_set_limit__refuses_what_is_not_finite(quick_plant: Plant) -> None:
    with pytest.raises(ValueError, match=r"limits must be finite kW; use release\(\)"):
        quick_plant.set_limit(np.array([0]), np.nan)
    assert quick_plant.state_changes.sum() == 0


def test_faults__silent_accepts_and_does_not_move_while_its_meter_runs(quick_plant: Plant) -> None:
    resources = len(quick_plant.district.resources)
    plant = with_faults(quick_plant, replace(Faults.none(resources), silent=np.ones(resources, dtype=bool)))
    twin = plant.twin()
    everything = np.arange(len(plant.district.devices.ids))
    plant.set_limit(everything, 0.0)

    np.testing.assert_array_equal(run(plant, 60), run(twin, 60))
    assert (plant.limit_kw == 0.0).all()
    assert (plant.state_changes == 1).all()
    assert (plant.resource_register_wh() != plant.twin().resource_register_wh()).any()


def test_faults__late_one_moves_after_its_delay(quick_plant: Plant) -> None:
    resources = len(quick_plant.district.resources)
    plant = with_faults(quick_plant, replace(Faults.none(resources), late_minutes=np.full(resources, 6.5)))
    twin = plant.twin()
    rows = rows_of(plant, "lighting")
    plant.set_limit(rows, 0.0)
    powers, undisturbed = run(plant, 10), run(twin, 10)

    np.testing.assert_array_equal(powers[:7], undisturbed[:7])
    assert (powers[7:, rows] < undisturbed[7:, rows]).all()


def test_faults__delivery_scales_what_was_asked(quick_plant: Plant) -> None:
    resources = len(quick_plant.district.resources)
    half = with_faults(quick_plant, replace(Faults.none(resources), delivery=np.full(resources, 0.5)))
    whole, twin = flawless(quick_plant), quick_plant.twin()
    rows = rows_of(half, "lighting")
    half.set_limit(rows, 0.0)
    whole.set_limit(rows, 0.0)

    free = run(twin, 5)[:, rows]
    np.testing.assert_allclose(free - run(half, 5)[:, rows], 0.5 * (free - run(whole, 5)[:, rows]), atol=0.002)


def test_history__shapes_and_reach(quick_plant: Plant) -> None:
    history = quick_plant.history(45)
    resources = len(quick_plant.district.resources)

    assert history.power_kw.shape == (resources, 45, 96)
    assert history.power_kw.dtype == np.float32
    assert history.today_kw.shape == (resources, 48)
    assert history.days[-1] + timedelta(days=1) == quick_plant.window.day
    assert np.isfinite(history.power_kw).all()
    np.testing.assert_array_equal(quick_plant.history(10).power_kw, history.power_kw[:, -10:])
    with pytest.raises(ValueError, match="history of 46 days: the weather reaches back 45 days"):
        quick_plant.history(46)


def test_history__no_reading_beyond_the_rating(quick_plant: Plant) -> None:
    rated = np.array([resource.rated_kw for resource in quick_plant.district.resources])

    assert (quick_plant.exogenous.quarter_kw <= 1.001 * rated[:, None, None]).all()


def test_snapshot__fields_by_kind(quick_plant: Plant) -> None:
    run(quick_plant, 150)
    quick_plant.set_limit(rows_of(quick_plant, "cooling"), 0.0)
    run(quick_plant, 30)
    zones = quick_plant.snapshot(rows_of(quick_plant, "cooling"))
    piles = quick_plant.snapshot(rows_of(quick_plant, "residential_charging"))
    lines = quick_plant.snapshot(rows_of(quick_plant, "factory_line"))
    batteries = quick_plant.snapshot(rows_of(quick_plant, "storage"))

    assert (zones.temperature_c > zones.setpoint_c).any()
    assert (zones.gain_k_per_kw > 0).all()
    assert piles.plugged.any()
    assert (piles.departure_minute[piles.plugged] > 14 * 60).all()
    assert (piles.power_kw[~piles.plugged] == 0).all()
    assert np.isnan(piles.departure_minute[~piles.plugged]).all()
    assert np.isnan(piles.temperature_c).all()
    assert lines.scheduled_on.any()
    assert not zones.scheduled_on.any()
    assert (batteries.soc_kwh <= batteries.capacity_kwh).all()
    assert zones.online.all()


def test_snapshot__is_a_picture_that_stays(quick_plant: Plant) -> None:
    quick_plant.step()
    picture = quick_plant.snapshot(np.arange(10))
    seen = picture.register_wh.copy()
    run(quick_plant, 30)

    np.testing.assert_array_equal(picture.register_wh, seen)


def test_set_online__is_seen_and_physics_goes_on(quick_plant: Plant) -> None:
    rows = rows_of(quick_plant, "cooling")
    before = quick_plant.register_wh[rows]
    quick_plant.set_online(rows, online=False)
    run(quick_plant, 30)

    assert not quick_plant.snapshot(rows).online.any()
    assert (quick_plant.register_wh[rows] > before).any()


def test_node_forecast_kw__is_near_the_flow_and_not_equal_to_it(summer_peak: Scenario) -> None:
    plant = summer_peak.make_plant(2)
    forecast = plant.node_forecast_kw(Grid(plant.window.start, 24))
    flows = []
    for _ in range(360):
        plant.step()
        flows.append(plant.node_flow_kw())
    actual = np.array(flows).reshape(24, 15, -1).mean(axis=1).T

    root = plant.district.node_index["beichen"]
    error = forecast[root] / actual[root] - 1.0
    assert 0.0005 < np.abs(error).mean() < 0.04
    assert np.abs(forecast / actual - 1.0).max() < 0.35
    limits = np.array([node.import_limit_kw for node in plant.district.nodes])
    assert (actual.max(axis=1) < limits).all()
    peak_kw = actual[root].max()
    assert 940_000 < peak_kw < 1_030_000
    assert 6 <= int(actual[root].argmax()) <= 14
    snow = [plant.district.node_index[f"snow-{number}"] for number in (1, 2, 3)]
    assert 60_000 < actual[snow, 8:16].sum(axis=0).mean() < 90_000
    background = sum(plant.node_background_kw(359))
    assert background < actual[root, -1]


def test_node_forecast_kw__refuses_another_day(quick_plant: Plant) -> None:
    with pytest.raises(ValueError, match="over 60 intervals leaves 2026-07-22"):
        quick_plant.node_forecast_kw(Grid(quick_plant.window.start, 60))
