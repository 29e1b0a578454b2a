"""The shipped maps from both sides: over Modbus a gateway sees and does what it sees and does in one process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.bootstrap import GatewayProcess, compose
from adapters.config import load_config
from adapters.kit.driver import DeviceReadings
from simulator.clock import PlantClock
from simulator.harness.registration import Installed, installed_gateways
from simulator.harness.setup_files import Addresses, SetupFiles, SetupOptions, write_setup
from simulator.harness.world import SimulatedDriver, World
from simulator.plant import Plant
from simulator.protocols.devices_file import load_devices_file
from simulator.protocols.house import House
from simulator.protocols.service import serve_devices
from simulator.rolling import MINUTE
from tests.simulator.protocols.device_process import free_port_row
from vpp.config_files import config_root
from vpp.domain.fleet import ResourceKind

SEED = 1
GROUPS = ("lines", "piles", "zones", "batteries")
KINDS = {
    "lines": {ResourceKind.FACTORY_LINE, ResourceKind.FACTORY_PROCESS, ResourceKind.LIGHTING},
    "piles": {ResourceKind.PUBLIC_CHARGING, ResourceKind.RESIDENTIAL_CHARGING},
    "zones": {ResourceKind.COOLING},
    "batteries": {ResourceKind.STORAGE},
}


class PlantTime:
    """Implements ``Clock`` as far as a world asks: the plant is never behind."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant

    def now(self) -> datetime:
        return self._plant.now

    async def sleep_until(self, instant: datetime) -> None:
        await asyncio.sleep(0)
        assert instant <= self.now()


class StandingClock(PlantClock):
    """Shows one instant."""

    def __init__(self, at: datetime) -> None:
        super().__init__()
        self._at = at

    def now(self) -> datetime:
        return self._at


@dataclass(frozen=True, slots=True)
class Twins:
    """A district reached both ways."""

    house: House
    process: GatewayProcess
    installed: tuple[Installed, ...]

    def inside(self, one: Installed) -> SimulatedDriver:
        plant = self.house.rolling.plant
        return SimulatedDriver(World(plant, PlantTime(plant)), one)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SetupFiles:
    folder = tmp_path_factory.mktemp("twins") / "setup"
    addresses = Addresses(modbus_port_base=free_port_row(7))
    options = SetupOptions(config_root() / "scenarios" / "quick.yaml", folder, SEED, speed=1.0, addresses=addresses)
    return asyncio.run(write_setup(options))


@pytest.fixture(scope="module")
def installed(made: SetupFiles) -> tuple[Installed, ...]:
    return installed_gateways(made.scenario, made.scenario.make_plant(SEED))


@asynccontextmanager
async def twins(made: SetupFiles, installed: tuple[Installed, ...], state: Path) -> AsyncIterator[Twins]:
    told = load_devices_file(made.devices).model_copy(update={"state": state})
    ready: asyncio.Future[House] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        served = group.create_task(serve_devices(told, ready.set_result))
        process = compose(load_config(made.adapters), file=made.adapters)
        yield Twins(await ready, process, installed)
        served.cancel()


def columns_of(readings: DeviceReadings, one: Installed) -> dict[str, np.ndarray[tuple[int], np.dtype[Any]]]:
    """All arrays by name, those of a group cut to the devices that it is about."""
    found = {name: getattr(readings, name) for name in ("power_kw", "register_wh", "online", "setpoint_kw")}
    for group in GROUPS:
        rows = [np.arange(s.devices.start, s.devices.stop) for s in one.specs if s.kind in KINDS[group]]
        part = getattr(readings, group)
        assert (part is not None) == bool(rows), (one.gateway_id, group)
        if part is not None:
            told = {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) is not None}
            found |= {f"{group}.{name}": values[np.concatenate(rows)] for name, values in told.items()}
    return found


async def test_read__every_gateway_sees_the_same_over_modbus(
    made: SetupFiles, installed: tuple[Installed, ...], tmp_path: Path
) -> None:
    async with twins(made, installed, tmp_path) as both:
        for planned, one in zip(both.process.gateways, both.installed, strict=True):
            with both.process.driver(planned) as driver:
                over = columns_of(await driver.read(both.house.now), one)
            wanted = columns_of(await both.inside(one).read(both.house.now), one)

            assert over["online"].all()
            assert over.keys() == wanted.keys()
            for name, values in wanted.items():
                # Whole W and Wh, tens of W for a car's limit, hundredths of a degree, seven digits.
                np.testing.assert_allclose(over[name], values, rtol=1e-6, atol=0.006, err_msg=f"{planned} {name}")


async def test_apply__every_kind_of_device_takes_a_setpoint_shows_it_and_lets_go(
    made: SetupFiles, installed: tuple[Installed, ...], tmp_path: Path
) -> None:
    async with twins(made, installed, tmp_path) as both:
        plant = both.house.rolling.plant
        for planned, one in zip(both.process.gateways, both.installed, strict=True):
            rows = one.device_rows
            wanted_kw = np.floor(0.6 * plant.district.devices.rated_kw[rows])
            refuses = plant.faults.refuses[plant.district.devices.resource_index[rows]]
            everything = np.arange(rows.size)
            with both.process.driver(planned) as driver:
                await driver.read(both.house.now)
                applied = await driver.apply(everything, wanted_kw)
                held = (await driver.read(both.house.now)).setpoint_kw
                limit_kw = plant.limit_kw[rows].copy()
                released = await driver.release(everything)
                free = (await driver.read(both.house.now)).setpoint_kw

            np.testing.assert_array_equal(applied.accepted, ~refuses, err_msg=f"{planned} {applied.refusals}")
            np.testing.assert_allclose(held[~refuses], wanted_kw[~refuses], atol=1e-3)
            np.testing.assert_allclose(limit_kw[~refuses], wanted_kw[~refuses], atol=1e-3)
            assert released.accepted.all()
            assert np.isnan(free).all()
            assert np.isinf(plant.limit_kw[rows]).all()


async def test_apply__devices_that_refuse_say_so_and_those_that_ignore_are_found_out(
    made: SetupFiles, installed: tuple[Installed, ...], tmp_path: Path
) -> None:
    async with twins(made, installed, tmp_path) as both:
        planned, one = both.process.gateways[0], both.installed[0]
        panel, rows = both.house.panel, one.device_rows
        panel._refuses[rows[0]] = True
        panel._ignores[rows[1]] = True
        with both.process.driver(planned) as driver:
            await driver.read(both.house.now)
            applied = await driver.apply(np.arange(3), np.full(3, 50.0))

        assert applied.accepted.tolist() == [False, False, True]
        assert "device failure" in applied.refusals[0].lower()


async def test_read__a_device_that_does_not_answer_is_offline_and_no_other(
    made: SetupFiles, installed: tuple[Installed, ...], tmp_path: Path
) -> None:
    async with twins(made, installed, tmp_path) as both:
        planned, one = both.process.gateways[0], both.installed[0]
        plant = both.house.rolling.plant
        plant.set_online(one.device_rows[:1], online=False)
        later = both.house.now + 2 * MINUTE
        both.house._clock = StandingClock(later)
        both.house.refresh()
        with both.process.driver(planned) as driver:
            readings = await driver.read(both.house.now)

        assert np.flatnonzero(~readings.online).tolist() == [0]
