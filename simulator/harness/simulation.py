"""A whole district in virtual time: the real controller and gateways over the in-memory bus, one process, one seed.

No threads: work is done inline, solvers have work limits instead of deadlines, and time moves only when nobody has
anything left to do. The no-event twin of the same plant gives the truth.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from optimizer import WorkLimits, plan_dispatch
from simulator.harness.assembly import (
    CONFIRM_EVERY,
    EVENT_ID,
    import_history,
    make_gateways,
    people,
    save_setup,
    shipped_programs,
)
from simulator.harness.refusals import one_error, require_program
from simulator.harness.registration import fleet_of, reference_peak_of
from simulator.harness.switching import switch_lines
from simulator.harness.truth import complete_report, simulation_part
from simulator.harness.world import PlantForecasts, World
from simulator.scenario import Scenario
from vpp.bootstrap import Controller, Outside, Setup
from vpp.domain.control import ControlSettings
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome
from vpp.domain.settlement import Statement
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.memory.faults import SeededFaults
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.price_file import prices_of
from vpp.infra.store.archive import open_archive
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.infra.workers import InlineWorkers
from vpp.ports import Clock

AFTER_WINDOW = timedelta(minutes=3)
MINUTE = timedelta(minutes=1)
IN_MEMORY = "sqlite://"


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a scenario.

    Attributes:
        store: Where ledger and archive lie; in memory when ``None``.
        with_event: ``False`` runs the day without declaring anything.
        on_minute: Called once per simulated minute.
    """

    seed: int
    store: StoreFolder | None = None
    with_event: bool = True
    on_minute: Callable[[Controller, World], None] | None = None
    settings: ControlSettings = field(default_factory=ControlSettings)


@dataclass(frozen=True, slots=True)
class SimulationRun:
    """What a run gave: the report as plain data, the statements, and how many metered minutes it took in."""

    report: dict[str, Any]
    statements: tuple[Statement, ...]
    readings: int


def simulate(scenario: Scenario, options: Options) -> SimulationRun:
    """Runs ``scenario`` from its window's start to its settlement, in virtual time.

    Raises:
        ConfigError: the scenario's event cannot be run; names file and key.
        StoreError: the store failed.
    """
    if options.with_event:
        require_program(scenario)
    with one_error():
        return run_virtual(_run(scenario, options), scenario.window.start)


def plan_with_work_limits(problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
    """The optimiser bounded by work, not by time: the same problem always gives the same plan."""
    return plan_dispatch(problem, limits=WorkLimits(), previous=previous)


async def _run(scenario: Scenario, options: Options) -> SimulationRun:
    clock = VirtualClock()
    plant = scenario.make_plant(options.seed)
    world = World(plant, clock)
    metrics = MemoryMetrics()
    if options.store is not None:
        save_setup(options.store, scenario, plant)
    ledger = open_ledger(options.store.ledger_url if options.store else IN_MEMORY)
    archive = open_archive(options.store.archive_url if options.store else IN_MEMORY)
    bus = faulty_broker(scenario, options.seed)
    try:
        await import_history(archive, scenario, plant)
        outside = Outside(
            bus=bus,
            ledger=ledger,
            archive=archive,
            clock=clock,
            workers=InlineWorkers(),
            metrics=metrics,
            network=PlantForecasts(plant),
            planner=plan_with_work_limits,
            calendar=chinese_working_days,
            prices=prices_of(scenario.energy_price_path),
        )
        setup = Setup(
            fleet=fleet_of(scenario),
            programs=shipped_programs(),
            reference_peak=reference_peak_of(scenario.district),
            confirm_every=CONFIRM_EVERY,
            epoch=1,
            settings=options.settings,
        )
        controller = Controller(outside, setup)
        await controller.start()
        await _until_over(scenario, controller, world, bus, options)
        part = simulation_part(scenario, options.seed, controller, world)
        part["log_hash"] = await ledger.log_hash()
        readings = int(metrics.total("readings_stored"))
        if not options.with_event:
            return SimulationRun(part, (), readings)
        report = complete_report(await controller.views.report(EVENT_ID), part)
        return SimulationRun(report, await controller.settling.statements(EVENT_ID), readings)
    finally:
        archive.close()
        ledger.close()


async def _until_over(
    scenario: Scenario, controller: Controller, world: World, bus: MemoryBroker, options: Options
) -> None:
    clock = controller.clock
    made = make_gateways(scenario, world, bus=bus, clock=clock, metrics=controller.outside.metrics, disk=None)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(controller.run(), name="controller")]
        tasks += [group.create_task(gateway.run(), name=f"gateway/{i}") for i, gateway in enumerate(made)]
        tasks.append(group.create_task(drop_links(world, bus, clock), name="faults"))
        tasks.append(group.create_task(switch_lines(scenario, controller, world), name="network"))
        if options.with_event:
            spoken = people(scenario, controller, options.seed, declare_at=scenario.event.declare_at)
            tasks.append(group.create_task(spoken, name="people"))
        while clock.now() < scenario.window.end + AFTER_WINDOW:
            await clock.sleep_until(clock.now() + MINUTE)
            if options.on_minute is not None:
                options.on_minute(controller, world)
        for task in tasks:
            task.cancel()


def faulty_broker(scenario: Scenario, seed: int) -> MemoryBroker:
    """An in-memory broker that treats messages as the scenario says."""
    faults = scenario.spec.bus_faults
    return MemoryBroker(
        fault=SeededFaults(
            seed,
            duplicate_rate=faults.duplicate_rate,
            delay_rate=faults.late_rate,
            delay_max_s=faults.late_seconds,
        )
    )


async def drop_links(world: World, bus: MemoryBroker, clock: Clock) -> None:
    """Cuts and restores the links of the scenario's unlucky gateways."""
    moments: list[tuple[datetime, str, bool]] = []
    for drop in world.plant.faults.link_drops:
        moments += [(drop.start, drop.gateway_id, False), (drop.end, drop.gateway_id, True)]
    for at, gateway_id, restored in sorted(moments):
        await clock.sleep_until(at)
        (bus.restore if restored else bus.cut)(gateway_id)
