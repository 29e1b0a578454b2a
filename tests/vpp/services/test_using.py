"""Limits and prices of use, and learnt delivery, from one event of a day to the next."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.vpp.domain.event_samples import END, EVENT, START, sample_declaration
from tests.vpp.domain.fleet_samples import NODES, PARTICIPANTS, RESOURCES, SITES
from tests.vpp.domain.program_samples import figure, sample_program
from tests.vpp.services.metered_life import OVER, live_through, meters_of
from tests.vpp.services.service_rig import EvenPlanner, controller_rig, virtual
from vpp.bootstrap import Controller
from vpp.domain.book import EventRecord
from vpp.domain.control import ControlSettings
from vpp.domain.fleet import Fleet
from vpp.domain.programs import Program, UseChoices, UseLimits
from vpp.domain.use_limits import Period, UseTerms

SECOND = "event-2"
LATER = timedelta(hours=4)


def fleet_with(resource_id: str, use: UseTerms) -> Fleet:
    resources = [replace(r, use=use) if r.id == resource_id else r for r in RESOURCES]
    return Fleet.of(nodes=NODES, participants=PARTICIPANTS, sites=SITES, resources=resources)


def program_with(per_day: int | None, rest_h: str | None = None) -> Program:
    limits = UseLimits(
        figure("use.default.calls_per_day", per_day),
        figure("use.default.calls_per_week", None),
        figure("use.default.calls_per_season", None),
        figure("use.default.rest_h", None if rest_h is None else Decimal(rest_h)),
    )
    return replace(sample_program(), use=UseChoices(limits, {}, {}))


async def committed(
    controller: Controller, event_id: str = EVENT, later: timedelta = timedelta(), percent: float = 5.0
) -> EventRecord:
    window = {"start": START + later, "end": END + later}
    await controller.intake.declare(sample_declaration(event_id=event_id, target_percent=percent, **window))
    await controller.intake.approve(event_id)
    await controller.runner.cycle()
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(event_id, participant_id, accepted=True)
    return controller.recorder.book.event(event_id)


async def second_event(
    *, fleet: Fleet | None = None, program: Program | None = None, planner: EvenPlanner | None = None
) -> tuple[Controller, EventRecord]:
    """An event lived through to its end, and another of the same day up to its first plan."""
    setup: dict[str, object] = {} if fleet is None else {"fleet": fleet}
    controller, _, _ = await controller_rig(setup=setup, program=program, planner=planner)
    await committed(controller)
    meters = meters_of(controller)
    await live_through(controller, meters, OVER)
    record = await committed(controller, SECOND, LATER)
    await live_through(controller, meters, START + LATER - timedelta(minutes=30))
    assert record.plans
    return controller, record


@virtual
async def test_candidates__a_contract_that_allows_one_call_a_day() -> None:
    controller, record = await second_event(fleet=fleet_with("line-1", UseTerms(calls_per_day=1)))

    assert record.plans[0].reasons["line-1"] == "calls-used-up"
    assert set(record.plans[0].response_kw) == {"line-2", "cool-1"}
    assert controller.using.allowances(record)["line-1"].calls_left == {Period.DAY: 0}


@virtual
async def test_candidates__a_programme_that_asks_for_rest() -> None:
    # Three hours lie between the end of the first event and the second.
    _, rested = await second_event(program=program_with(2, "3"))
    assert "resting" not in rested.plans[0].reasons.values()


@virtual
async def test_candidates__a_programme_that_asks_for_more_rest() -> None:
    _, resting = await second_event(program=program_with(2, "3.25"))

    assert {r for r, reason in resting.plans[0].reasons.items() if reason == "resting"} == {
        "line-1",
        "line-2",
        "cool-1",
    }


@virtual
async def test_priced__a_scarce_call_costs_and_a_spent_one_does_not() -> None:
    planner = EvenPlanner()
    controller, _, _ = await controller_rig(
        setup={"fleet": fleet_with("line-1", UseTerms(calls_per_day=1))}, planner=planner
    )
    await committed(controller, percent=13.0)
    meters = meters_of(controller)
    await live_through(controller, meters, START - timedelta(minutes=30))
    first = planner.problems[0]
    prices = {r.id: r.use_price_cny_per_kwh for r in first.resources}

    # A second event today is likely and would fall short without it; the others have no limit.
    assert prices["line-1"] > 0
    assert {prices["line-2"], prices["cool-1"], prices["bat-1"]} == {0.0}

    await live_through(controller, meters, START + timedelta(minutes=20))
    await controller.intake.opt_out(EVENT, "mall", "guests")
    await live_through(controller, meters, START + timedelta(minutes=22))
    assert {r.id: r.use_price_cny_per_kwh for r in planner.problems[-1].resources}["line-1"] == 0.0


@virtual
async def test_problem__states_what_earlier_events_taught() -> None:
    planner = EvenPlanner()
    controller, record = await second_event(planner=planner)
    first, second = planner.problems[0], planner.problems[-1]
    settings = ControlSettings()
    before = {r.id: r for r in first.resources}
    after = {r.id: r for r in second.resources}

    assert (first.coverage, first.common_sd["cooling"]) == (0.95, settings.delivery_priors()["cooling"].common_sd)
    assert (before["cool-1"].delivery_fraction, before["cool-1"].delivery_sd) == (0.85, 0.2)
    assert before["cool-1"].delivery_class == "cooling"
    # Everybody did exactly what was asked: 0.85 moves up, and the spread down.
    assert 0.85 < after["cool-1"].delivery_fraction < 1.0
    assert after["bat-1"].delivery_fraction == 0.93
    assert record.plans[0].delivery_mean_kw == ()
    verified = controller.recorder.book.event(EVENT).verified
    assert verified is not None
    assert verified.asked_kwh == pytest.approx(verified.verified_kwh, rel=0.02)
