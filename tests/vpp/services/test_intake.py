"""What operators and participants may ask for, and how the rest is refused."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.vpp.domain.event_samples import EARLY, EVENT, START, sample_declaration
from tests.vpp.domain.program_samples import figure, sample_program
from tests.vpp.services.service_rig import Rig, offer, virtual
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import ConflictError, IllegalTransitionError, InputError, MissingFigureError, UnknownThingError
from vpp.domain.events import Direction, EventKind, EventState
from vpp.domain.programs import Program
from vpp.domain.timegrid import INTERVAL


def limited(program: Program, **figures: object) -> Program:
    changed = {name: figure(name, value) for name, value in figures.items()}
    return replace(program, limits=replace(program.limits, **changed))  # type: ignore[arg-type]


async def invited_rig() -> Rig:
    rig = Rig()
    await rig.intake.declare(sample_declaration())
    await rig.intake.approve(EVENT)
    await rig.intake.invite(EVENT)
    return rig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"program_id": "other"}, "unknown programme 'other'"),
        ({"direction": Direction.FILL}, "programme 'sample' cannot be called for 'fill', only for: curtail"),
        ({"scope_node_id": "moon"}, "unknown node 'moon'"),
        (
            {"start": EARLY - INTERVAL, "end": EARLY + INTERVAL},
            "event 'event-1' starts at 2026-07-22T03:45:00Z, which is not after now .2026-07-22T04:00:00Z.",
        ),
        ({"start": EARLY, "end": EARLY + INTERVAL}, "which is not after now"),
        (
            {"start": EARLY + INTERVAL, "end": EARLY + 2 * INTERVAL},
            "event 'event-1': 15 minutes of notice, programme 'sample' asks for 30",
        ),
        ({"end": START + 17 * INTERVAL}, "event 'event-1' lasts 4.25 h, programme 'sample' allows 4 h"),
    ],
)
@virtual
async def test_declare__refuses(changes: dict[str, object], message: str) -> None:
    rig = Rig()

    with pytest.raises(InputError, match=message):
        await rig.intake.declare(sample_declaration(**changes))
    assert rig.recorder.book.events == {}
    assert [stored async for stored in rig.ledger.read()] == []


@virtual
async def test_declare__outside_the_programmes_dates() -> None:
    rig = Rig(programs=[replace(sample_program(), valid_to=(START - timedelta(days=1)).date())])

    with pytest.raises(InputError, match="programme 'sample' is valid from ever to 2026-07-21, not on 2026-07-22"):
        await rig.intake.declare(sample_declaration())


@virtual
async def test_declare__a_programme_that_cannot_be_settled() -> None:
    rig = Rig(programs=[sample_program(price=None)])

    with pytest.raises(
        MissingFigureError, match=r"programme 'sample' has no value for 'payment\.price_cny_per_kwh'; supply it"
    ):
        await rig.intake.declare(sample_declaration())
    assert rig.recorder.book.events == {}


@virtual
async def test_declare__a_drill_is_never_paid_and_needs_no_price() -> None:
    rig = Rig(programs=[sample_program(price=None)])

    await rig.intake.declare(sample_declaration(kind=EventKind.DRILL))

    assert rig.event.state is EventState.DRAFT


@virtual
async def test_declare__limits_per_day_leave_out_what_was_cancelled() -> None:
    rig = Rig(programs=[limited(sample_program(), max_events_per_day=1)])
    await rig.intake.declare(sample_declaration())
    with pytest.raises(InputError, match="event 'e2': 1 events on 2026-07-22 already, programme 'sample' allows 1"):
        await rig.intake.declare(sample_declaration(event_id="e2"))

    await rig.intake.cancel(EVENT, "a test")
    await rig.intake.declare(sample_declaration(event_id="e2"))

    assert list(rig.recorder.book.events) == [EVENT, "e2"]


@virtual
async def test_declare__takes_an_id_once() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration())

    with pytest.raises(InputError, match="event id 'event-1' is taken"):
        await rig.intake.declare(sample_declaration())


@virtual
async def test_declare__unknown_limits_are_no_limits_and_emergencies_need_no_notice() -> None:
    unlimited = limited(sample_program(), notice_minutes=None, max_hours_per_event=None, max_events_per_day=None)
    short = {"start": EARLY + INTERVAL, "end": EARLY + 40 * INTERVAL}
    rig = Rig(programs=[unlimited])
    await rig.intake.declare(sample_declaration(**short))
    other = Rig(programs=[limited(sample_program(), max_hours_per_event=Decimal(10))])
    await other.intake.declare(sample_declaration(kind=EventKind.EMERGENCY, **short))

    assert rig.event.state is other.event.state is EventState.DRAFT


@virtual
async def test_approve__freezes_peak_and_target() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration())
    await rig.intake.approve(EVENT)

    assert rig.event.target_kw.tolist() == [50.0] * 4
    with pytest.raises(IllegalTransitionError, match="event 'event-1' is 'approved': 'approve' is not allowed"):
        await rig.intake.approve(EVENT)
    with pytest.raises(UnknownThingError, match="unknown event 'e9'"):
        await rig.intake.approve("e9")


@virtual
async def test_approve__too_late() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration())
    await rig.clock.sleep_until(START)

    with pytest.raises(InputError, match="event 'event-1' starts at 2026-07-22T06:00:00Z, which is not after now"):
        await rig.intake.approve(EVENT)


@virtual
async def test_invite__leaves_protected_classes_out() -> None:
    rig = await invited_rig()

    assert rig.event.invitation is not None
    assert rig.event.invitation.participant_ids == ("factory", "mall", "store")
    assert rig.event.invitation.reply_by == EARLY + timedelta(minutes=25)


@virtual
async def test_answer__only_the_invited_and_in_time() -> None:
    rig = await invited_rig()
    with pytest.raises(InputError, match="participant 'clinic' is not invited to event 'event-1'"):
        await rig.intake.answer(EVENT, "clinic", accepted=True)
    with pytest.raises(UnknownThingError, match="unknown event 'e9'"):
        await rig.intake.answer("e9", "mall", accepted=True)

    await rig.clock.sleep_until(EARLY + timedelta(minutes=25, seconds=1))
    late = "participant 'mall' answers event 'event-1' at 2026-07-22T04:25:01Z, after the deadline 2026-07-22T04:25:00Z"
    with pytest.raises(InputError, match=late):
        await rig.intake.answer(EVENT, "mall", accepted=True)
    assert rig.event.answers == {}


@virtual
async def test_answer__the_last_one_counts_until_the_list_is_closed() -> None:
    rig = await invited_rig()
    await rig.intake.answer(EVENT, "mall", accepted=False)
    await rig.intake.answer(EVENT, "mall", accepted=True)
    await rig.intake.answer(EVENT, "store", accepted=False)
    await rig.intake.commit(EVENT)

    assert rig.event.commitment is not None
    assert rig.event.commitment.resource_ids == ("cool-1",)
    assert rig.event.commitment.skipped == {
        "line-1": "no-answer",
        "line-2": "no-answer",
        "bat-1": "declined",
        "clinic-1": "protected",
    }
    with pytest.raises(InputError, match="after the deadline"):
        await rig.intake.answer(EVENT, "factory", accepted=True)


@virtual
async def test_commit__emergencies_take_all_but_the_protected() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration(kind=EventKind.EMERGENCY, scope_node_id="line"))
    await rig.intake.approve(EVENT)
    await rig.intake.commit(EVENT)

    assert rig.event.commitment is not None
    assert rig.event.commitment.resource_ids == ("line-1", "line-2", "bat-1")


@virtual
async def test_opt_out__only_who_accepted_and_while_it_matters() -> None:
    rig = await invited_rig()
    await rig.intake.answer(EVENT, "mall", accepted=True)
    with pytest.raises(InputError, match="participant 'store' has not accepted event 'event-1'"):
        await rig.intake.opt_out(EVENT, "store", "ill")

    await rig.intake.opt_out(EVENT, "mall", "a guest")
    position = rig.recorder.position
    with pytest.raises(ConflictError, match="participant 'mall' has left event 'event-1' already, at 2026-"):
        await rig.intake.opt_out(EVENT, "mall", "another guest")
    assert (rig.event.opted_out, rig.recorder.position) == ({"mall": "a guest"}, position)

    await rig.intake.cancel(EVENT, "over")
    with pytest.raises(InputError, match="participant 'mall' cannot leave event 'event-1': it is 'cancelled'"):
        await rig.intake.opt_out(EVENT, "mall", "again")


@virtual
async def test_cancel__twice_is_refused() -> None:
    rig = await invited_rig()
    await rig.intake.cancel(EVENT, "rain")

    with pytest.raises(IllegalTransitionError, match=r"'cancelled': 'cancel' is not allowed \(allowed: nothing\)"):
        await rig.intake.cancel(EVENT, "rain")
    with pytest.raises(UnknownThingError, match="unknown event 'e9'"):
        await rig.intake.cancel("e9", "rain")


@pytest.mark.parametrize(
    ("quantity_kw", "price", "message"),
    [
        (0.0, None, "participant 'factory' bids 0 kW for event 'event-1'; more than 0 and at most 400 kW is possible"),
        (400.5, None, "participant 'factory' bids 400.5 kW for event 'event-1'; more than 0 and at most 400 kW"),
        (float("nan"), None, "participant 'factory' bids nan kW"),
        (
            100.0,
            Decimal("0.9"),
            "bids a price of 0.9 CNY/kWh, but programme 'sample' pays one price to all and clears nothing by price",
        ),
    ],
)
@virtual
async def test_bid__refuses(quantity_kw: float, price: Decimal | None, message: str) -> None:
    rig = await invited_rig()

    with pytest.raises(InputError, match=message):
        await rig.intake.bid(EVENT, "factory", quantity_kw=quantity_kw, price_cny_per_kwh=price)
    assert rig.event.replies == {}


@virtual
async def test_bid__only_the_invited_and_in_time() -> None:
    rig = await invited_rig()
    with pytest.raises(InputError, match="participant 'clinic' is not invited to event 'event-1'"):
        await rig.intake.bid(EVENT, "clinic", quantity_kw=1.0)

    await rig.clock.sleep_until(EARLY + timedelta(minutes=26))
    with pytest.raises(InputError, match="after the deadline 2026-07-22T04:25:00Z"):
        await rig.intake.bid(EVENT, "mall", quantity_kw=1.0)


@virtual
async def test_bid__is_an_acceptance_and_the_last_answer_counts() -> None:
    rig = await invited_rig()
    await rig.intake.bid(EVENT, "factory", quantity_kw=30.0, by="anna")
    assert (rig.event.answers["factory"], rig.event.bid_kw("factory")) == (True, 30.0)
    assert rig.event.replies["factory"].by == "anna"

    await rig.intake.answer(EVENT, "factory", accepted=True)
    assert rig.event.bid_kw("factory") is None
    await rig.intake.bid(EVENT, "factory", quantity_kw=30.0)
    await rig.intake.answer(EVENT, "factory", accepted=False)
    assert (rig.event.answers["factory"], rig.event.bid_kw("factory")) == (False, None)


@pytest.mark.parametrize(
    ("bid_kw", "taken", "beyond"),
    [(50.0, ["line-1"], ["line-2"]), (60.0, ["line-1"], ["line-2"]), (60.5, ["line-1", "line-2"], [])],
)
@virtual
async def test_commit__takes_the_best_of_a_bidder_until_its_bid_is_reached(
    bid_kw: float, taken: list[str], beyond: list[str]
) -> None:
    rig = await invited_rig()
    rig.registry.take_offers("gw-1", [offer("line-1", EARLY), offer("line-2", EARLY)])
    await rig.intake.bid(EVENT, "factory", quantity_kw=bid_kw)
    await rig.intake.commit(EVENT)

    assert rig.event.commitment is not None
    assert list(rig.event.commitment.resource_ids) == taken
    assert [r for r, code in rig.event.commitment.skipped.items() if code == "beyond-bid"] == beyond


@virtual
async def test_commit__a_bidders_silent_resource_counts_only_where_the_others_do_not_reach_the_bid() -> None:
    rig = await invited_rig()
    rig.registry.take_offers("gw-1", [offer("line-2", EARLY)])
    await rig.intake.bid(EVENT, "factory", quantity_kw=70.0)
    await rig.intake.commit(EVENT)

    assert rig.event.commitment is not None
    assert rig.event.commitment.resource_ids == ("line-1", "line-2")


@virtual
async def test_who_said_so__is_in_the_book() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration(declared_by="wei"))
    await rig.intake.approve(EVENT, by="li")
    await rig.intake.invite(EVENT)
    await rig.intake.answer(EVENT, "mall", accepted=True, by="operator-desk")
    await rig.intake.opt_out(EVENT, "mall", "a guest", by="mia")
    await rig.intake.cancel(EVENT, "rain", by="li")

    event = rig.event
    assert event.declaration.declared_by == "wei"
    assert event.reference_peak is not None
    assert event.reference_peak.by == "li"
    assert event.replies["mall"].by == "operator-desk"
    assert event.opt_outs["mall"].by == "mia"
    assert event.cancellation is not None
    assert (event.cancellation.by, event.cancellation.reason) == ("li", "rain")


@virtual
async def test_give_consent__until_it_is_withdrawn() -> None:
    rig = Rig()
    key = ("mall", ConsentScope.ENERGY_DATA)
    await rig.intake.give_consent(*key, by="mia")
    await rig.intake.give_consent(*key, by="someone")
    assert rig.recorder.book.consents[key].by == "mia"
    assert rig.recorder.position == 1

    await rig.intake.withdraw_consent(*key, by="mia")
    await rig.intake.withdraw_consent(*key, by="mia")
    assert (rig.recorder.book.consents, rig.recorder.position) == ({}, 2)
    with pytest.raises(UnknownThingError, match="unknown participant 'nobody'"):
        await rig.intake.give_consent("nobody", ConsentScope.ENERGY_DATA, by="mia")
    with pytest.raises(UnknownThingError, match="unknown participant 'nobody'"):
        await rig.intake.withdraw_consent("nobody", ConsentScope.ENERGY_DATA, by="mia")


@virtual
async def test_declare__one_event_at_a_time_may_call_a_resource() -> None:
    rig = await invited_rig()
    second = sample_declaration(event_id="event-2", start=START + 2 * INTERVAL, end=START + 6 * INTERVAL)

    message = r"event 'event-2' .* overlaps event 'event-1', which may call the same resources until 2026-07-22T07:00"
    with pytest.raises(ConflictError, match=message):
        await rig.intake.declare(second)

    await rig.intake.declare(replace(second, start=START + 4 * INTERVAL, end=START + 8 * INTERVAL))
    assert list(rig.recorder.book.events) == [EVENT, "event-2"]


@virtual
async def test_approve__looks_again_at_what_else_was_approved() -> None:
    rig = Rig()
    await rig.intake.declare(sample_declaration())
    await rig.intake.declare(sample_declaration(event_id="event-2"))
    await rig.intake.approve("event-2")

    with pytest.raises(ConflictError, match=r"event 'event-1' .* overlaps event 'event-2'"):
        await rig.intake.approve(EVENT)

    await rig.intake.cancel("event-2", "not needed")
    await rig.intake.approve(EVENT)
    assert rig.recorder.book.event(EVENT).state is EventState.APPROVED
