"""The door: everything of the controller that routes and pages are handed."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from vpp.domain.control import ControlSettings
from vpp.domain.programs import Program
from vpp.ports import Clock, ExposedMetrics, IdempotencyStore, MeterArchive, NetworkForecasts
from vpp.services.accounts import Accounts
from vpp.services.capability_tables import CapabilityTables
from vpp.services.ingesting import Ingest
from vpp.services.intake import Intake, ReferencePeak
from vpp.services.measuring import Measuring
from vpp.services.orderly_use import OrderlyUse
from vpp.services.planning import Planning
from vpp.services.recorder import Recorder
from vpp.services.registry import Registry
from vpp.services.settling import Settling
from vpp.services.switching import Switching
from vpp.services.tracking import Tracking
from vpp.services.views import Views

RenderReport = Callable[[Mapping[str, Any]], str]
"""A report as the page that people read."""
Check = Callable[[], Awaitable[str | None]]
"""``None`` when all is well, otherwise what is missing."""


@dataclass(frozen=True, slots=True)
class DoorFacts:
    """What the configuration says that pages and routes show or obey.

    Attributes:
        public_url: Where people reach the service, without a path; cookies are for https only when it is https.
        speed: Scaled seconds per second of the controller's clock; 1 for real time.
        version: Of the program.
        demo: Fixed credentials are in use; the login page may show them.
        metrics_open: ``/metrics`` needs no key.
        check_within_s: Time that each check of ``/readyz`` is given.
        look_again_s: Real time after which it is looked up again whether the reader of a stream may still read, in s.
    """

    public_url: str
    speed: float = 1.0
    version: str = ""
    demo: bool = False
    metrics_open: bool = False
    check_within_s: float = 2.0
    look_again_s: float = 20.0

    @property
    def secure(self) -> bool:
        """Whether people come over TLS."""
        return self.public_url.startswith("https://")


@dataclass(frozen=True, slots=True)
class Door:
    """Services and read models by name; nothing in here is concrete infrastructure.

    Attributes:
        clock: The controller's, possibly scaled; ``wall`` is real time.
        upstream: The higher-level platform, where one is connected.
        readiness: By name, what ``/readyz`` looks at.
        stopping: Set when the service is going down; streams end then.
    """

    intake: Intake
    registry: Registry
    switching: Switching
    recorder: Recorder
    views: Views
    settling: Settling
    tracking: Tracking
    ingest: Ingest
    planning: Planning
    tables: CapabilityTables
    measuring: Measuring
    archive: MeterArchive
    network: NetworkForecasts
    clock: Clock
    wall: Clock
    accounts: Accounts
    idempotency: IdempotencyStore
    programs: Mapping[str, Program]
    reference_peak: ReferencePeak
    metrics: ExposedMetrics
    settings: ControlSettings
    epoch: int
    facts: DoorFacts
    render_report: RenderReport
    orderly_use: OrderlyUse
    upstream: Any = None
    readiness: Mapping[str, Check] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def door_of_request(request: Request) -> Door:
    """The door of the app that a request came to."""
    door = request.app.state.door
    assert isinstance(door, Door)  # noqa: S101 - create_app puts it there
    return door


DoorDep = Annotated[Door, Depends(door_of_request)]
