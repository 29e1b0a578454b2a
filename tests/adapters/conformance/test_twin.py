"""The physics of the devices in memory: simple, and honest at its limits."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from adapters.kit.conformance.twin import TwinDriver
from adapters.kit.driver import BatteryReadings, LineReadings, PileReadings, ZoneReadings

NOW = datetime(2026, 7, 20, 6, 0, tzinfo=UTC)
BOTH = np.array([0, 1])


async def after(driver: TwinDriver, minutes: int) -> None:
    for minute in range(minutes):
        await driver.read(NOW + timedelta(minutes=minute))


async def test_power_kw__a_served_car_draws_nothing_and_leaves() -> None:
    piles = PileReadings(
        np.ones(2, dtype=bool), np.array([7.0, 70.0]), np.full(2, 90.0), np.full(2, 7.0), np.full(2, 4.14)
    )
    driver = TwinDriver(np.full(2, 7.0), piles=piles)
    await after(driver, 61)
    assert driver.power_kw.tolist() == [0.0, 7.0]
    await after_departure(driver)
    assert driver.power_kw.tolist() == [0.0, 0.0]


async def after_departure(driver: TwinDriver) -> None:
    for minute in range(61, 92):
        await driver.read(NOW + timedelta(minutes=minute))


async def test_power_kw__below_6_amperes_a_pile_is_off() -> None:
    piles = PileReadings(np.ones(2, dtype=bool), np.full(2, 70.0), np.full(2, 90.0), np.full(2, 7.0), np.full(2, 4.14))
    driver = TwinDriver(np.full(2, 7.0), piles=piles)
    await driver.apply(BOTH, np.array([4.0, 4.2]))
    assert driver.power_kw.tolist() == [0.0, 4.2]


async def test_power_kw__below_its_minimum_a_line_is_off() -> None:
    driver = TwinDriver(
        np.full(2, 80.0), lines=LineReadings(np.ones(2, dtype=bool), np.full(2, 100.0), np.full(2, 40.0))
    )
    await driver.apply(BOTH, np.array([39.0, 40.0]))
    assert driver.power_kw.tolist() == [0.0, 40.0]


async def test_power_kw__an_empty_battery_gives_and_a_full_one_takes_nothing() -> None:
    states = BatteryReadings(np.array([1.0, 99.0]), np.full(2, 100.0), np.full(2, 60.0), np.ones(2))
    driver = TwinDriver(np.zeros(2), batteries=states)
    await driver.apply(BOTH, np.array([-60.0, 60.0]))
    await after(driver, 3)
    assert driver.power_kw == pytest.approx([0.0, 0.0])
    assert driver.batteries is not None
    assert driver.batteries.soc_kwh == pytest.approx([0.0, 100.0])


async def test_read__a_quarter_of_an_hour_warms_by_the_model_of_the_offer() -> None:
    zones = ZoneReadings(*(np.full(2, value) for value in (25.0, 25.0, 2.0, 0.8, 0.01, 100.0)))
    driver = TwinDriver(np.full(2, 80.0), zones=zones)
    await driver.apply(BOTH, np.array([30.0, 80.0]))
    await after(driver, 15)
    assert driver.zones is not None
    # theta = retention * 0 + gain * cut = 0.01 K/kW * 50 kW
    assert driver.zones.temperature_c == pytest.approx([25.5, 25.0])
