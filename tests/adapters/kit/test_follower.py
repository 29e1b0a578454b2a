"""What the follower does beyond the plain case: people, local control, minimum runs, changing cars, lost devices."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adapters.kit.confirmations import Answer, Confirmed, Declined
from adapters.kit.driver import PileReadings
from adapters.kit.memory_driver import MemoryDriver
from adapters.kit.resource_spec import ChargingTerms, LoadTerms, ResourceSpec
from adapters.kit.store import GatewayStore
from tests.adapters.gateway_rig import T0, Rig, command, in_virtual_time, lines, process
from vpp.domain.commands import AckState, Command, CommandMode
from vpp.domain.fleet import ResourceKind
from vpp.wire.messages import CapabilityMessage

WAITING = [AckState.RECEIVED, AckState.ACCEPTED, AckState.AWAITING_PERSON]


@dataclass
class Panel:
    """Answers every question in the same way after ``after``."""

    reply: Answer | None
    after: timedelta = timedelta(minutes=3)
    asked: dict[str, datetime] = field(default_factory=dict)

    def ask(self, command: Command, asked_at: datetime, deadline: datetime) -> None:
        self.asked.setdefault(command.command_id, asked_at)

    def answer(self, command_id: str, now: datetime) -> Answer | None:
        return self.reply if now >= self.asked[command_id] + self.after else None


WITH_PERSON = process(confirm_within_s=300.0)


def test_person__yes_lets_the_command_through() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(0.5)
            await rig.send(command())
            await rig.until(3)
            assert rig.states("c1") == WAITING
            assert rig.acks()[-1].deadline == T0 + timedelta(minutes=5, seconds=30.5)
            assert rig.driver.writes == []
            await rig.until(4)
            assert rig.states("c1") == [*WAITING, AckState.APPLIED]
            assert len(rig.driver.writes) == 2

    in_virtual_time(scenario, specs=[WITH_PERSON], confirmations=Panel(Confirmed()))


def test_person__no_is_a_refusal_with_its_reason() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(10)
            assert rig.states("c1") == [*WAITING, AckState.REFUSED]
            assert rig.acks()[-1].reason == "declined on site: batch running"
            assert rig.driver.writes == []

    in_virtual_time(scenario, specs=[WITH_PERSON], confirmations=Panel(Declined("batch running")))


def test_person__silence_is_a_refusal_at_the_deadline() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(0.5)
            await rig.send(command())
            await rig.until(7)
            assert rig.states("c1") == [*WAITING, AckState.REFUSED]
            assert rig.acks()[-1].reason == "nobody confirmed on site by 2026-07-20T06:05:30.500000Z"
            assert rig.acks()[-1].at == T0 + timedelta(minutes=6)

    in_virtual_time(scenario, specs=[WITH_PERSON], confirmations=Panel(None))


@pytest.mark.parametrize(("setpoint_kw", "asked"), [(130.0, False), (110.0, True)])
def test_person__is_asked_again_only_for_more(setpoint_kw: float, asked: bool) -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(5)
            await rig.send(command(2, setpoints_kw=[setpoint_kw] * 4))
            await rig.until(6)
            assert (AckState.AWAITING_PERSON in rig.states("c2")) is asked
            assert rig.driver.power_kw.sum() == pytest.approx(120.0 if asked else 130.0)

    in_virtual_time(scenario, specs=[WITH_PERSON], confirmations=Panel(Confirmed()))


def test_person__a_restart_keeps_the_question_open(tmp_path: Path) -> None:
    path = str(tmp_path / "gateway.sqlite")

    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(1)
        rig.store.close()
        rig.store = GatewayStore(path)
        async with rig.running():
            await rig.until(5)
            assert rig.states("c1")[-1] is AckState.APPLIED
            assert len(rig.driver.writes) == 2

    in_virtual_time(scenario, specs=[WITH_PERSON], confirmations=Panel(Confirmed()), path=path)


def test_override__local_control_refuses_and_is_offered_as_such() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.override[:] = True
        async with rig.running():
            await rig.until(1)
            await rig.send(command())
            await rig.until(2)
            assert rig.acks()[-1].reason == "all devices are under local control"
            offer = rig.of(CapabilityMessage)[-1].offers[0]
            assert (offer.available, offer.reason) == (False, "all devices are under local control")

    in_virtual_time(scenario)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"opted_in": False}, "has not opted in"), ({"protected": True}, "protected class")],
)
def test_rights__are_checked_at_the_gateway_too(changes: dict[str, Any], reason: str) -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(2)
            assert rig.states("c1") == [AckState.RECEIVED, AckState.REFUSED]
            assert reason in rig.acks()[-1].reason

    in_virtual_time(scenario, specs=[process(**changes)])


def test_release__a_line_is_held_to_the_end_of_its_minimum_run() -> None:
    line = ResourceSpec("r1", "s1", ResourceKind.FACTORY_LINE, 200.0, 0, 2, LoadTerms(min_run=2))

    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(5)
            await rig.send(command(expires_at=T0 + timedelta(minutes=15)))
            await rig.until(34)
            assert rig.driver.power_kw.sum() < 160.0
            await rig.until(36)
            assert rig.driver.power_kw.sum() == pytest.approx(160.0)

    in_virtual_time(scenario, specs=[line])


def test_driver__unreachable_devices_are_tried_again_and_not_acknowledged_before() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.until(1)
            rig.driver.unreachable = True
            await rig.send(command())
            await rig.until(3)
            assert rig.states("c1") == [AckState.RECEIVED, AckState.ACCEPTED]
            rig.driver.unreachable = False
            await rig.until(5)
            assert rig.states("c1")[-1] is AckState.APPLIED
            assert len(rig.driver.writes) == 2

    in_virtual_time(scenario)


def test_expiry__a_command_that_could_never_be_applied_expires() -> None:
    async def scenario(rig: Rig) -> None:
        rig.driver.online[:] = False
        async with rig.running():
            await rig.send(command(expires_at=T0 + timedelta(minutes=10)))
            await rig.until(12)
            assert rig.states("c1") == [AckState.RECEIVED, AckState.ACCEPTED, AckState.EXPIRED]

    in_virtual_time(scenario)


def test_charging__a_car_that_comes_within_the_interval_gets_its_share() -> None:
    station = ResourceSpec("r1", "s1", ResourceKind.PUBLIC_CHARGING, 200.0, 0, 2, ChargingTerms())
    plugged = np.array([True, False])
    piles = PileReadings(plugged, np.full(2, 60.0), np.full(2, 90.0), np.full(2, 100.0), np.full(2, 5.0))
    driver = MemoryDriver(np.full(2, 100.0), lines=lines(2), piles=piles)

    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command(setpoints_kw=[80.0] * 4))
            await rig.until(2)
            assert rig.driver.writes == [(0, 80.0), (1, 0.0)]
            plugged[1] = True
            await rig.until(4)
            assert rig.driver.writes[2:] == [(0, 40.0), (1, 40.0)]

    in_virtual_time(scenario, specs=[station], driver=driver)


def test_charging__at_least_starts_what_waits_and_holds_nothing_back() -> None:
    terms = ChargingTerms(early_start=True)
    cluster = ResourceSpec("r1", "s1", ResourceKind.RESIDENTIAL_CHARGING, 200.0, 0, 2, terms)
    waits = np.array([0.0, 90.0])
    full = np.full(2, 100.0)
    piles = PileReadings(np.ones(2, dtype=bool), np.full(2, 60.0), np.full(2, 240.0), full, np.full(2, 5.0), waits)
    driver = MemoryDriver(np.array([100.0, 0.0]), lines=lines(2), piles=piles)

    async def scenario(rig: Rig) -> None:
        async with rig.running():
            # Free in the first interval: 0 kW are drawn in any case.
            await rig.send(command(mode=CommandMode.AT_LEAST, setpoints_kw=[0.0, 150.0, 0.0, 0.0]))
            await rig.until(12)
            assert rig.driver.writes == []
            await rig.until(17)
            assert rig.driver.writes == [(0, 100.0), (1, 100.0)]
            await rig.until(32)
            assert [device for device, setpoint in rig.driver.writes[2:] if np.isnan(setpoint)] == [0, 1]

    in_virtual_time(scenario, specs=[cluster], driver=driver)


def test_disk_lost__devices_left_at_a_setpoint_are_let_go() -> None:
    async def scenario(rig: Rig) -> None:
        async with rig.running():
            await rig.send(command())
            await rig.until(2)
        rig.store = GatewayStore(":memory:")
        async with rig.running():
            await rig.until(4)
            assert rig.driver.power_kw.sum() == pytest.approx(160.0)

    in_virtual_time(scenario)
