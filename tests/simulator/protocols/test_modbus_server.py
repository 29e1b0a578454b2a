"""The documented map, by an independent client: addresses stand here as docs/modbus.md gives them."""

import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from pyModbusTCP.client import ModbusClient  # type: ignore[import-untyped]

from simulator.history import ZONE
from simulator.protocols.layout import UnitPlace, units_of
from simulator.scenario import Scenario, draw_faults
from tests.simulator.protocols.device_process import DeviceProcess, ports_of, write_devices_file

AT = datetime(2026, 7, 22, 14, 0, tzinfo=ZONE)
SPEED = 300.0
FACTORY, CHARGING, COMMERCIAL, STORAGE = "gw-factory-01", "gw-charging-01", "gw-commercial-01", "gw-storage-01"


@dataclass(frozen=True)
class Line:
    """A factory line's first registers, decoded by hand."""

    minute: int
    power_w: int
    energy_wh: int
    local: int
    scheduled_on: int
    enable: int
    setpoint_w: int


def read_line(client: ModbusClient, device: int = 0) -> Line:
    words = client.read_holding_registers(13 * device, 13)
    assert words is not None, client.last_error_as_txt
    return Line(*struct.unpack(">IiQHHHi", struct.pack(">13H", *words)))


def until(condition: Callable[[Line], bool], client: ModbusClient, minutes: int) -> Line:
    """The first line reading that fulfils the condition, within so many simulated minutes."""
    first = line = read_line(client)
    while not condition(line):
        assert line.minute - first.minute <= minutes, line
        line = read_line(client)
    return line


@contextmanager
def served(config: Path) -> Iterator[DeviceProcess]:
    process = DeviceProcess(config)
    try:
        yield process
    finally:
        code, errors = process.stop()
        assert (code, errors) == (0, "")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, configs: Path) -> Path:
    scenario = configs / "scenarios" / "quick.yaml"
    folder = tmp_path_factory.mktemp("devices")
    return write_devices_file(folder, scenario, [FACTORY, CHARGING, COMMERCIAL, STORAGE], at=AT, speed=SPEED)


@pytest.fixture(scope="module")
def district(config: Path) -> Iterator[dict[str, ModbusClient]]:
    with served(config):
        clients = {gateway: ModbusClient("127.0.0.1", port, timeout=10.0) for gateway, port in ports_of(config).items()}
        yield clients
        for client in clients.values():
            client.close()


@pytest.fixture(scope="module")
def obedient(quick: Scenario) -> UnitPlace:
    """A unit of one line whose fault is none, in the plan for that afternoon."""
    faults = draw_faults(quick, 3)
    wanted = [
        place
        for place in units_of(quick.district)[FACTORY]
        if place.resource.kind == "factory_line"
        and not faults.silent[(row := quick.district.resource_index[place.resource.id])]
        and faults.late_minutes[row] == 0.0
        and faults.delivery[row] > 0.8
    ]
    return wanted[0]


def test_factory_line__is_read_curtailed_and_released_by_the_documented_map(
    district: dict[str, ModbusClient], obedient: UnitPlace
) -> None:
    client = district[FACTORY]
    client.unit_id = obedient.unit
    running = until(lambda line: line.scheduled_on == 1 and line.power_w > 5_000, client, 200)

    assert client.write_multiple_registers(10, [1, 0, 1_000]), client.last_except_as_txt
    held = read_line(client)
    stopped = until(lambda line: line.power_w < 0.5 * running.power_w, client, 60)
    assert client.write_single_register(10, 0), client.last_except_as_txt
    free = until(lambda line: line.power_w > 0.7 * running.power_w, client, 120)

    assert (held.enable, held.setpoint_w) == (1, 1_000)
    assert free.enable == 0
    assert running.energy_wh < stopped.energy_wh < free.energy_wh


def test_name_plate__says_what_a_line_is(
    district: dict[str, ModbusClient], obedient: UnitPlace, quick: Scenario
) -> None:
    client = district[FACTORY]
    client.unit_id = obedient.unit
    words = client.read_input_registers(0, 9)

    assert words is not None
    kind, rated_w, power_min_w, least_w, most_w = struct.unpack(">HIIii", struct.pack(">9H", *words))
    row = obedient.resource.devices.start
    assert kind == 1
    assert rated_w == round(quick.district.devices.rated_kw[row] * 1000)
    assert 0 < power_min_w < rated_w
    assert (least_w, most_w >= rated_w) == (0, True)


@pytest.mark.parametrize(
    ("gateway", "holding", "plate"), [(FACTORY, 13, 9), (CHARGING, 17, 9), (COMMERCIAL, 14, 17), (STORAGE, 15, 15)]
)
def test_blocks__follow_each_other_at_the_stride_and_end_with_the_last_device(
    district: dict[str, ModbusClient], quick: Scenario, gateway: str, holding: int, plate: int
) -> None:
    client = district[gateway]
    for place in units_of(quick.district)[gateway]:
        client.unit_id = place.unit
        last = place.device_count - 1
        assert client.read_holding_registers(last * holding, holding) is not None
        assert client.read_input_registers(last * plate, plate) is not None
        assert client.read_holding_registers(last * holding, holding + 1) is None
        assert client.last_except == 2


@pytest.mark.parametrize(
    ("address", "words", "code"),
    [(10, [1, 0x7FFF, 0], 3), (10, [1, 0xFFFF, 0xFFFF], 3), (10, [2], 3), (11, [0], 3), (2, [0, 0], 2), (5000, [1], 2)],
)
def test_write__what_is_refused_is_answered_with_the_documented_exception(
    district: dict[str, ModbusClient], obedient: UnitPlace, address: int, words: list[int], code: int
) -> None:
    client = district[FACTORY]
    client.unit_id = obedient.unit

    assert not client.write_multiple_registers(address, words)
    assert client.last_except == code


def test_write__under_local_control_is_answered_with_exception_4(
    district: dict[str, ModbusClient], obedient: UnitPlace
) -> None:
    client = district[FACTORY]
    client.unit_id = obedient.unit
    assert client.write_single_register(8, 1)

    assert not client.write_multiple_registers(10, [1, 0, 1_000])
    code, local = client.last_except, read_line(client).local
    assert client.write_single_register(8, 0)

    assert (code, local) == (4, 1)


def test_read__a_missing_unit_and_a_foreign_function_are_refused(district: dict[str, ModbusClient]) -> None:
    client = district[STORAGE]
    client.unit_id = 200
    assert client.read_holding_registers(0, 1) is None
    assert client.last_except == 11
    client.unit_id = 1
    assert client.read_coils(0, 1) is None
    assert client.last_except == 1
    assert not client.write_single_coil(0, True)
    assert client.last_except == 1


def test_devices__killed_and_started_again_they_have_lived_on_and_hold_what_they_held(
    tmp_path: Path, configs: Path, obedient: UnitPlace
) -> None:
    config = write_devices_file(tmp_path, configs / "scenarios" / "quick.yaml", [FACTORY], at=AT, speed=SPEED)
    client = ModbusClient("127.0.0.1", ports_of(config)[FACTORY], obedient.unit, timeout=10.0)
    first = DeviceProcess(config)
    assert client.write_multiple_registers(10, [1, 0, 2_000]), client.last_except_as_txt
    before = read_line(client)
    first.stop(signal.SIGKILL)
    client.close()

    with served(config):
        after = read_line(client)
        client.close()

    assert (after.enable, after.setpoint_w) == (1, 2_000)
    assert after.minute > before.minute
    assert after.energy_wh >= before.energy_wh


def test_devices__a_taken_port_is_named_with_its_gateway(
    district: dict[str, ModbusClient], config: Path, tmp_path: Path
) -> None:
    assert district
    other = tmp_path / "devices.yaml"
    other.write_text(config.read_text(encoding="utf-8").replace("state: state", "state: elsewhere"), encoding="utf-8")

    code, errors = DeviceProcess(other).wait()

    assert code == 2
    port = ports_of(config)[FACTORY]
    assert errors == f"error: gateway '{FACTORY}': cannot listen on 127.0.0.1:{port}: Address already in use\n"
