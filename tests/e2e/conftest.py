"""One quick event, run once per session; everything that only looks shares it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from simulator.harness.simulation import Options, SimulationRun, simulate
from simulator.harness.world import World
from simulator.scenario import Scenario, load_scenario
from vpp.bootstrap import Controller
from vpp.config_files import config_root
from vpp.infra.store.folder import StoreFolder
from vpp.reporting.results import write_results

pytest.register_assert_rewrite("tests.e2e.soundness", "tests.e2e.virtual_district", "tests.e2e.field")


@dataclass(frozen=True)
class RecordedRun:
    """A finished run.

    Attributes:
        out: As ``vpp simulate --out`` leaves it.
        report: ``report.json``, read back.
        minutes_kw: Power per minute of the window and resource.
        twin_minutes_kw: The same of a twin on which nothing was ever set.
        state_changes: Per minute, how often any device had been set by then.
    """

    run: SimulationRun
    out: Path
    report: dict[str, Any]
    minutes_kw: NDArray[np.float64]
    twin_minutes_kw: NDArray[np.float64]
    state_changes: tuple[int, ...]

    @property
    def store(self) -> Path:
        return self.out / "store"


@pytest.fixture(scope="session")
def quick_file() -> Path:
    return config_root() / "scenarios" / "quick.yaml"


@pytest.fixture(scope="session")
def quick_scenario(quick_file: Path) -> Scenario:
    return load_scenario(quick_file)


@pytest.fixture(scope="session")
def quick_run(quick_scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    """The quick scenario with seed 1."""
    out = tmp_path_factory.mktemp("quick")
    store = StoreFolder(out / "store")
    store.create_new()
    seen: list[World] = []
    changes: list[int] = []

    def on_minute(controller: Controller, world: World) -> None:
        del controller
        seen[:] = [world]
        changes.append(int(world.plant.state_changes.sum()))

    run = simulate(quick_scenario, Options(seed=1, store=store, on_minute=on_minute))
    write_results(out, run.report, run.statements)
    world = seen[0]
    twin = world.plant.twin()
    free: list[NDArray[np.float64]] = []
    for _ in range(twin.window.minutes):
        twin.step()
        free.append(twin.resource_power_kw())
    return RecordedRun(
        run=run,
        out=out,
        report=json.loads((out / "report.json").read_text(encoding="utf-8")),
        minutes_kw=np.array(world.resource_minutes_kw),
        twin_minutes_kw=np.array(free),
        state_changes=tuple(changes),
    )


@pytest.fixture
def scenario_file(quick_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of the quick scenario and its district, changed by a function or in keys of its event."""

    def make(change: Callable[[dict[str, Any]], object] = lambda _: None, **event: object) -> Path:
        content = yaml.safe_load(quick_file.read_text(encoding="utf-8"))
        content["district"] = "district.yaml"
        content["event"] |= event
        change(content)
        district = config_root() / "districts" / "quick.yaml"
        (tmp_path / "district.yaml").write_bytes(district.read_bytes())
        file = tmp_path / "changed.yaml"
        file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return file

    return make
