"""A controller's services on in-memory parts, in virtual time, with gateways that only write down what they hear."""

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from statistics import NormalDist
from typing import ParamSpec

import numpy as np

from tests.vpp.domain.event_samples import EARLY, EVENT, START
from tests.vpp.domain.fleet_samples import sample_fleet
from tests.vpp.domain.program_samples import sample_program
from vpp.bootstrap import Controller, Outside, Setup
from vpp.domain.book import EventRecord
from vpp.domain.capability import CapabilityOffer
from vpp.domain.commands import AckState, Command
from vpp.domain.control import ControlSettings
from vpp.domain.delivery import Asked, spread_kw
from vpp.domain.dispatch import DispatchPlan, DispatchProblem, Infeasible, Planned, PlanningOutcome
from vpp.domain.errors import StoreError
from vpp.domain.facts import AckEntry
from vpp.domain.flexibility import Curtailable, Series, Storage
from vpp.domain.programs import Program
from vpp.domain.telemetry import Quality, Reading
from vpp.domain.timegrid import TimeGrid, day_start
from vpp.infra.chinese_calendar import chinese_working_days
from vpp.infra.memory.archive import MemoryArchive
from vpp.infra.memory.bus import MemoryBroker
from vpp.infra.memory.metrics import MemoryMetrics
from vpp.infra.store.ledger import SqlLedger, open_ledger
from vpp.infra.virtual_time import VirtualClock, run_virtual
from vpp.infra.workers import InlineWorkers
from vpp.ports import GatewayStart
from vpp.services.dispatching import Dispatching
from vpp.services.ingesting import Ingest
from vpp.services.intake import Intake, ReferencePeak
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry

P = ParamSpec("P")
MINUTE = timedelta(minutes=1)
BASELINE_KW = {"line-1": 100.0, "line-2": 80.0, "cool-1": 120.0, "bat-1": 0.0}
PEAK = ReferencePeak(1_000.0, "a test", date(2026, 7, 1))


def virtual(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """Runs the test in virtual time that begins two hours before the sample event."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtual(test(*args, **kwargs), EARLY)

    return run


@dataclass
class WritingGateways:
    """Implements ``Gateways`` by keeping what is sent."""

    sent: list[tuple[str, tuple[Command, ...]]] = field(default_factory=list)
    confirmed: list[tuple[str, dict[str, int]]] = field(default_factory=list)

    async def send_commands(self, gateway_id: str, commands: Sequence[Command]) -> None:
        self.sent.append((gateway_id, tuple(commands)))

    async def confirm(
        self,
        gateway_id: str,
        *,
        through_seq: int | None = None,
        ack_through_seq: int | None = None,
        resend_from: int | None = None,
        ack_resend_from: int | None = None,
    ) -> None:
        given = {
            "through_seq": through_seq,
            "ack_through_seq": ack_through_seq,
            "resend_from": resend_from,
            "ack_resend_from": ack_resend_from,
        }
        self.confirmed.append((gateway_id, {name: value for name, value in given.items() if value is not None}))

    @property
    def commands(self) -> list[Command]:
        return [command for _, batch in self.sent for command in batch]


class BreakableArchive(MemoryArchive):
    """Fails on demand."""

    broken = False

    async def store(self, readings: Sequence[Reading]) -> None:
        if self.broken:
            raise StoreError("archive: the disk is full")
        await super().store(readings)


class SteadyNetwork:
    """Implements ``NetworkForecasts``: the same flow always."""

    async def node_flow_kw(self, grid: TimeGrid) -> Mapping[str, Series]:
        return {"root": np.full(len(grid), 500.0), "line": np.full(len(grid), 300.0)}


@dataclass
class EvenPlanner:
    """Implements ``Planner``: asks every curtailable resource for the same share of what it offers."""

    problems: list[DispatchProblem] = field(default_factory=list)
    infeasible: int = 0
    before: Callable[[], None] = lambda: None

    def __call__(self, problem: DispatchProblem, previous: DispatchPlan | None) -> PlanningOutcome:
        self.problems.append(problem)
        self.before()
        if self.infeasible:
            self.infeasible -= 1
            return Infeasible("two limits contradict each other", ())
        count = problem.event_intervals
        most = {
            r.id: r.flexibility.segment_1_kw[:count]
            for r in problem.resources
            if isinstance(r.flexibility, Curtailable)
        }
        covered = np.array([covered_kw(problem, most, t) for t in range(count)])
        share = np.divide(problem.target_kw, covered, out=np.ones(count), where=covered > 0).clip(0.0, 1.0)
        response = {r.id: np.zeros(len(problem.grid)) for r in problem.resources}
        for resource_id, offered in most.items():
            response[resource_id][:count] = offered * share
        shortfall = np.maximum(problem.target_kw - covered * share, 0.0)
        rebound = np.zeros(len(problem.grid) - count)
        return Planned(DispatchPlan(response, "even", "Optimal", 0.0, 0.0, shortfall, rebound, 0.0))


def covered_kw(problem: DispatchProblem, response_kw: Mapping[str, Series], t: int) -> float:
    """What the responses deliver in interval ``t`` with the problem's coverage."""
    asked = [
        Asked(r.delivery_class, float(response_kw[r.id][t]), r.delivery_fraction, r.delivery_sd)
        for r in problem.resources
        if r.id in response_kw
    ]
    mean_kw = sum(each.mean * each.response_kw for each in asked)
    return mean_kw - NormalDist().inv_cdf(problem.coverage) * spread_kw(asked, problem.common_sd)


class Rig:
    """The services up to dispatching."""

    def __init__(self, *, programs: Sequence[Program] = (), ledger: SqlLedger | None = None) -> None:
        self.clock = VirtualClock()
        self.metrics = MemoryMetrics()
        self.ledger = ledger or open_ledger("sqlite://")
        self.archive = BreakableArchive()
        self.gateways = WritingGateways()
        self.recorder = Recorder(self.ledger, self.metrics)
        self.registry = Registry(sample_fleet(), self.metrics)
        known = {program.id: program for program in programs or (sample_program(),)}
        self.intake = Intake(self.recorder, self.registry, known, PEAK, self.clock)
        self.ingest = Ingest(
            self.recorder, self.registry, self.archive, self.gateways, clock=self.clock, metrics=self.metrics
        )
        self.dispatching = Dispatching(
            self.recorder,
            self.registry,
            self.gateways,
            clock=self.clock,
            metrics=self.metrics,
            settings=ControlSettings(),
        )

    @property
    def event(self) -> EventRecord:
        return self.recorder.book.event(EVENT)

    def rejections(self) -> list[str]:
        return [str(details["reason"]) for message, details in self.metrics.notes if message == "message rejected"]


def minute_readings(
    minute: datetime, power_kw: Mapping[str, float], quality: Quality = Quality.GOOD, wh_before: int = 0
) -> list[Reading]:
    """Readings at the end of a minute, their registers as if that power had run since the event's start."""
    minutes = (minute - START) // MINUTE
    return [
        Reading(meter, minute, power, wh_before + round(power * 1000 * minutes / 60), quality)
        for meter, power in power_kw.items()
    ]


def offer(resource_id: str, at: datetime, first_kw: float = 60.0, forecast_kw: float | None = None) -> CapabilityOffer:
    """A day's offer of the resource from the start of ``at``'s trading day on."""
    grid = TimeGrid(day_start(date(2026, 7, 22)), 96)
    forecast = np.full(96, BASELINE_KW[resource_id] if forecast_kw is None else forecast_kw)
    if resource_id == "bat-1":
        return CapabilityOffer(
            resource_id, at, grid, forecast, Storage(100.0, 200.0, 100.0, 20.0, 20.0, 0.9, 0.1, False), 60.0
        )
    flexibility = Curtailable(np.full(96, first_kw), np.zeros(96), 0.5, 1.0, 1e6)
    return CapabilityOffer(resource_id, at, grid, forecast, flexibility, 60.0)


GATEWAY_START = GatewayStart(boot=1, started_at=EARLY, telemetry_from=1, acks_from=1)


async def controller_rig(
    archive: MemoryArchive | None = None,
    ledger: SqlLedger | None = None,
    *,
    epoch: int = 1,
    planner: EvenPlanner | None = None,
    program: Program | None = None,
    history: bool = True,
    outside: Mapping[str, object] | None = None,
    setup: Mapping[str, object] | None = None,
) -> tuple[Controller, MemoryMetrics, EvenPlanner]:
    """A started controller with 45 days of steady history and gateways online.

    ``outside`` and ``setup`` replace parts of what it stands on and of what it is told.
    """
    metrics = MemoryMetrics()
    made_planner = planner or EvenPlanner()
    made_archive = archive or MemoryArchive()
    if history and archive is None:
        meters = list(BASELINE_KW)
        energy = np.array([[round(BASELINE_KW[m] * 250.0)] * 96 for m in meters], dtype=np.float64)
        for back in range(1, 46):
            await made_archive.import_day(date(2026, 7, 22) - timedelta(days=back), meters, energy)
        today = energy.copy()
        today[:, (EARLY - day_start(date(2026, 7, 22))) // timedelta(minutes=15) :] = np.nan
        await made_archive.import_day(date(2026, 7, 22), meters, today)
    stands_on = Outside(
        bus=MemoryBroker(),
        ledger=ledger or open_ledger("sqlite://"),
        archive=made_archive,
        clock=VirtualClock(),
        workers=InlineWorkers(),
        metrics=metrics,
        network=SteadyNetwork(),
        planner=made_planner,
        calendar=chinese_working_days,
    )
    told = Setup(
        fleet=sample_fleet(),
        programs={"sample": program or sample_program()},
        reference_peak=PEAK,
        epoch=epoch,
    )
    controller = Controller(
        replace(stands_on, **(outside or {})),  # type: ignore[arg-type]
        replace(told, **(setup or {})),  # type: ignore[arg-type]
    )
    await controller.start()
    for gateway_id in ("gw-1", "gw-2", "gw-3"):
        await controller.ingest.on_status(gateway_id, online=True)
    for resource_id in BASELINE_KW:
        gateway_id = sample_fleet().resource(resource_id).gateway_id
        await controller.ingest.on_offers(gateway_id, [offer(resource_id, controller.clock.now())])
    await controller.ingest.on_link()
    return controller, metrics, made_planner


async def ack_all(controller: Controller) -> None:
    """Every unanswered command is acked ``applied``, as its gateway would."""
    book = controller.recorder.book
    for gateway_id in ("gw-1", "gw-2", "gw-3"):
        unanswered = [
            history[-1].command
            for record in book.events.values()
            for history in record.commands.values()
            if history[-1].gateway_id == gateway_id and history[-1].state is None
        ]
        if unanswered:
            acks = [AckEntry(c.command_id, c.resource_id, AckState.APPLIED) for c in unanswered]
            await controller.ingest.on_acks(gateway_id, book.ack_seq.get(gateway_id, 0) + 1, acks)
