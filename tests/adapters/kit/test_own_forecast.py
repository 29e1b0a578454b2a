"""The gateway's own expectation."""

from datetime import timedelta

import numpy as np
import pytest

from adapters.kit.own_forecast import OwnForecast
from adapters.kit.resource_spec import ChargingTerms, ResourceSpec, StorageTerms
from tests.adapters.gateway_rig import T0, process
from vpp.domain.fleet import ResourceKind
from vpp.domain.timegrid import TimeGrid

# T0 is 14:00 in Tianjin, interval 56 of the day.
PROFILE = np.arange(96.0)
GRID = TimeGrid(T0, 4)


def test_over__the_profile_before_anything_was_seen() -> None:
    forecast = OwnForecast([process(profile_kw=PROFILE)])
    assert forecast.over(GRID) == pytest.approx(np.array([[56.0, 57.0, 58.0, 59.0]]))


def test_over__today_moves_the_profile_and_fades() -> None:
    forecast = OwnForecast([process(profile_kw=np.full(96, 100.0))])
    for minute in range(1, 61):
        forecast.observe(T0 + timedelta(minutes=minute), np.array([120.0]), np.array([True]))
    expected = 100.0 * (1.0 + 0.2 * np.exp(-np.arange(4) * 15.0 / 720.0))
    assert forecast.over(GRID)[0] == pytest.approx(expected)


def test_observe__minutes_under_a_command_do_not_count() -> None:
    forecast = OwnForecast([process(profile_kw=np.full(96, 100.0))])
    forecast.observe(T0, np.array([100.0]), np.array([True]))
    forecast.observe(T0 + timedelta(minutes=1), np.array([20.0]), np.array([False]))
    assert forecast.over(GRID)[0] == pytest.approx(np.full(4, 100.0))


def test_over__without_a_profile_the_recent_mean_lasts() -> None:
    forecast = OwnForecast([process()])
    forecast.observe(T0, np.array([80.0]), np.array([True]))
    assert forecast.over(GRID)[0] == pytest.approx(np.full(4, 80.0))


def test_over__storage_keeps_to_its_declared_schedule() -> None:
    spec = ResourceSpec("b", "s", ResourceKind.STORAGE, 100.0, 0, 1, StorageTerms(), profile_kw=-PROFILE)
    forecast = OwnForecast([spec])
    forecast.observe(T0, np.array([500.0]), np.array([True]))
    assert forecast.over(GRID)[0] == pytest.approx([-56.0, -57.0, -58.0, -59.0])


def test_over__charging_keeps_to_its_profile() -> None:
    spec = ResourceSpec(
        "p", "s", ResourceKind.PUBLIC_CHARGING, 100.0, 0, 1, ChargingTerms(), profile_kw=np.full(96, 40.0)
    )
    forecast = OwnForecast([spec])
    forecast.observe(T0, np.array([80.0]), np.array([True]))
    assert forecast.over(GRID)[0] == pytest.approx(np.full(4, 40.0))
