"""The door of a controller: what its routes and pages are handed."""

from dataclasses import dataclass
from datetime import timedelta

from vpp.api.door import Check, Door, DoorFacts
from vpp.bootstrap import Controller
from vpp.domain.errors import StoreError
from vpp.domain.timegrid import format_instant
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryIdempotencyStore
from vpp.ports import ExposedMetrics, IdempotencyStore
from vpp.reporting.html import render_html
from vpp.services.accounts import Accounts

CYCLE_LATE = timedelta(minutes=3)
"""By the controller's clock, the runner's cycles being one minute apart; a cycle that plans takes its time."""
CYCLE_LATE_WALL = timedelta(seconds=60)
"""On top, by the wall: three minutes of a clock at 300 times real time are over while a plan is made."""


@dataclass(frozen=True, slots=True)
class Doorway:
    """What a door needs beside the controller."""

    accounts: Accounts
    metrics: ExposedMetrics
    facts: DoorFacts
    idempotency: IdempotencyStore | None = None


def door_of(controller: Controller, way: Doorway) -> Door:
    """The door of ``controller``; answers by idempotency key are kept in memory unless a store is given."""
    outside, setup = controller.outside, controller.setup
    return Door(
        intake=controller.intake,
        registry=controller.registry,
        switching=controller.switching,
        recorder=controller.recorder,
        views=controller.views,
        settling=controller.settling,
        tracking=controller.tracking,
        ingest=controller.ingest,
        planning=controller.planning,
        tables=controller.tables,
        measuring=controller.measuring,
        archive=outside.archive,
        network=outside.network,
        clock=controller.clock,
        wall=SystemClock(),
        accounts=way.accounts,
        idempotency=way.idempotency or MemoryIdempotencyStore(),
        programs=setup.programs,
        reference_peak=setup.reference_peak,
        metrics=way.metrics,
        settings=setup.settings,
        epoch=setup.epoch,
        facts=way.facts,
        render_report=render_html,
        orderly_use=controller.orderly_use,
        upstream=controller.liaison,
        readiness=_readiness(controller, way.accounts, way.facts.speed),
    )


def _readiness(controller: Controller, accounts: Accounts, speed: float) -> dict[str, Check]:
    async def ledger() -> str | None:
        try:
            async for _ in controller.outside.ledger.read(after=controller.recorder.position):
                break
        except StoreError:
            return "it does not answer"
        return None

    async def archive() -> str | None:
        try:
            now = controller.clock.now()
            await controller.outside.archive.readings(["readiness"], now, now)
        except StoreError:
            return "it does not answer"
        return None

    async def access() -> str | None:
        try:
            await accounts.answers()
        except StoreError:
            return "it does not answer"
        return None

    async def broker() -> str | None:
        return None if controller.link.connected else "there is no link to it"

    async def cycle() -> str | None:
        return _late(controller, speed)

    return {"ledger": ledger, "archive": archive, "access": access, "broker": broker, "cycle": cycle}


def _late(controller: Controller, speed: float) -> str | None:
    """Since when no cycle has ended, if that is too long ago."""
    # Before the first link the runner waits for it, and "broker" says so.
    since = controller.runner.last_cycle_at or controller.ingest.linked_at
    allowed = CYCLE_LATE + CYCLE_LATE_WALL * speed
    if since is None or controller.clock.now() - since <= allowed:
        return None
    return f"none since {format_instant(since)}; {allowed.total_seconds():g} s are allowed"
