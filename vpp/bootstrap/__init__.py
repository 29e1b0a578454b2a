"""Composition root: reads from top to bottom as the diagram in ``docs/architecture.md``."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vpp.domain.control import ControlSettings
from vpp.domain.facts import ControllerStarted
from vpp.domain.fleet import Fleet
from vpp.domain.orderly_use import TIANJIN_DRAFT_2024, WarningRule, Yardstick
from vpp.domain.programs import Program
from vpp.infra.mqtt.gateway_link import GatewayLink
from vpp.ports import (
    NO_PRICES,
    Bus,
    Clock,
    ClockReading,
    EnergyPrices,
    Ledger,
    MeterArchive,
    Metrics,
    NetworkForecasts,
    Planner,
    Upstream,
    Workers,
)
from vpp.services.capability_tables import CapabilityTables
from vpp.services.dispatching import Dispatching
from vpp.services.forecasting import Calendar, Forecasting
from vpp.services.ingesting import Ingest
from vpp.services.intake import Intake, ReferencePeak
from vpp.services.measuring import Measuring
from vpp.services.orderly_use import OrderlyUse
from vpp.services.planning import Planning
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.runner import Runner
from vpp.services.settling import Settling
from vpp.services.switching import Switching
from vpp.services.track_record import TrackRecord
from vpp.services.tracking import Tracking
from vpp.services.upstream import Liaison
from vpp.services.using import Using
from vpp.services.usual_load import UsualLoad
from vpp.services.views import Views


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that the controller stands on, by port.

    Attributes:
        planner_workers: Where the planner is waited for; ``None`` where other blocking work is done.
    """

    bus: Bus
    ledger: Ledger
    archive: MeterArchive
    clock: Clock
    workers: Workers
    metrics: Metrics
    network: NetworkForecasts
    planner: Planner
    calendar: Calendar
    upstream: Upstream | None = None
    prices: EnergyPrices = NO_PRICES
    planner_workers: Workers | None = None


@dataclass(frozen=True, slots=True)
class Setup:
    """What the controller is told: who takes part, by which rules, how to behave.

    Attributes:
        epoch: Higher than that of any earlier run on the same ledger.
        confirm_every: Flushes of a gateway's telemetry that one confirmation covers.
        warning_rule: By which the orderly-use warning level is shown; nothing follows from it.
        open_rounds: Access rounds (分轮次接入) open from the beginning, those below included; ``None`` for all.
        while_planning: Called with ``True`` before a plan is made and ``False`` after; a scaled clock may stand still
            in between.
    """

    fleet: Fleet
    programs: Mapping[str, Program]
    reference_peak: ReferencePeak
    epoch: int
    confirm_every: int = 1
    open_rounds: int | None = None
    warning_rule: WarningRule = TIANJIN_DRAFT_2024
    settings: ControlSettings = field(default_factory=ControlSettings)
    while_planning: Callable[[bool], None] = lambda _: None
    clock_sync: Callable[[], ClockReading | None] = lambda: None


class Controller:
    """The running controller: intake > forecast > plan > dispatch > track > measure > settle > views."""

    def __init__(self, outside: Outside, setup: Setup) -> None:
        clock, metrics, settings = outside.clock, outside.metrics, setup.settings
        self.setup = setup
        self.outside = outside
        self.clock = clock
        self.recorder = Recorder(outside.ledger, metrics)
        self.registry = Registry(
            setup.fleet, metrics, open_round=self._open_round, network=lambda: self.recorder.book.network
        )
        self.link = GatewayLink(
            outside.bus,
            client_id="vpp-controller",
            clock=clock,
            metrics=metrics,
            epoch=lambda: setup.epoch,
            clock_sync=setup.clock_sync,
        )
        self.intake = Intake(self.recorder, self.registry, setup.programs, setup.reference_peak, clock)
        self.switching = Switching(self.recorder, self.registry, clock, metrics)
        self.ingest = Ingest(
            self.recorder,
            self.registry,
            outside.archive,
            self.link,
            clock=clock,
            metrics=metrics,
            confirm_every=setup.confirm_every,
        )
        self.forecasting = Forecasting(
            self.recorder, self.registry, outside.archive, outside.workers, clock=clock, calendar=outside.calendar
        )
        self.track_record = TrackRecord(self.recorder, self.registry, settings)
        self.using = Using(self.recorder, self.registry, setup.programs, settings)
        self.planning = Planning(
            self.recorder,
            self.registry,
            self.forecasting,
            self.track_record,
            self.using,
            outside.network,
            outside.planner,
            workers=outside.planner_workers or outside.workers,
            clock=clock,
            metrics=metrics,
            settings=settings,
            while_planning=setup.while_planning,
            prices=outside.prices,
        )
        self.dispatching = Dispatching(
            self.recorder, self.registry, self.link, clock=clock, metrics=metrics, settings=settings
        )
        self.tracking = Tracking(
            self.recorder,
            self.registry,
            self.ingest,
            self.planning,
            self.track_record,
            self.dispatching,
            clock=clock,
            metrics=metrics,
            settings=settings,
        )
        self.measuring = Measuring(self.recorder, outside.archive)
        self.settling = Settling(
            self.recorder,
            self.registry,
            self.intake,
            self.measuring,
            clock=clock,
            recovery_intervals=settings.recovery_intervals,
        )
        self.tables = CapabilityTables(
            self.recorder,
            self.registry,
            outside.network,
            UsualLoad(outside.archive, outside.calendar),
            self.track_record,
            workers=outside.workers,
            clock=clock,
            settings=settings,
            reference_peak_kw=setup.reference_peak.kw,
        )
        self.views = Views(self.recorder, self.registry, self.settling, outside.network, settings)
        self.runner = Runner(
            self.recorder,
            self.intake,
            self.ingest,
            self.forecasting,
            self.planning,
            self.dispatching,
            self.tracking,
            self.settling,
            clock=clock,
            metrics=metrics,
            settings=settings,
            while_planning=setup.while_planning,
        )
        self.liaison: Liaison | None = None
        if outside.upstream is not None:
            self.liaison = Liaison(
                outside.upstream, self.recorder, self.intake, self.settling, clock=clock, metrics=metrics
            )
        yardstick = Yardstick(setup.warning_rule, setup.reference_peak.kw, setup.reference_peak.source)
        self.orderly_use = OrderlyUse(setup.fleet, outside.network, clock, yardstick)

    def _open_round(self) -> int:
        """The highest access round that may be called: what the setup opens, and what people have opened since."""
        first = self.setup.fleet.last_round if self.setup.open_rounds is None else self.setup.open_rounds
        return max(first, self.recorder.book.open_round)

    async def start(self) -> None:
        """Replays the ledger and opens a new epoch; to be awaited once before ``run``."""
        await self.recorder.replay()
        await self.recorder.record(ControllerStarted(at=self.clock.now(), epoch=self.setup.epoch))
        await self.ingest.resume()

    async def run(self) -> None:
        """Runs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.link.run(self.ingest), name="controller/link")
            group.create_task(self.runner.run(), name="controller/runner")
            if self.liaison is not None:
                group.create_task(self.liaison.run(), name="controller/upstream")
