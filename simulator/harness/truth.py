"""What only a simulation knows: the same seed without the event, and so what was really delivered."""

from typing import Any

from simulator.harness.assembly import EVENT_ID
from simulator.harness.world import World
from simulator.scenario import Scenario
from vpp.bootstrap import Controller
from vpp.domain.outcome import called_from, commanded_kw
from vpp.domain.timegrid import INTERVAL


def simulation_part(
    scenario: Scenario, seed: int, controller: Controller, world: World, *, event_id: str = EVENT_ID
) -> dict[str, Any]:
    """The report's keys that a simulation adds, the log's hash excepted; to be merged into ``Views.report``."""
    part: dict[str, Any] = {"scenario": scenario.name, "seed": seed}
    record = controller.recorder.book.events.get(event_id)
    if record is None:
        return part
    twin = World(world.plant.twin(), controller.clock)
    twin.advance_to_end()
    count = len(record.grid)
    recovery = controller.setup.settings.recovery_intervals
    whole = min(count + recovery, (world.plant.window.end - record.grid.start) // INTERVAL)
    free = twin.interval_means_kw(record.grid.start, whole)
    actual = world.interval_means_kw(record.grid.start, whole)
    index = world.plant.district.resource_index
    called = [index[r] for r, asked in commanded_kw(record).items() if called_from(asked) is not None]
    sign = record.declaration.direction.sign
    flows = zip(world.plant.district.nodes, world.node_means_kw(record.grid.start, whole), strict=True)
    part["truth"] = {
        "response_kw": [float(x) for x in sign * (free - actual)[:, :count].sum(axis=0)],
        "node_flow_kw": {node.id: [float(x) for x in series] for node, series in flows},
    }
    part["no_event_kw"] = [float(x) for x in free[called].sum(axis=0)]
    return part


def complete_report(report: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The controller's report with what the simulation knows, in one dictionary."""
    whole = part | report
    no_event = whole.pop("no_event_kw", None)
    if no_event is not None:
        padding = [None] * (len(whole["load"]["interval_starts"]) - len(no_event))
        whole["load"] = whole["load"] | {"no_event_kw": [*no_event, *padding]}
    return whole
