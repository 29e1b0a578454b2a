from pathlib import Path

import pytest

from simulator.plant import Plant
from simulator.scenario import Scenario, load_scenario

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    return CONFIGS


@pytest.fixture(scope="session")
def quick() -> Scenario:
    return load_scenario(CONFIGS / "scenarios" / "quick.yaml")


@pytest.fixture(scope="session")
def summer_peak() -> Scenario:
    return load_scenario(CONFIGS / "scenarios" / "summer-peak.yaml")


@pytest.fixture(scope="session")
def quick_origin(quick: Scenario) -> Plant:
    """Made once; tests take its twins and never step it."""
    return quick.make_plant(seed=5)


@pytest.fixture
def quick_plant(quick_origin: Plant) -> Plant:
    return quick_origin.twin()
