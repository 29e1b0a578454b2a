"""The control centre of a scenario: moves lines of the simulated network, and tells the controller of it."""

from simulator.harness.world import World
from simulator.scenario import Scenario
from vpp.bootstrap import Controller

CONTROL_CENTRE = "control centre"
MOVE, TELL = 0, 1


async def switch_lines(scenario: Scenario, controller: Controller, world: World) -> None:
    """States the scenario's limits, moves its lines, and tells the controller of each a little later."""
    for limit in scenario.network.limits:
        await controller.switching.limit(
            limit.node_id,
            start=limit.start,
            end=limit.end,
            import_limit_kw=limit.import_limit_kw,
            export_limit_kw=None,
            reason=limit.reason,
            by=CONTROL_CENTRE,
        )
    moves = [(moved.at, MOVE, moved) for moved in scenario.network.transfers]
    tells = [(moved.told_at, TELL, moved) for moved in scenario.network.transfers]
    for at, step, moved in sorted([*moves, *tells], key=lambda due: due[:2]):
        await controller.clock.sleep_until(at)
        if step == MOVE:
            world.advance()
            world.plant.transfer(moved.node_id, moved.parent_id)
        else:
            await controller.switching.reassign(moved.node_id, moved.parent_id, reason=moved.reason, by=CONTROL_CENTRE)
