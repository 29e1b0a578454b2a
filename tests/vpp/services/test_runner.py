"""A whole event by the clock: real services on in-memory parts, meters that follow their setpoints."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.vpp.domain.event_samples import EARLY, END, EVENT, START, sample_declaration
from tests.vpp.domain.program_samples import sample_program
from tests.vpp.services.metered_life import live_through, meters_of
from tests.vpp.services.service_rig import (
    MINUTE,
    BreakableArchive,
    EvenPlanner,
    controller_rig,
    virtual,
)
from vpp.bootstrap import Controller
from vpp.domain.commands import AckState
from vpp.domain.control import ControlSettings
from vpp.domain.events import EventKind, EventState
from vpp.domain.settlement import statement_bytes
from vpp.domain.timegrid import floor_interval
from vpp.infra.store.ledger import open_ledger
from vpp.services.runner import next_cycle


async def declare(controller: Controller, *, accept: bool = True, kind: EventKind = EventKind.ECONOMIC) -> None:
    await controller.intake.declare(sample_declaration(kind=kind))
    await controller.intake.approve(EVENT)
    if kind is EventKind.EMERGENCY:
        return
    await controller.runner.cycle()
    for participant_id in ("factory", "mall", "store"):
        await controller.intake.answer(EVENT, participant_id, accepted=accept)


def states(controller: Controller) -> list[str]:
    return [state.value for state, _ in controller.recorder.book.event(EVENT).states]


@virtual
async def test_cycle__an_event_from_declaration_to_statement() -> None:
    controller, metrics, _ = await controller_rig()
    await declare(controller)
    await live_through(controller, meters_of(controller))

    record = controller.recorder.book.event(EVENT)
    assert states(controller) == [
        "draft", "approved", "invited", "committed", "active", "releasing", "verifying", "settled",
    ]  # fmt: skip
    at = dict(record.states)
    assert START <= at[EventState.ACTIVE] < START + MINUTE
    assert END <= at[EventState.RELEASING] < END + MINUTE
    assert END + timedelta(hours=2) <= at[EventState.VERIFYING] < END + timedelta(hours=2) + MINUTE
    report = await controller.views.report(EVENT)
    assert report["attainment"]["met"] is True
    assert {name: verdict for name, verdict in report["invariants"].items() if verdict != "ok"} == {}
    assert metrics.total("event_steps_failed") == 0
    # Steady meters: the placebo error is 0, so that the margin is its smallest, 6 % of 50 kW.
    assert record.plans[0].margin_kw == pytest.approx(3.0)
    assert len(record.statements) == 1


@virtual
async def test_present__knows_no_meter_before_the_first_reading_of_the_interval() -> None:
    controller, _, _ = await controller_rig()
    await declare(controller)
    await controller.clock.sleep_until(START - timedelta(minutes=50))
    await controller.runner.cycle()
    record = controller.recorder.book.event(EVENT)

    present = controller.tracking.present(record, START + MINUTE)

    assert present is not None
    assert (present.metered_kw, present.verified_kw) == (None, None)
    assert present.target_kw == 50.0
    assert controller.tracking.present(record, START - MINUTE) is None


@virtual
async def test_settle__twice_gives_the_same_bytes() -> None:
    controller, _, _ = await controller_rig()
    await declare(controller)
    await live_through(controller, meters_of(controller))

    once = [statement_bytes(s) for s in await controller.settling.statements(EVENT)]
    again = [statement_bytes(s) for s in await controller.settling.statements(EVENT)]

    assert once == again
    assert once
    record = controller.recorder.book.event(EVENT)
    total = sum((s.net_kwh for s in await controller.settling.statements(EVENT)), Decimal(0))
    assert Decimal(record.statements[0].total_response_kwh) == total
    verified_kw = (await controller.views.report(EVENT))["waterfall"]["verified_kw"]
    # Nobody rebounds here and all are called throughout: a quarter of an hour of each interval's verified power.
    assert float(total) == pytest.approx(sum(verified_kw) / 4, abs=0.01)
    assert float(total) >= 53.0


@virtual
async def test_cycle__a_draft_that_nobody_approved_is_cancelled_when_its_window_begins() -> None:
    controller, _, _ = await controller_rig()
    await controller.intake.declare(sample_declaration())
    await controller.runner.cycle()
    assert states(controller) == ["draft"]

    await controller.clock.sleep_until(START)
    await controller.runner.cycle()

    assert states(controller) == ["draft", "cancelled"]


@virtual
async def test_cycle__a_drill_is_certified_and_never_settled() -> None:
    controller, _, _ = await controller_rig()
    await declare(controller, kind=EventKind.DRILL)
    await live_through(controller, meters_of(controller))

    assert states(controller)[-1] == "certified"
    record = controller.recorder.book.event(EVENT)
    assert record.statements == []
    # A drill teaches what delivery is worth, too: the meters do exactly what they are told.
    assert record.verified is not None
    assert set(record.verified.asked_kwh) == {"line-1", "line-2", "cool-1"}
    assert record.verified.verified_kwh == pytest.approx(record.verified.asked_kwh, rel=0.02)


@virtual
async def test_cycle__an_emergency_skips_the_invitation() -> None:
    controller, _, _ = await controller_rig()
    await declare(controller, kind=EventKind.EMERGENCY)
    await live_through(controller, meters_of(controller))

    assert states(controller)[:3] == ["draft", "approved", "committed"]
    assert states(controller)[-1] == "settled"


@virtual
async def test_cycle__silent_resources_are_replaced() -> None:
    # Planned by expected values alone: a plan that covers its aim would not even notice one silent resource of three.
    controller, _, _ = await controller_rig(setup={"settings": ControlSettings(coverage=0.5)})
    await declare(controller)
    await live_through(controller, meters_of(controller), silent=frozenset({"line-1"}))

    record = controller.recorder.book.event(EVENT)
    assert len(record.plans) > 1
    report = await controller.views.report(EVENT)
    # The first interval begins with a third of the response missing; from the second on it is made good.
    assert min(report["waterfall"]["verified_kw"][1:]) >= 50.0
    assert report["redispatches"][0]["before_kw"] < 53.0


@virtual
async def test_cycle__who_opts_out_is_released_in_the_next_cycle() -> None:
    controller, _, _ = await controller_rig()
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START + 20 * MINUTE)
    await controller.intake.opt_out(EVENT, "mall", "guests")
    await live_through(controller, meters, START + 22 * MINUTE)

    record = controller.recorder.book.event(EVENT)
    newest = record.commands["cool-1"][-1].command
    assert record.plans[-1].reason == "participant 'mall' opted out"
    assert record.plans[-1].reasons["cool-1"] == "opted-out"
    assert set(newest.setpoints_kw) == {300.0}
    await live_through(controller, meters)
    assert [plan.reason for plan in record.plans].count("participant 'mall' opted out") == 1


@virtual
async def test_cycle__cancelled_while_active_is_released_verified_and_paid() -> None:
    controller, _, _ = await controller_rig()
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START + 30 * MINUTE)
    await controller.intake.cancel(EVENT, "the peak is over")
    await live_through(controller, meters)

    record = controller.recorder.book.event(EVENT)
    assert states(controller)[-3:] == ["releasing", "verifying", "settled"]
    newest = [history[-1].command for history in record.commands.values()]
    assert {command.expires_at - command.valid_from for command in newest} == {MINUTE}
    assert all(START + 30 * MINUTE < command.valid_from < START + 32 * MINUTE for command in newest)
    assert float(record.statements[0].total_response_kwh) > 0


@virtual
async def test_cycle__cancelled_while_the_planner_works_commands_nobody() -> None:
    planner = EvenPlanner()
    controller, metrics, _ = await controller_rig(planner=planner)
    await declare(controller)
    record = controller.recorder.book.event(EVENT)

    def cancel() -> None:
        record.states.append((EventState.CANCELLED, controller.clock.now()))

    planner.before = cancel
    await live_through(controller, meters_of(controller), START)

    assert (record.plans, record.commands) == ([], {})
    assert any(message == "plan thrown away" for message, _ in metrics.notes)


@virtual
async def test_cycle__nobody_accepts() -> None:
    controller, metrics, _ = await controller_rig()
    await declare(controller, accept=False)
    await live_through(controller, meters_of(controller))

    assert states(controller)[-1] == "settled"
    report = await controller.views.report(EVENT)
    assert report["attainment"] == {"min_percent": 0.0, "mean_percent": 0.0, "met": False}
    assert metrics.total("event_steps_failed") == 0


@virtual
async def test_cycle__no_baseline_is_sufficient() -> None:
    controller, _, planner = await controller_rig(history=False)
    await declare(controller)
    await live_through(controller, meters_of(controller))

    record = controller.recorder.book.event(EVENT)
    assert record.baselines is not None
    assert set(record.baselines.baseline_kw) == {"bat-1"}
    assert {record.plans[0].reasons[r] for r in ("line-1", "line-2", "cool-1")} == {"no-baseline"}
    assert states(controller)[-1] == "settled"
    assert [r.id for r in planner.problems[0].resources] == ["bat-1"]


@virtual
async def test_cycle__no_feasible_plan_is_tried_again_and_the_call_begins_when_there_is_one() -> None:
    # The first plan is due an hour before the start; here it first succeeds 20 minutes into the event.
    planner = EvenPlanner(infeasible=79)
    controller, metrics, _ = await controller_rig(planner=planner)
    await declare(controller)
    await live_through(controller, meters_of(controller))

    record = controller.recorder.book.event(EVENT)
    assert metrics.total("plans_infeasible") == 79
    first = record.plans[0].first_interval
    assert START < first == floor_interval(record.plans[0].at)
    assert states(controller)[-1] == "settled"


@virtual
async def test_cycle__one_events_trouble_stops_nothing() -> None:
    controller, metrics, _ = await controller_rig()
    await declare(controller)
    # A price that was known when the event was declared is gone by the time it is settled.
    controller.intake._programs = {"sample": sample_program(price=None)}
    await live_through(controller, meters_of(controller))

    assert states(controller)[-1] == "verifying"
    assert metrics.total("event_steps_failed") > 1
    reasons = {str(details["reason"]) for message, details in metrics.notes if message == "event step failed"}
    assert reasons == {"programme 'sample' has no value for 'payment.price_cny_per_kwh'; supply it before it is used"}


@virtual
async def test_cycle__a_failing_archive_is_tried_again() -> None:
    archive = BreakableArchive()
    controller, metrics, _ = await controller_rig(archive)
    meters = meters_of(controller)
    archive.broken = True
    await live_through(controller, meters, EARLY + 3 * MINUTE)
    archive.broken = False
    await live_through(controller, meters, EARLY + 4 * MINUTE)

    assert metrics.total("flushes_failed") == 4
    assert len(await archive.readings(["line-1"], EARLY - MINUTE, END)) == 5


@virtual
async def test_start__a_restart_mid_event_goes_on_as_before() -> None:
    ledger = open_ledger("sqlite://")
    controller, _, _ = await controller_rig(ledger=ledger)
    archive = controller.outside.archive
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START + 20 * MINUTE)
    before = controller.recorder.book.event(EVENT)

    again, _, _ = await controller_rig(archive, ledger, epoch=2)  # type: ignore[arg-type]
    meters.controller = again
    await again.runner.finish_issuing()
    assert again.recorder.book.event(EVENT) == before
    await live_through(again, meters, START + 21 * MINUTE)
    delivery = again.tracking.delivery(again.recorder.book.event(EVENT))
    assert set(delivery) == set(before.commands)
    assert min(delivery.values()) > 0.9

    await live_through(again, meters)
    record = again.recorder.book.event(EVENT)
    assert record.state is EventState.SETTLED
    # The placebo test is not in the ledger: the margin of the last plan stays.
    assert {plan.margin_kw for plan in record.plans} == {before.plans[0].margin_kw}
    assert all(history[-1].state is AckState.APPLIED for history in record.commands.values())
    assert (await again.views.report(EVENT))["attainment"]["met"] is True


@virtual
async def test_start__plans_wait_for_offers_after_a_restart_but_not_for_ever() -> None:
    ledger = open_ledger("sqlite://")
    controller, _, _ = await controller_rig(ledger=ledger)
    meters = meters_of(controller)
    await declare(controller)
    await live_through(controller, meters, START - timedelta(minutes=59))
    assert controller.recorder.book.event(EVENT).baselines is None

    again, _, planner = await controller_rig(controller.outside.archive, ledger, epoch=2)  # type: ignore[arg-type]
    meters.controller = again
    again.registry.offers.clear()
    record = again.recorder.book.event(EVENT)
    await live_through(again, meters, again.clock.now() + 2 * MINUTE)
    assert record.commitment is not None
    assert set(again.planning.unheard(record)) == set(record.commitment.resource_ids)
    assert (record.baselines, planner.problems) == (None, [])

    await live_through(again, meters, again.clock.now() + 2 * MINUTE)
    assert record.baselines is not None


@virtual
async def test_start__a_restart_behind_the_events_end_plans_nothing() -> None:
    ledger = open_ledger("sqlite://")
    controller, _, _ = await controller_rig(ledger=ledger)
    await declare(controller)
    await controller.clock.sleep_until(END + MINUTE)
    again, _, planner = await controller_rig(controller.outside.archive, ledger, epoch=2)  # type: ignore[arg-type]
    await live_through(again, meters_of(again))

    assert planner.problems == []
    assert states(again)[-1] == "settled"


@pytest.mark.parametrize(
    ("second", "expected"), [(0, timedelta(seconds=10)), (9, timedelta(seconds=10)), (10, timedelta(seconds=70))]
)
def test_next_cycle__ten_seconds_behind_the_minute(second: int, expected: timedelta) -> None:
    assert next_cycle(EARLY + timedelta(seconds=second)) == EARLY + expected
