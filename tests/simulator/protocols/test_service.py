from datetime import date
from pathlib import Path

import pytest
import yaml

from simulator.files import ScenarioFileError
from simulator.protocols.devices_file import load_devices_file
from simulator.protocols.errors import DevicesError, StateError
from simulator.protocols.house import House
from simulator.protocols.journal import DeviceJournal
from simulator.protocols.service import district_calendar, serve_devices
from simulator.rolling import StartError
from simulator.scenario import Scenario
from tests.simulator.protocols.device_process import write_devices_file
from tests.simulator.protocols.living_house import START


class EnoughError(Exception):
    """The test has seen what it wanted."""


@pytest.fixture
def config(tmp_path: Path, configs: Path) -> Path:
    return write_devices_file(tmp_path, configs / "scenarios" / "quick.yaml", ["gw-storage-01"], at=START, speed=60.0)


def edit(config: Path, **changes: object) -> Path:
    told = yaml.safe_load(config.read_text(encoding="utf-8"))
    config.write_text(yaml.safe_dump({**told, **changes}), encoding="utf-8")
    return config


async def test_serve_devices__lets_go_of_ports_and_memory_when_it_ends(config: Path) -> None:
    told = load_devices_file(config)
    seen: list[int] = []

    def look(house: House) -> None:
        seen.append(len(house.units["gw-storage-01"]))
        raise EnoughError

    for _ in range(2):
        with pytest.raises(EnoughError):
            await serve_devices(told, look)

    assert seen == [6, 6]


async def test_serve_devices__an_unknown_gateway_is_refused_by_name(config: Path) -> None:
    told = load_devices_file(edit(config, gateways=[{"id": "gw-nowhere", "port": 5020}]))

    with pytest.raises(
        DevicesError, match=r"gateways: 'gw-nowhere' is not in district 'Quick district', which has gw-"
    ):
        await serve_devices(told)


async def test_serve_devices__memory_of_another_seed_is_refused(config: Path) -> None:
    told = load_devices_file(config)
    DeviceJournal(told.state, {"seed": 99}).close()

    with pytest.raises(StateError, match=r"holds the memory of devices with scenario None, not 'quick'"):
        await serve_devices(told)


async def test_serve_devices__a_start_off_the_grid_is_refused(config: Path) -> None:
    told = load_devices_file(edit(config, start="2026-07-22T14:07:00+08:00"))

    with pytest.raises(StartError, match=r"expected a quarter-hour, such as 2026-07-22T14:00:00\+08:00"):
        await serve_devices(told)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gateways": [{"id": "a", "port": 5020}, {"id": "a", "port": 5021}]}, r"gateways: id a is used twice"),
        ({"gateways": [{"id": "a", "port": 5020}, {"id": "b", "port": 5020}]}, r"gateways: port 5020 is used twice"),
        ({"gateways": []}, r"devices\.yaml: gateways: Tuple should have at least 1 item"),
        ({"seed": -1}, r"devices\.yaml: seed: Input should be greater than or equal to 0 \(found -1\)"),
        ({"start": 0}, r"devices\.yaml: start: Value error, expected an instant such as .*, found 0"),
        ({"protocol": "dnp3"}, r"devices\.yaml: protocol: Extra inputs are not permitted"),
    ],
)
def test_load_devices_file__what_is_wrong_is_named(config: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ScenarioFileError, match=message):
        load_devices_file(edit(config, **changes))


def test_load_devices_file__paths_count_from_its_folder(config: Path) -> None:
    assert load_devices_file(config).state == config.parent / "state"


def test_district_calendar__days_of_rest_of_the_file_replace_the_district_s(config: Path, quick: Scenario) -> None:
    told = load_devices_file(edit(config, holidays=["2026-10-01"], working_weekends=["2026-10-10"]))

    district = district_calendar(quick, told).district
    untouched = district_calendar(quick, load_devices_file(edit(config, holidays=None, working_weekends=[])))

    assert district.holidays == {date(2026, 10, 1)}
    assert district.working_weekends == {date(2026, 10, 10)}
    assert untouched is quick
