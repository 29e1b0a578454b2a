"""What every run of a scenario is put together from, in virtual time and in the demonstration alike."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from adapters.kit.gateway import Gateway, GatewayPorts
from adapters.kit.gateway_config import GatewayConfig
from adapters.kit.store import GatewayStore
from adapters.registry import standard_adapters
from simulator.harness.registration import Installed, fleet_of, installed_gateways, registered_ids
from simulator.harness.world import PromptPeople, SimulatedDriver, World
from simulator.plant import Plant
from simulator.scenario import Scenario, draw_answers
from vpp.bootstrap import Controller
from vpp.config_files import config_root
from vpp.domain.errors import ConfigError, ConflictError, InputError
from vpp.domain.events import Declaration, Direction, EventKind, EventState
from vpp.domain.programs import Program
from vpp.domain.timegrid import day_grid
from vpp.infra.program_files import load_program
from vpp.infra.store.folder import StoreFolder
from vpp.ports import Bus, Clock, MeterArchive, Metrics

EVENT_ID = "event-1"
WH_PER_KW_INTERVAL = 250.0
OFFERS_EVERY_MIN = 10
METER_MEMORY_MIN = 30
CONFIRM_EVERY = 5
LOOK_AGAIN = timedelta(seconds=20)


def program_files() -> Sequence[Path]:
    """The programmes that come with the project."""
    return sorted((config_root() / "programs").glob("*.yaml"))


def shipped_programs() -> dict[str, Program]:
    """The programmes that come with the project, by id."""
    return {program.id: program for program in map(load_program, program_files())}


def save_setup(folder: StoreFolder, scenario: Scenario, plant: Plant) -> None:
    """Writes next to the ledger what is needed to read it years later."""
    grid = day_grid(scenario.window.day)
    forecast = plant.node_forecast_kw(grid)
    flow = {node.id: forecast[row] for row, node in enumerate(scenario.district.nodes)}
    folder.create()
    folder.save_setup(fleet_of(scenario), program_files(), flow, grid.start)


async def import_history(archive: MeterArchive, scenario: Scenario, plant: Plant) -> None:
    """Writes the sub-meters' past days, and the event day so far, straight into the archive."""
    history = plant.history(scenario.spec.history_days)
    known = set(registered_ids(scenario))
    rows = [i for i, resource_id in enumerate(history.resource_ids) if resource_id in known]
    meters = [history.resource_ids[i] for i in rows]
    for column, day in enumerate(history.days):
        await archive.import_day(day, meters, _whole_wh(history.power_kw[rows, column, :]))
    today: date = scenario.window.day
    so_far = np.full((len(rows), history.power_kw.shape[2]), np.nan)
    so_far[:, : history.today_kw.shape[1]] = _whole_wh(history.today_kw[rows])
    await archive.import_day(today, meters, so_far)


def _whole_wh(power_kw: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.rint(power_kw.astype(np.float64) * WH_PER_KW_INTERVAL)


def make_gateways(  # noqa: PLR0913 - what a gateway stands on, and where
    scenario: Scenario, world: World, *, bus: Bus, clock: Clock, metrics: Metrics, disk: Path | None
) -> list[Gateway]:
    """All gateways of the scenario, not yet running; their disks are files below ``disk`` or in memory."""
    on_site = on_site_people(scenario)
    return [
        make_gateway(
            installed,
            GatewayPorts(
                bus=bus,
                clock=clock,
                metrics=metrics,
                driver=SimulatedDriver(world, installed),
                store=GatewayStore(":memory:" if disk is None else str(disk / f"{installed.gateway_id}.sqlite")),
                adapters=standard_adapters(),
                confirmations=on_site,
            ),
        )
        for installed in installed_gateways(scenario, world.plant)
    ]


def make_gateway(installed: Installed, ports: GatewayPorts) -> Gateway:
    """One gateway, not yet running."""
    config = GatewayConfig(
        gateway_id=installed.gateway_id,
        specs=installed.specs,
        device_count=len(installed.device_rows),
        capability_every_min=OFFERS_EVERY_MIN,
        meter_memory_min=METER_MEMORY_MIN,
    )
    return Gateway(config, ports)


def on_site_people(scenario: Scenario) -> PromptPeople:
    """The people who are asked on site, where the scenario's resources need one."""
    return PromptPeople({r.id: r.confirm_minutes for r in scenario.district.resources if r.needs_person})


async def people(scenario: Scenario, controller: Controller, seed: int, *, declare_at: datetime) -> None:
    """The operator declares and approves the scenario's event; participants answer after their own time.

    On a ledger that holds the event already, only the answers that are still missing are given.
    """
    clock = controller.clock
    if EVENT_ID not in controller.recorder.book.events:
        await clock.sleep_until(declare_at)
        await declare(scenario, controller)
    record = controller.recorder.book.event(EVENT_ID)
    if record.state is EventState.DRAFT:
        await controller.intake.approve(EVENT_ID)
    while record.invitation is None and record.live:
        await clock.sleep_until(clock.now() + LOOK_AGAIN)
    await answer_invitations(scenario, controller, seed)


async def declare(scenario: Scenario, controller: Controller) -> None:
    """Declares and approves the scenario's event.

    Raises:
        ConfigError: the controller refuses it; names the scenario's file.
    """
    event = scenario.event
    try:
        await controller.intake.declare(
            Declaration(
                event_id=EVENT_ID,
                program_id=event.program,
                kind=EventKind.ECONOMIC,
                direction=Direction(event.direction),
                start=event.start,
                end=event.end,
                target_percent=event.target_percent,
            )
        )
        await controller.intake.approve(EVENT_ID)
    except InputError as error:
        raise ConfigError(str(scenario.path), "event", str(error)) from error


async def answer_invitations(scenario: Scenario, controller: Controller, seed: int) -> None:
    """Answers for every invited participant, each after its own delay; who is late is not heard."""
    record = controller.recorder.book.event(EVENT_ID)
    if record.invitation is None:
        return
    invited_at, reply_by = record.invitation.at, record.invitation.reply_by
    answers = draw_answers(scenario, seed)
    for participant_id in sorted(record.invitation.participant_ids, key=lambda p: (answers[p].delay_minutes, p)):
        at = answers[participant_id].at(invited_at, reply_by)
        if at >= reply_by:
            return
        await controller.clock.sleep_until(at)
        if participant_id not in record.answers and controller.clock.now() <= reply_by:
            await controller.intake.answer(EVENT_ID, participant_id, accepted=answers[participant_id].accepts)


async def answer_everything(scenario: Scenario, controller: Controller, seed: int) -> None:
    """Answers every invitation to any event, each after its own delay, for whoever has not answered itself."""
    answers = draw_answers(scenario, seed)
    while True:
        now = controller.clock.now()
        for event_id, record in list(controller.recorder.book.events.items()):
            if record.state is not EventState.INVITED or record.invitation is None:
                continue
            invited_at, reply_by = record.invitation.at, record.invitation.reply_by
            for participant_id in record.invitation.participant_ids:
                due = answers[participant_id].at(invited_at, reply_by)
                if participant_id in record.answers or not due <= now <= reply_by:
                    continue
                accepted = answers[participant_id].accepts
                # Whoever is there first closes the list; late answers are not heard.
                with suppress(ConflictError):
                    await controller.intake.answer(event_id, participant_id, accepted=accepted, by="simulated people")
        await controller.clock.sleep_until(now + LOOK_AGAIN)
