"""What the gateway never sees, whatever the devices answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from adapters.kit.checked_driver import CheckedDriver
from adapters.kit.driver import ApplyResult, BatteryReadings, DeviceReadings, DriverError, Indices, ZoneReadings
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.memory_driver import MemoryDriver
from adapters.kit.resource_spec import CoolingTerms, ResourceSpec, StorageTerms
from tests.adapters.adapter_cases import NOW
from tests.adapters.gateway_rig import lines, process
from vpp.domain.fleet import ResourceKind
from vpp.domain.flexibility import Series

MINUTE = timedelta(minutes=1)


class Answering(MemoryDriver):
    """Two loads; ``alter`` changes what they answer, ``result`` what they say to a setpoint."""

    alter: Callable[[DeviceReadings], DeviceReadings] | None = None
    result: ApplyResult | None = None
    error: Exception | None = None

    async def read(self, at: Any) -> DeviceReadings:
        if self.error is not None:
            raise self.error
        readings = await super().read(at)
        return readings if self.alter is None else self.alter(readings)

    async def apply(self, device_indices: Indices, setpoints_kw: Series) -> ApplyResult:
        return self.result or await super().apply(device_indices, setpoints_kw)


def loads() -> tuple[Answering, CheckedDriver]:
    driver = Answering(np.full(2, 80.0), lines=lines(2))
    return driver, CheckedDriver(driver, GatewayConfig("g", (process(),), 2))


def zones(count: int) -> ZoneReadings:
    return ZoneReadings(
        temperature_c=np.full(count, 26.0),
        setpoint_c=np.full(count, 25.0),
        band_k=np.full(count, 2.0),
        retention=np.full(count, 0.8),
        gain_k_per_kw=np.full(count, 0.01),
        power_max_kw=np.full(count, 100.0),
    )


async def test_read__whole_readings_pass_unchanged() -> None:
    driver, checked = loads()
    seen: list[DeviceReadings] = []

    def keep(readings: DeviceReadings) -> DeviceReadings:
        seen.append(readings)
        return readings

    driver.alter = keep
    assert await checked.read(NOW) is seen[0]


@pytest.mark.parametrize("error", [ValueError("bad float"), OSError("bad float"), KeyError("bad float")])
async def test_read__any_error_is_a_driver_error_with_its_cause(error: Exception) -> None:
    driver, checked = loads()
    driver.error = error
    with pytest.raises(DriverError, match=rf"devices: read ended with {type(error).__name__}: .?bad float") as raised:
        await checked.read(NOW)
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [DriverError("bus is down"), TimeoutError()])
async def test_read__expected_errors_pass_through(error: Exception) -> None:
    driver, checked = loads()
    driver.error = error
    with pytest.raises(type(error)) as raised:
        await checked.read(NOW)
    assert raised.value is error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("power_kw", np.zeros(1)),
        ("register_wh", np.zeros(3, dtype=np.int64)),
        ("online", np.ones((2, 1), dtype=bool)),
        ("override", np.zeros(1, dtype=bool)),
    ],
)
async def test_read__wrong_shapes_are_no_reading(name: str, value: Any) -> None:
    driver, checked = loads()
    changed: dict[str, Any] = {name: value}
    driver.alter = lambda readings: replace(readings, **changed)
    with pytest.raises(DriverError, match=rf"devices answered {name} of shape .*, expected \(2,\)"):
        await checked.read(NOW)


async def test_read__wrong_shape_of_a_state_is_no_reading() -> None:
    driver, checked = loads()
    driver.lines = lines(3)
    with pytest.raises(DriverError, match=r"devices answered lines.scheduled_on of shape \(3,\), expected \(2,\)"):
        await checked.read(NOW)


async def test_read__missing_states_are_named() -> None:
    driver, checked = loads()
    driver.lines = None
    with pytest.raises(DriverError, match="devices answered without lines, which resources of this gateway need"):
        await checked.read(NOW)


async def test_read__states_that_are_no_numbers_are_the_last_ones_and_the_device_is_out() -> None:
    driver = Answering(np.full(2, 80.0), zones=zones(2))
    spec = ResourceSpec("r1", "s1", ResourceKind.COOLING, 200.0, 0, 2, CoolingTerms())
    checked = CheckedDriver(driver, GatewayConfig("g", (spec,), 2))
    await checked.read(NOW)
    driver.zones = replace(zones(2), temperature_c=np.array([np.nan, 27.0]))
    readings = await checked.read(NOW + MINUTE)
    assert readings.zones is not None
    assert readings.zones.temperature_c.tolist() == [26.0, 27.0]
    assert readings.online.tolist() == [False, True]


async def test_read__states_never_known_are_zeros_of_a_device_that_is_out() -> None:
    driver, checked = loads()
    driver.lines = replace(lines(2), rated_kw=np.array([np.inf, 100.0]))
    readings = await checked.read(NOW)
    assert readings.lines is not None
    assert readings.lines.rated_kw.tolist() == [0.0, 100.0]
    assert readings.online.tolist() == [False, True]


async def test_read__a_load_far_below_zero_is_no_number_and_noise_is_left() -> None:
    driver, checked = loads()
    driver.demand_kw = np.array([-4.9, -5.1])
    power = (await checked.read(NOW)).power_kw
    assert power[0] == -4.9
    assert np.isnan(power[1])


async def test_read__a_battery_may_feed_back_and_count_down() -> None:
    states = BatteryReadings(np.full(2, 90.0), np.full(2, 200.0), np.full(2, 100.0), np.full(2, 0.95))
    driver = Answering(np.full(2, -80.0), batteries=states)
    spec = ResourceSpec("r1", "s1", ResourceKind.STORAGE, 200.0, 0, 2, StorageTerms())
    checked = CheckedDriver(driver, GatewayConfig("g", (spec,), 2))
    first, second = [await checked.read(NOW + minute * MINUTE) for minute in range(2)]
    assert second.power_kw.tolist() == [-80.0, -80.0]
    assert (second.register_wh < first.register_wh).all()


async def test_read__a_register_that_falls_costs_one_minute() -> None:
    driver, checked = loads()
    await checked.read(NOW)
    driver._energy_wh[:] = [-5000.0, 3000.0]
    fallen = (await checked.read(NOW + MINUTE)).power_kw
    assert np.isnan(fallen).tolist() == [True, False]
    again = (await checked.read(NOW + 2 * MINUTE)).power_kw
    assert again.tolist() == [80.0, 80.0]


async def test_apply__an_answer_for_too_few_devices_is_an_error() -> None:
    driver, checked = loads()
    driver.result = ApplyResult(np.ones(1, dtype=bool))
    with pytest.raises(DriverError, match="devices answered for 1 of 2 written: an answer must cover each"):
        await checked.apply(np.array([0, 1]), np.array([50.0, 50.0]))


async def test_release__covers_each_device() -> None:
    driver, checked = loads()
    await checked.apply(np.array([0, 1]), np.array([50.0, 50.0]))
    assert (await checked.release(np.array([0, 1]))).accepted.tolist() == [True, True]
    assert np.isnan(driver.writes[-1][1])
