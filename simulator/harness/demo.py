"""The demonstration: a whole district over a real MQTT broker, in scaled time, in one process.

The controller and every gateway hold a connection of their own to the broker (an embedded one, unless another is
named). Solves run in worker processes; the scaled clock stands still while an event's first plan is made.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from simulator.harness.assembly import (
    CONFIRM_EVERY,
    answer_everything,
    import_history,
    make_gateways,
    people,
    save_setup,
    shipped_programs,
)
from simulator.harness.demo_web import demo_web
from simulator.harness.refusals import one_error, require_program
from simulator.harness.registration import fleet_of, reference_peak_of
from simulator.harness.switching import switch_lines
from simulator.harness.truth import complete_report, simulation_part
from simulator.harness.world import PlantForecasts, World
from simulator.scenario import Scenario
from vpp.bootstrap import Controller, Outside, Setup
from vpp.bootstrap.planner import DeadlinePlanner, solver_workers
from vpp.domain.settlement import Statement
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.clock import ScaledClock, SystemClock
from vpp.infra.mqtt.aiomqtt_bus import AiomqttBus, BrokerAddress
from vpp.infra.mqtt.embedded_broker import embedded_broker
from vpp.infra.price_file import prices_of
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.store.archive import open_archive
from vpp.infra.store.epoch import next_epoch
from vpp.infra.store.folder import StoreFolder
from vpp.infra.store.ledger import open_ledger
from vpp.infra.workers import ProcessWorkers, ThreadWorkers
from vpp.ports import ClockReading

DECLARE_AFTER_S = 20.0
LOOK_EVERY_S = 0.25
PACE_EVERY_S = 0.05
LONGEST_HOLD_S = 10.0
LATEST_HEARD = timedelta(seconds=110)
SOLVE_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """How to run the demonstration.

    Attributes:
        speed: Scaled seconds per second.
        broker: ``None`` for an embedded one.
        manual: Declare nothing; somebody else will, by the pages or the API.
        http_port: Of the web pages and the API; ``None`` for none.
        on_look: Called a few times a second.
    """

    seed: int
    speed: float
    store: StoreFolder
    broker: BrokerAddress | None = None
    manual: bool = False
    http_port: int | None = None
    on_look: Callable[[Controller, World], None] | None = None


@dataclass(frozen=True, slots=True)
class DemoRun:
    """What came of it; ``report`` is ``None`` when no event ended."""

    report: dict[str, Any] | None
    statements: tuple[Statement, ...]


async def run_demo(scenario: Scenario, options: DemoOptions) -> DemoRun:
    """Runs until the event is over, or the scenario's window is; everything it started is stopped when it returns.

    Raises:
        ConfigError: the scenario's event cannot be run; names file and key.
        BusError: the broker cannot be reached, or the embedded one does not start.
        StoreError: the store failed.
    """
    if not options.manual:
        require_program(scenario)
    with one_error():
        return await _run(scenario, options)


async def _run(scenario: Scenario, options: DemoOptions) -> DemoRun:
    clock = ScaledClock(scenario.window.start, options.speed)
    clock.hold()
    plant = scenario.make_plant(options.seed)
    world = World(plant, clock)
    save_setup(options.store, scenario, plant)
    ledger = open_ledger(options.store.ledger_url)
    archive, metrics = open_archive(options.store.archive_url), PrometheusMetrics()
    try:
        await import_history(archive, scenario, plant)
        with (
            ProcessWorkers() as computing,
            ThreadWorkers(name="planning") as for_planning,
            solver_workers(1, metrics) as solvers,
        ):
            planner = DeadlinePlanner(solvers, SOLVE_DEADLINE_S)
            async with _broker(options.broker) as address:
                outside = Outside(
                    bus=AiomqttBus(address),
                    ledger=ledger,
                    archive=archive,
                    clock=clock,
                    workers=computing,
                    metrics=metrics,
                    network=PlantForecasts(world.plant),
                    planner=planner,
                    calendar=chinese_working_days,
                    planner_workers=for_planning,
                    prices=prices_of(scenario.energy_price_path),
                )
                controller = Controller(outside, _setup(scenario, options, clock))
                await for_planning.run(planner.warm)
                await controller.start()
                await _until_over(scenario, controller, world, AiomqttBus(address), options)
        event_id = ended_event(controller)
        if event_id is None:
            return DemoRun(None, ())
        part = simulation_part(scenario, options.seed, controller, world, event_id=event_id)
        part["log_hash"] = await ledger.log_hash()
        report = complete_report(await controller.views.report(event_id), part)
        return DemoRun(report, await controller.settling.statements(event_id))
    finally:
        archive.close()
        ledger.close()


def _setup(scenario: Scenario, options: DemoOptions, clock: ScaledClock) -> Setup:
    return Setup(
        fleet=fleet_of(scenario),
        programs=shipped_programs(),
        reference_peak=reference_peak_of(scenario.district),
        confirm_every=CONFIRM_EVERY,
        epoch=next_epoch(options.store.epoch_path),
        while_planning=lambda making: clock.hold() if making else clock.resume(),
        clock_sync=lambda: ClockReading(clock.now(), SystemClock().now(), clock.speed),
    )


@asynccontextmanager
async def _broker(address: BrokerAddress | None) -> AsyncIterator[BrokerAddress]:
    if address is not None:
        yield address
        return
    async with embedded_broker() as port:
        yield BrokerAddress(host="127.0.0.1", port=port)


async def _until_over(
    scenario: Scenario, controller: Controller, world: World, bus: AiomqttBus, options: DemoOptions
) -> None:
    clock = controller.clock
    made = make_gateways(scenario, world, bus=bus, clock=clock, metrics=controller.outside.metrics, disk=None)
    declare_at = min(clock.now() + timedelta(seconds=DECLARE_AFTER_S * options.speed), scenario.event.declare_at)
    async with _web(scenario, controller, options), asyncio.TaskGroup() as group:
        if isinstance(clock, ScaledClock):
            clock.resume()
        tasks = [group.create_task(controller.run(), name="controller")]
        tasks += [group.create_task(gateway.run(), name=f"gateway/{i}") for i, gateway in enumerate(made)]
        spoken = (
            answer_everything(scenario, controller, options.seed)
            if options.manual
            else people(scenario, controller, options.seed, declare_at=declare_at)
        )
        tasks.append(group.create_task(spoken, name="people"))
        tasks.append(group.create_task(switch_lines(scenario, controller, world), name="network"))
        if isinstance(clock, ScaledClock):
            tasks.append(group.create_task(keep_pace(clock, controller), name="pace"))
        await _watch(scenario, controller, world, options)
        for task in tasks:
            task.cancel()


async def _watch(scenario: Scenario, controller: Controller, world: World, options: DemoOptions) -> None:
    """Returns when the event has ended or the window is over."""
    end = scenario.window.end + timedelta(minutes=10)
    while controller.clock.now() < end:
        await asyncio.sleep(LOOK_EVERY_S)
        if options.on_look is not None:
            options.on_look(controller, world)
        if ended_event(controller) is not None:
            return


def ended_event(controller: Controller) -> str | None:
    """The first event that is over and was measured."""
    for event_id, record in controller.recorder.book.events.items():
        if not record.live and record.baselines is not None:
            return event_id
    return None


@asynccontextmanager
async def _web(scenario: Scenario, controller: Controller, options: DemoOptions) -> AsyncIterator[None]:
    metrics = controller.outside.metrics
    if options.http_port is None or not isinstance(metrics, PrometheusMetrics):
        yield
        return
    async with demo_web(scenario, controller, metrics, speed=options.speed, port=options.http_port):
        yield


async def keep_pace(clock: ScaledClock, controller: Controller) -> None:
    """Holds the scaled clock while readings of the last full minute are still on their way.

    A machine that is too slow for the speed makes the demonstration longer, never worse.
    """
    while True:
        await asyncio.sleep(PACE_EVERY_S)
        if behind(clock.now(), controller):
            clock.hold()
            try:
                async with asyncio.timeout(LONGEST_HOLD_S):
                    while behind(clock.now(), controller):  # noqa: ASYNC110 - readings come from many sides
                        await asyncio.sleep(PACE_EVERY_S)
            except TimeoutError:
                controller.outside.metrics.note("a gateway is not heard of; time goes on", after_s=LONGEST_HOLD_S)
            finally:
                clock.resume()


def behind(now: datetime, controller: Controller) -> bool:
    """Whether a gateway that is online has not been heard for longer than a minute and a little."""
    online = controller.recorder.book.gateways_online
    heard = [at for gateway_id, at in controller.ingest.heard.items() if online.get(gateway_id)]
    return bool(heard) and now - min(heard) > LATEST_HEARD
