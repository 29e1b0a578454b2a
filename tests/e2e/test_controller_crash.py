"""The controller dies at any moment and is started again on the same files; virtual time, quick scenario."""

import math
import random
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.field import MINUTE, StoredRow, quick
from tests.e2e.mortal import Stop
from tests.e2e.soundness import assert_sound
from tests.e2e.virtual_district import District, running_district
from vpp.domain.commands import AckState, Command
from vpp.domain.facts import CommandsIssued, ControllerStarted, EventAdvanced, Fact, PlanIssued
from vpp.domain.fleet import ResourceKind
from vpp.infra.virtual_time import run_virtual

MOMENTS = 10


def random_moments() -> list[tuple[datetime, float]]:
    """Ten moments between declaration and settlement, each with how long (s) nobody is there."""
    chance = random.Random(20260722)  # noqa: S311 - a fixed draw
    event = quick().event
    last = event.end + timedelta(minutes=29)
    span_s = (last - event.declare_at).total_seconds()
    return sorted(
        (event.declare_at + timedelta(seconds=chance.uniform(30.0, span_s)), chance.uniform(1.0, 480.0))
        for _ in range(MOMENTS)
    )


def run(main: Coroutine[object, object, None]) -> None:
    run_virtual(main, quick().window.start)


async def run_with_crashes(folder: Path, moments: Sequence[tuple[datetime, float]]) -> np.ndarray:
    """Runs the event over crashes at these moments and checks all of it; gives the state changes per device."""
    left_behind: list[list[StoredRow]] = []
    async with running_district(folder) as district:
        life = await district.start_controller()
        for at, absent_s in moments:
            assert await district.run_until(at)
            left_behind.append(await district.kill_controller())
            await district.run_until(district.clock.now() + timedelta(seconds=absent_s))
            life = await district.start_controller()
        await district.run_until_settled()
        await assert_sound(district, life, left_behind)
        return district.plant.state_changes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """State changes per device of the run without a crash."""
    changes: list[np.ndarray] = []

    async def main() -> None:
        changes.append(await run_with_crashes(tmp_path_factory.mktemp("undisturbed"), []))

    run(main())
    return changes[0]


@pytest.mark.parametrize("number", range(MOMENTS // 2))
def test_controller_crash__at_random_moments(tmp_path: Path, number: int, undisturbed: np.ndarray) -> None:
    """Two of the ten moments per event; the devices move exactly as if nothing had happened."""
    moments = random_moments()

    async def main() -> None:
        changes = await run_with_crashes(tmp_path, [moments[number], moments[number + MOMENTS // 2]])
        np.testing.assert_array_equal(changes, undisturbed)

    run(main())


class FirstOfEachKind:
    """A plot: the controller dies around the first append of every kind of fact, one life per kind."""

    def __init__(self, stop: Stop) -> None:
        self.stop = stop
        self.struck: list[str] = []

    def __call__(self, facts: Sequence[Fact]) -> Stop | None:
        first = facts[0]
        name = type(first).__name__ + (f" {first.step}" if isinstance(first, EventAdvanced) else "")
        if isinstance(first, ControllerStarted) or name in self.struck:
            return None
        self.struck.append(name)
        return self.stop


@pytest.mark.parametrize("stop", list(Stop))
def test_controller_crash__around_every_kind_of_fact(tmp_path: Path, stop: Stop) -> None:
    plot = FirstOfEachKind(stop)

    async def main() -> None:
        left_behind: list[list[StoredRow]] = []
        async with running_district(tmp_path) as district:
            life = await district.start_controller(plot)
            while not await district.run_until_settled():
                left_behind.append(await district.kill_controller())
                await district.run_until(district.clock.now() + timedelta(seconds=5))
                life = await district.start_controller(plot)
            await assert_sound(district, life, left_behind)
        assert len(left_behind) == len(plot.struck) >= 14

    run(main())


@pytest.mark.parametrize("kind", [PlanIssued, CommandsIssued])
def test_controller_crash__plan_recorded_and_nothing_sent(tmp_path: Path, kind: type[Fact]) -> None:
    async def main() -> None:
        struck: list[Fact] = []

        def plot(facts: Sequence[Fact]) -> Stop | None:
            if struck or not isinstance(facts[0], kind):
                return None
            struck.append(facts[0])
            return Stop.AFTER

        async with running_district(tmp_path) as district:
            await district.start_controller(plot)
            assert not await district.run_until(quick().event.start)
            before = await district.kill_controller()
            assert before[-1][1] == kind.__name__
            assert not district.plant.state_changes.any()
            assert not sum(bool(store.resources()) for store in district.gateway_stores.values())

            life = await district.start_controller()
            await district.run_until(district.clock.now() + timedelta(seconds=15))
            assert life.record is not None
            (plan,) = life.record.plans
            assert set(life.record.commands) == set(plan.response_kw)
            assert all(len(history) == 1 for history in life.record.commands.values())
            issued_in = 2 if kind is PlanIssued else 1
            assert {history[0].command.epoch for history in life.record.commands.values()} == {issued_in}
            answered = {AckState.ACCEPTED, AckState.AWAITING_PERSON, AckState.APPLIED}
            assert {history[0].state for history in life.record.commands.values()} <= answered

    run(main())


def test_controller_crash__nobody_comes_back_before_the_event_is_over(tmp_path: Path) -> None:
    async def main() -> None:
        event = quick().event
        async with running_district(tmp_path) as district:
            life = await district.start_controller()
            await district.run_until(event.start + timedelta(minutes=7))
            assert life.record is not None
            commands = {r: history[-1].command for r, history in life.record.commands.items()}
            left_behind = [await district.kill_controller()]
            await district.run_until(event.end - timedelta(seconds=1))
            held = np.isfinite(district.plant.limit_kw)
            assert held.any()
            # Half an hour of stagger, and a line's minimum run.
            await district.run_until(event.end + timedelta(minutes=90))
            assert not np.isfinite(district.plant.limit_kw).any()
            assert_released_by_stagger(district, commands, held)

            life = await district.start_controller()
            await district.run_until_settled()
            await assert_sound(district, life, left_behind)

    run(main())


def assert_released_by_stagger(district: District, commands: Mapping[str, Command], held: np.ndarray) -> None:
    """Every device that was held to the end was let go in the minute of its resource's own stagger."""
    instants: set[datetime] = set()
    for installed in district.installed.values():
        writes = district.drivers[installed.gateway_id].writes
        for spec in installed.specs:
            if spec.id not in commands or not held[district.rows_of(spec.id)].any():
                continue
            command = commands[spec.id]
            due = command.expires_at + timedelta(seconds=command.release_after_s)
            released = {
                at for at, d, kw in writes if d in range(spec.devices.start, spec.devices.stop) and math.isnan(kw)
            }
            last = max(released)
            if spec.kind is not ResourceKind.FACTORY_LINE:
                assert due <= last < due + MINUTE
            instants.add(last)
    assert len(instants) > 5


def test_gateway_crash__every_gateway_once_during_the_event(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 - a fixed draw

    async def main() -> None:
        event = quick().event
        async with running_district(tmp_path, disks=True) as district:
            life = await district.start_controller()
            for number, gateway_id in enumerate(sorted(district.installed)):
                # Not over the ends of intervals: a register that nobody reads there is a gap in what can be verified.
                at = event.start + timedelta(minutes=15 * (number // 2) + 2 + 6 * (number % 2))
                await district.run_until(at + timedelta(seconds=chance.uniform(0.0, 120.0)))
                await district.kill_gateway(gateway_id)
                await district.run_until(district.clock.now() + timedelta(seconds=chance.uniform(1.0, 150.0)))
                district.start_gateway(gateway_id)
            await district.run_until_settled()
            await assert_sound(district, life, [])
            assert district.readings_not_taken > 0

    run(main())
