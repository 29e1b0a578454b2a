"""A whole district in virtual time: the real controller and gateways over the in-memory bus, one process, one seed.

No threads: work is done inline, solvers have work limits instead of deadlines, and time moves only when nobody has
anything left to do. The no-event twin of the same plant gives the truth.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.kit.gateway import Gateway, GatewayPorts
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.store import GatewayStore
from adapters.registry import standard_adapters
from optimizer import WorkLimits, plan_dispatch
from simulator.harness.registration import fleet_of, installed_gateways, reference_peak_of, registered_ids
from simulator.harness.world import PlantForecasts, PromptPeople, SimulatedDriver, World
from simulator.plant import Plant
from simulator.scenario import Scenario, draw_answers
from vpp.bootstrap import Controller, Outside, Setup
from vpp.domain.control import ControlSettings
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, PlanningOutcome
from vpp.domain.events import Declaration, Direction, EventKind
from vpp.domain.programs import Program
from vpp.domain.timegrid import INTERVAL
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.memory.faults import SeededFaults
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.ledger import open_ledger
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.infra.workers import InlineWorkers
from vpp.ports import Bus, Clock, MeterArchive

EVENT_ID = "event-1"
AFTER_WINDOW = timedelta(minutes=5)
WH_PER_KW_INTERVAL = 250.0
OFFERS_EVERY_MIN = 10

Progress = Callable[[Controller, World], None]


@dataclass(frozen=True, slots=True)
class SimulationRun:
    """What a run gave: the report as plain data, and where the ledger's log stands."""

    report: dict[str, Any]
    log_hash: str


@dataclass(frozen=True, slots=True)
class Options:
    """How to run a scenario.

    Attributes:
        state_dir: Where ledger and archive lie; in memory when ``None``.
        with_event: ``False`` runs the day without declaring anything.
        progress: Called once per simulated minute.
    """

    seed: int
    state_dir: Path | None = None
    with_event: bool = True
    progress: Progress | None = None
    settings: ControlSettings = ControlSettings()


def simulate(scenario: Scenario, programs: dict[str, Program], options: Options) -> SimulationRun:
    """Runs ``scenario`` from its window's start to its settlement, in virtual time."""
    return run_virtual(_run(scenario, programs, options), scenario.window.start)


async def _run(scenario: Scenario, programs: dict[str, Program], options: Options) -> SimulationRun:
    clock = VirtualClock()
    plant = scenario.make_plant(options.seed)
    world = World(plant, clock)
    ledger = open_ledger(_url(options.state_dir, "ledger"))
    archive = open_archive(_url(options.state_dir, "archive"))
    faults = scenario.spec.bus_faults
    bus = MemoryBroker(
        fault=SeededFaults(
            options.seed,
            duplicate_rate=faults.duplicate_rate,
            delay_rate=faults.late_rate,
            delay_max_s=faults.late_seconds,
        )
    )
    try:
        await import_history(archive, scenario, plant)
        metrics = PrometheusMetrics()
        controller = Controller(
            Outside(
                bus=bus,
                ledger=ledger,
                archive=archive,
                clock=clock,
                workers=InlineWorkers(),
                metrics=metrics,
                network=PlantForecasts(plant),
                planner=plan_with_work_limits,
                calendar=chinese_working_days,
            ),
            Setup(
                fleet=fleet_of(scenario),
                programs=programs,
                reference_peak=reference_peak_of(scenario.district),
                epoch=1,
                settings=options.settings,
            ),
        )
        await controller.start()
        await _until_done(scenario, controller, world, bus, options)
        report = await controller.views.report(EVENT_ID) if options.with_event else {}
        log_hash = await ledger.log_hash()
        report |= _simulation_part(scenario, options.seed, controller, world, log_hash)
        return SimulationRun(report, log_hash)
    finally:
        archive.close()
        ledger.close()


async def _until_done(
    scenario: Scenario, controller: Controller, world: World, bus: MemoryBroker, options: Options
) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(controller.run(), name="controller")]
        tasks += [
            group.create_task(gateway.run(), name=f"gateway/{i}")
            for i, gateway in enumerate(gateways(scenario, world, bus, controller.outside, options.state_dir))
        ]
        tasks.append(group.create_task(drop_links(scenario, world, bus, controller.clock), name="faults"))
        if options.with_event:
            tasks.append(group.create_task(people(scenario, controller, options.seed), name="people"))
        end = scenario.window.end + AFTER_WINDOW
        while controller.clock.now() < end:
            await controller.clock.sleep_until(controller.clock.now() + timedelta(minutes=1))
            if options.progress is not None:
                options.progress(controller, world)
        for task in tasks:
            task.cancel()


def gateways(
    scenario: Scenario, world: World, bus: Bus, outside: Outside, state_dir: Path | None
) -> list[Gateway]:
    """All gateways of the scenario, not yet running."""
    people_on_site = PromptPeople({r.id: r.confirm_minutes for r in scenario.district.resources if r.needs_person})
    adapters = standard_adapters()
    made: list[Gateway] = []
    for installed in installed_gateways(scenario, world.plant):
        path = ":memory:" if state_dir is None else str(state_dir / f"{installed.gateway_id}.sqlite")
        config = GatewayConfig(
            gateway_id=installed.gateway_id,
            specs=installed.specs,
            device_count=len(installed.device_rows),
            capability_every_min=OFFERS_EVERY_MIN,
        )
        ports = GatewayPorts(
            bus=bus,
            clock=outside.clock,
            metrics=outside.metrics,
            driver=SimulatedDriver(world, installed),
            store=GatewayStore(path),
            adapters=adapters,
            confirmations=people_on_site,
        )
        made.append(Gateway(config, ports))
    return made


async def people(scenario: Scenario, controller: Controller, seed: int) -> None:
    """The operator declares and approves; participants answer after their own time."""
    clock = controller.clock
    await clock.sleep_until(scenario.event.declare_at)
    await declare(scenario, controller, EVENT_ID)
    record = controller.recorder.book.event(EVENT_ID)
    while record.invitation is None:
        await clock.sleep_until(clock.now() + timedelta(seconds=20))
    await answer_invitations(scenario, controller, EVENT_ID, seed)


async def declare(scenario: Scenario, controller: Controller, event_id: str) -> None:
    """Declares and approves the scenario's event."""
    event = scenario.event
    await controller.intake.declare(
        Declaration(
            event_id=event_id,
            program_id=event.program,
            kind=EventKind.ECONOMIC,
            direction=Direction.CURTAIL,
            start=event.start,
            end=event.end,
            target_percent=event.target_percent,
        )
    )
    await controller.intake.approve(event_id)


async def answer_invitations(scenario: Scenario, controller: Controller, event_id: str, seed: int) -> None:
    """Answers for every invited participant, each after its own delay; who is late is not heard."""
    record = controller.recorder.book.event(event_id)
    if record.invitation is None:
        return
    invited_at, reply_by = record.invitation.at, record.invitation.reply_by
    drawn = draw_answers(scenario, seed)
    order = sorted(record.invitation.participant_ids, key=lambda p: (drawn[p].delay_minutes, p))
    for participant_id in order:
        at = invited_at + timedelta(minutes=drawn[participant_id].delay_minutes)
        if at >= reply_by:
            return
        await controller.clock.sleep_until(at)
        await controller.intake.answer(event_id, participant_id, accepted=drawn[participant_id].accepts)


async def drop_links(scenario: Scenario, world: World, bus: MemoryBroker, clock: Clock) -> None:
    """Cuts and restores the links of the scenario's unlucky gateways."""
    del scenario
    moments: list[tuple[datetime, str, bool]] = []
    for drop in world.plant.faults.link_drops:
        moments += [(drop.start, drop.gateway_id, False), (drop.end, drop.gateway_id, True)]
    for at, gateway_id, up in sorted(moments):
        await clock.sleep_until(at)
        (bus.restore if up else bus.cut)(gateway_id)


async def import_history(archive: MeterArchive, scenario: Scenario, plant: Plant) -> None:
    """Writes the sub-meters' past days, and the event day so far, straight into the archive."""
    history = plant.history(scenario.spec.history_days)
    known = set(registered_ids(scenario))
    rows = [i for i, resource_id in enumerate(history.resource_ids) if resource_id in known]
    meters = [history.resource_ids[i] for i in rows]
    for column, day in enumerate(history.days):
        await archive.import_day(day, meters, _whole_wh(history.power_kw[rows, column, :]))
    today = np.full((len(rows), history.power_kw.shape[2]), np.nan)
    today[:, : history.today_kw.shape[1]] = _whole_wh(history.today_kw[rows])
    await archive.import_day(scenario.window.day, meters, today)


def _whole_wh(power_kw: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.rint(power_kw.astype(np.float64) * WH_PER_KW_INTERVAL)


def _simulation_part(
    scenario: Scenario, seed: int, controller: Controller, world: World, log_hash: str
) -> dict[str, Any]:
    """What only a simulation knows: its seed, its log, and the truth."""
    part: dict[str, Any] = {"scenario": scenario.name, "seed": seed, "log_hash": log_hash}
    record = controller.recorder.book.events.get(EVENT_ID)
    if record is None:
        return part
    twin = World(world.plant.twin(), controller.clock)
    twin.advance()
    count = len(record.grid)
    recovery = min(
        controller.setup.settings.recovery_intervals, (world.plant.window.end - record.grid.end) // INTERVAL
    )
    actual = world.interval_means_kw(record.grid.start, count + recovery)
    free = twin.interval_means_kw(record.grid.start, count + recovery)
    part["truth"] = {"response_kw": [float(x) for x in (free - actual)[:, :count].sum(axis=0)]}
    index = world.plant.district.resource_index
    called = [index[r] for r in record.commands]
    part["no_event_kw"] = [float(x) for x in free[called].sum(axis=0)]
    return part


def plan_with_work_limits(problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
    """The optimiser bounded by work, not by time: the same problem always gives the same plan."""
    return plan_dispatch(problem, limits=WorkLimits(), previous=previous)


def _url(state_dir: Path | None, name: str) -> str:
    return "sqlite:///:memory:" if state_dir is None else f"sqlite:///{state_dir / (name + '.sqlite')}"


