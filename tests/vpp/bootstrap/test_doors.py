"""What a supervisor is told of the controller's cycle."""

import asyncio
from datetime import timedelta

import pytest

from tests.vpp.domain.event_samples import EARLY
from tests.vpp.services.service_rig import MINUTE, controller_rig, virtual
from vpp.api.door import Check, DoorFacts
from vpp.bootstrap import Controller
from vpp.bootstrap.doors import Doorway, door_of
from vpp.infra.clock import SystemClock
from vpp.infra.memory.access import MemoryAccountStore
from vpp.infra.passwords import Argon2Hasher
from vpp.infra.prometheus import PrometheusMetrics
from vpp.infra.workers import InlineWorkers
from vpp.services.accounts import Accounts

SECOND = timedelta(seconds=1)


def cycle_check(controller: Controller, speed: float = 1.0) -> Check:
    accounts = Accounts(
        MemoryAccountStore(),
        Argon2Hasher(time_cost=1, memory_cost_kib=64),
        workers=InlineWorkers(),
        wall=SystemClock(),
        participant_known=lambda _: False,
    )
    facts = DoorFacts("http://127.0.0.1:8000", speed)
    return door_of(controller, Doorway(accounts, PrometheusMetrics(), facts)).readiness["cycle"]


@pytest.mark.parametrize(("speed", "allowed_s"), [(1.0, 240), (300.0, 18_180)])
@virtual
async def test_readiness__a_cycle_that_hangs_is_named(speed: float, allowed_s: int) -> None:
    controller, _, _ = await controller_rig()
    check, clock = cycle_check(controller, speed), controller.clock
    async with asyncio.TaskGroup() as group:
        running = group.create_task(controller.runner.run())
        await clock.sleep_until(EARLY + 10 * MINUTE)
        assert await check() is None
        running.cancel()
    last = EARLY + 9 * MINUTE + 10 * SECOND
    assert controller.runner.last_cycle_at == last

    await clock.sleep_until(last + allowed_s * SECOND)
    assert await check() is None
    await clock.sleep_until(last + (allowed_s + 1) * SECOND)
    assert await check() == f"none since 2026-07-22T04:09:10Z; {allowed_s} s are allowed"


@virtual
async def test_readiness__a_first_cycle_that_never_comes_is_named() -> None:
    controller, _, _ = await controller_rig()
    check = cycle_check(controller)
    assert controller.runner.last_cycle_at is None
    assert await check() is None
    await controller.clock.sleep_until(EARLY + 241 * SECOND)
    assert await check() == "none since 2026-07-22T04:00:00Z; 240 s are allowed"


@virtual
async def test_readiness__without_a_link_the_cycle_is_not_late() -> None:
    controller, _, _ = await controller_rig()
    controller.ingest.linked_at = None
    await controller.clock.sleep_until(EARLY + 60 * MINUTE)
    assert await cycle_check(controller)() is None
