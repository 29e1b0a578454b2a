from pathlib import Path

import pytest

from simulator.faults import Faults
from simulator.rolling import RollingPlant
from simulator.scenario import Scenario
from tests.simulator.protocols.living_house import START


@pytest.fixture(scope="session")
def maps(configs: Path) -> Path:
    return configs / "modbus"


@pytest.fixture
def flawless(quick: Scenario) -> RollingPlant:
    """Devices whose panels take everything."""
    rolling = RollingPlant(quick, 3, start=START)
    rolling._faults = Faults.none(len(quick.district.resources))
    return rolling
