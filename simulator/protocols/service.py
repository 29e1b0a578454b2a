"""The device process: every gateway's devices on their ports, until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace

from simulator.clock import PlantClock
from simulator.protocols.devices_file import DevicesFile
from simulator.protocols.errors import DevicesError
from simulator.protocols.house import House
from simulator.protocols.journal import DeviceJournal
from simulator.protocols.modbus_server import GatewayServer
from simulator.rolling import RollingPlant
from simulator.scenario import Scenario, load_scenario


async def serve_devices(told: DevicesFile, on_ready: Callable[[House], None] | None = None) -> None:
    """Serves until cancelled; the ports are closed and the memory is safe when it returns.

    Args:
        told: The file.
        on_ready: Told once every port listens.

    Raises:
        ScenarioFileError: scenario, district or a register map is wrong.
        DevicesError: an unknown gateway, a taken port, or memory that cannot be used.
        StartError: the start is not on the 15-minute grid.
    """
    rolling = RollingPlant(district_calendar(load_scenario(told.scenario), told), told.seed, start=told.start)
    known = [gateway.id for gateway in rolling.scenario.district.gateways]
    for gateway in told.gateways:
        if gateway.id not in known:
            raise DevicesError(
                f"gateways: {gateway.id!r} is not in district {rolling.scenario.district.name!r}, "
                f"which has {', '.join(known)}"
            )
    journal = DeviceJournal(told.state, _identity(told, rolling))
    try:
        house = House(rolling, told.maps, journal, PlantClock(told.clock))
        servers = [GatewayServer(house, gateway.id, host=told.host, port=gateway.port) for gateway in told.gateways]
        try:
            for server in servers:
                await server.start()
            if on_ready is not None:
                on_ready(house)
            await house.keep_alive()
        finally:
            for server in servers:
                await server.stop()
    finally:
        journal.close()


async def serve_until_signalled(told: DevicesFile, on_ready: Callable[[House], None] | None = None) -> None:
    """``serve_devices`` until SIGTERM or SIGINT; raises what it raises."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        if task is not None:
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await serve_devices(told, on_ready)
    except asyncio.CancelledError:
        if not stopped:
            raise


def district_calendar(scenario: Scenario, told: DevicesFile) -> Scenario:
    """The scenario with the file's days of rest."""
    if told.holidays is None and not told.working_weekends:
        return scenario
    holidays = scenario.district.holidays if told.holidays is None else frozenset(told.holidays)
    district = replace(scenario.district, holidays=holidays, working_weekends=frozenset(told.working_weekends))
    return replace(scenario, district=district)


def _identity(told: DevicesFile, rolling: RollingPlant) -> dict[str, object]:
    return {
        "scenario": rolling.scenario.name,
        "seed": told.seed,
        "start": told.start.isoformat(),
        "devices": len(rolling.scenario.district.devices.ids),
    }
