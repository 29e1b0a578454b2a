"""Whole events in virtual time: a line that is moved in mid-event, and a night valley that is filled."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml

from simulator.files import ScenarioFileError
from simulator.harness.simulation import Options, simulate
from simulator.harness.world import World
from simulator.scenario import Scenario, load_scenario
from vpp.bootstrap import Controller
from vpp.config_files import config_root
from vpp.domain.book import Book, EventRecord
from vpp.domain.commands import CommandMode
from vpp.domain.facts import FeederReassigned
from vpp.domain.network import AS_REGISTERED
from vpp.domain.outcome import commanded_kw
from vpp.domain.timegrid import parse_instant

SCENARIOS = config_root() / "scenarios"
LINE, NEIGHBOUR = "quick-snow-line-2", "quick-shuangkou"
CYCLE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run, and what its controller and world were at its end."""

    scenario: Scenario
    report: Mapping[str, Any]
    controller: Controller
    world: World

    @property
    def record(self) -> EventRecord:
        return self.controller.recorder.book.event("event-1")


def run_of(path: Path, seed: int = 1) -> Run:
    scenario = load_scenario(path)
    seen: list[tuple[Controller, World]] = []
    run = simulate(scenario, Options(seed=seed, on_minute=lambda c, w: seen.append((c, w))))
    return Run(scenario, run.report, *seen[-1])


@pytest.fixture(scope="module")
def moved() -> Run:
    return run_of(SCENARIOS / "line-fault-transfer.yaml")


@pytest.fixture(scope="module")
def filled() -> Run:
    return run_of(SCENARIOS / "valley-fill.yaml")


def sound(run: Run) -> None:
    schema = json.loads((config_root() / "wire" / "v1" / "report.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(run.report)
    assert run.report["event"]["states"][-1]["state"] == "settled"
    assert run.report["attainment"]["met"] is True, run.report["verdict"]
    assert set(run.report["invariants"].values()) == {"ok"}


def test_line_fault__the_event_is_met_and_sound(moved: Run) -> None:
    sound(moved)


def test_line_fault__is_planned_anew_within_a_cycle_of_being_told(moved: Run) -> None:
    (transfer,) = moved.scenario.network.transfers
    (told,) = [c for c in moved.controller.registry.network.told if isinstance(c, FeederReassigned)]
    assert told.at == transfer.told_at

    (planned,) = [r for r in moved.report["redispatches"] if r["reason"].startswith("network changed")]

    assert LINE in planned["reason"]
    assert transfer.reason in planned["reason"]
    assert timedelta() < parse_instant(planned["at"]) - told.at <= CYCLE


def test_line_fault__the_simulated_flows_follow_and_the_neighbour_keeps_its_limit(moved: Run) -> None:
    (transfer,), (limit,) = moved.scenario.network.transfers, moved.scenario.network.limits
    index = moved.world.plant.district.node_index[NEIGHBOUR]
    minutes_kw = np.array(moved.world.node_minutes_kw)[:, index]
    at = (transfer.at - moved.world.plant.window.start) // timedelta(minutes=1)

    assert minutes_kw[at + 1] - minutes_kw[at - 1] > 10_000.0
    flow_kw = moved.report["truth"]["node_flow_kw"][NEIGHBOUR]
    # The interval of the fault is a mixture; from the next one on the whole line hangs there, and recovers there.
    assert max(flow_kw[2:]) <= limit.import_limit_kw
    shown = moved.report["by_node"]
    assert shown[LINE]["parent_id"] == NEIGHBOUR
    assert shown[NEIGHBOUR]["import_limits_kw"] == [limit.import_limit_kw] * 4
    planned_kw = np.array(shown[NEIGHBOUR]["forecast_kw"])
    assert planned_kw[2] - planned_kw[1] == pytest.approx(shown[LINE]["forecast_kw"][2], rel=0.02)


def test_line_fault__without_the_event_the_neighbour_would_carry_too_much(moved: Run) -> None:
    (transfer,), (limit,) = moved.scenario.network.transfers, moved.scenario.network.limits
    twin = World(moved.world.plant.twin(), moved.controller.clock)
    twin.plant.transfer(transfer.node_id, transfer.parent_id)
    twin.advance_to_end()

    row = twin.plant.district.node_index[NEIGHBOUR]
    free_kw = twin.node_means_kw(moved.record.grid.start, 4)[row]

    assert free_kw.max() > limit.import_limit_kw


def test_line_fault__replaying_the_ledger_gives_the_same_network(moved: Run) -> None:
    told = moved.controller.registry.network
    again = Book.replay(told.told).network

    assert again.tree_of(moved.controller.registry.registered).nodes == moved.controller.registry.fleet.nodes
    assert AS_REGISTERED.tree_of(moved.controller.registry.registered).nodes[LINE].parent_id == "quick-snow"


def test_valley_fill__is_settled_met_and_sound(filled: Run) -> None:
    sound(filled)
    assert filled.report["event"]["direction"] == "fill"
    assert float(filled.report["settlement"]["total_payment_cny"]) > 0
    verified = np.array(filled.report["waterfall"]["verified_kw"])
    assert (verified >= np.array(filled.report["target_kw"])).all()
    assert filled.report["emissions"]["kg"] < 0


def test_valley_fill__by_storage_and_by_cars_that_were_waiting(filled: Run) -> None:
    asked = commanded_kw(filled.record)
    modes = {r: {issued.command.mode for issued in history} for r, history in filled.record.commands.items()}
    batteries = {r for r in asked if r.endswith("-battery")}
    piles = {r for r in asked if r.endswith("-piles")}

    assert batteries
    assert piles
    assert batteries | piles == set(asked)
    assert all(modes[r] == {CommandMode.EXACTLY} for r in batteries)
    assert all(modes[r] == {CommandMode.AT_LEAST} for r in piles)
    twin = World(filled.world.plant.twin(), filled.controller.clock)
    twin.advance_to_end()
    start, rows = filled.record.grid.start, filled.world.plant.district.resource_index
    more_kw = filled.world.interval_means_kw(start, 4) - twin.interval_means_kw(start, 4)
    assert sum(more_kw[rows[r]].mean() for r in piles) > 50.0
    assert sum(more_kw[rows[r]].mean() for r in batteries) > 300.0
    assert filled.record.commitment is not None
    assert "cannot-fill" in filled.record.commitment.skipped.values()


def test_valley_fill__no_car_leaves_with_less_than_it_needs(filled: Run) -> None:
    twin = World(filled.world.plant.twin(), filled.controller.clock)
    twin.advance_to_end()

    assert filled.world.plant.piles.unserved_kwh.sum() <= twin.plant.piles.unserved_kwh.sum() + 1e-6


def test_prices__are_weighed_and_reported(tmp_path: Path) -> None:
    content = yaml.safe_load((SCENARIOS / "valley-fill.yaml").read_text(encoding="utf-8"))
    content["district"] = str((SCENARIOS / content["district"]).resolve())
    hours = [f"2026-07-22T{hour:02d}:00:00+08:00,{0.2 + 0.1 * hour:.1f}" for hour in range(9)]
    (tmp_path / "prices.csv").write_text("\n".join(["timestamp,price_cny_per_kwh", *hours]), encoding="utf-8")
    (tmp_path / "priced.yaml").write_text(yaml.safe_dump(content | {"energy_prices": "prices.csv"}), encoding="utf-8")

    run = run_of(tmp_path / "priced.yaml")

    assert run.report["energy_price_cny_per_kwh"] == pytest.approx([0.5] * 4)
    assert run.report["attainment"]["met"] is True


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"node": "moon", "to": NEIGHBOUR}, "network.transfers.0.node: expected a node of the district, found 'moon'"),
        ({"node": LINE, "to": "moon"}, "network.transfers.0.to: expected a node of the district, found 'moon'"),
        (
            {"node": "quick-snow", "to": LINE},
            f"network.transfers.0.to: expected a node that does not hang below 'quick-snow', found '{LINE}'",
        ),
    ],
)
def test_scenario__refuses_a_network_that_cannot_be(tmp_path: Path, network: dict[str, str], message: str) -> None:
    content = yaml.safe_load((SCENARIOS / "line-fault-transfer.yaml").read_text(encoding="utf-8"))
    content["district"] = str((SCENARIOS / content["district"]).resolve())
    content["network"]["transfers"] = [{"at": "14:20", "reason": "a test"} | network]
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(ScenarioFileError, match=message):
        load_scenario(tmp_path / "wrong.yaml")
