"""Replaying the ledger gives the book that was; what may not happen is refused before it is written."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vpp.domain.event_samples import (
    END,
    EVENT,
    START,
    acked,
    advanced,
    committed,
    committed_facts,
    declared,
    frozen,
    invited,
    issued,
    planned,
    record_of,
    sample_command,
)
from vpp.domain.book import Book
from vpp.domain.commands import ACK_TRANSITIONS, AckState
from vpp.domain.consents import ConsentScope
from vpp.domain.errors import IllegalTransitionError, InputError, InvariantError, UnknownThingError
from vpp.domain.events import EventKind, EventState, EventStep, steps_from
from vpp.domain.facts import (
    AccessRoundOpened,
    ConsentGiven,
    ConsentWithdrawn,
    ControllerStarted,
    EventApproved,
    EventCommitted,
    Fact,
    GatewayChanged,
    GatewayStarted,
    InvitationAnswered,
    ParticipantOptedOut,
    ParticipantsInvited,
    ReadingsStored,
    StatementsIssued,
    UpstreamCallReceived,
    UpstreamTold,
)
from vpp.domain.timegrid import INTERVAL
from vpp.infra.fact_codec import decode_fact, encode_fact, fact_kind

BASELINES = {"line-1": [100.0] * 12, "line-2": [80.0] * 12}


def gateway_start(telemetry_from: int, acks_from: int, boot: int = 1) -> GatewayStarted:
    return GatewayStarted(
        at=START,
        gateway_id="gw-1",
        boot=boot,
        started_at=START,
        telemetry_from=telemetry_from,
        acks_from=acks_from,
    )


def stored(through: int) -> ReadingsStored:
    return ReadingsStored(at=START, through_seq={"gw-1": through}, count=1, digest="d")


def statements() -> StatementsIssued:
    return StatementsIssued(
        at=END,
        event_id=EVENT,
        version=1,
        provisional=True,
        digest="d",
        total_response_kwh="1",
        total_payment_cny="2.00",
    )


STEP_FACTS: dict[EventStep, Callable[[], Fact]] = {
    EventStep.APPROVE: lambda: next(f for f in committed_facts() if isinstance(f, EventApproved)),
    EventStep.INVITE: invited,
    EventStep.COMMIT: committed,
}


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Any legal life of one event, with facts of every other kind in between."""
    kind = draw(st.sampled_from(EventKind))
    facts: list[Fact] = [ControllerStarted(at=START, epoch=1), declared(kind)]
    state = EventState.DRAFT
    sequence = 0
    stages: dict[str, AckState | None] = {}
    for seq in range(1, draw(st.integers(0, 25)) + 1):
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2 if steps := steps_from(state, kind):
                step = draw(st.sampled_from(sorted(steps)))
                state = steps[step]
                facts.append(STEP_FACTS[step]() if step in STEP_FACTS else advanced(step, START))
            case 3:
                sequence += 1
                stages[f"c{sequence}"] = None
                facts.append(issued(sample_command("line-1", sequence, [60.0] * 4, [100.0] * 4)))
            case 4 if stages:
                command_id = draw(st.sampled_from(sorted(stages)))
                if allowed := sorted(ACK_TRANSITIONS[stages[command_id]]):
                    stages[command_id] = draw(st.sampled_from(allowed))
                    facts.append(acked(seq, (command_id, "line-1", stages[command_id] or AckState.RECEIVED)))
            case 5:
                facts.append(stored(seq))
            case 6:
                facts.append(gateway_start(draw(st.integers(1, 30)), draw(st.integers(1, 30)), boot=seq))
            case 7:
                facts.append(InvitationAnswered(at=START, event_id=EVENT, participant_id="mall", accepted=seq % 2 == 0))
            case 8:
                facts.append(GatewayChanged(at=START, gateway_id="gw-1", online=seq % 2 == 0))
            case _:
                facts += [
                    frozen(BASELINES),
                    planned({"line-1": [40.0] * 4}, revision=seq),
                    ParticipantOptedOut(at=START, event_id=EVENT, participant_id="mall", reason="r", by="mia"),
                    InvitationAnswered(
                        at=START, event_id=EVENT, participant_id="store", accepted=True, quantity_kw=0.1 * seq
                    ),
                    AccessRoundOpened(at=START, round=seq, by="admin"),
                    ConsentGiven(at=START, participant_id="mall", scope=ConsentScope.ENERGY_DATA, by="mia"),
                    ConsentWithdrawn(
                        at=START, participant_id=["mall", "store"][seq % 2], scope=ConsentScope.ENERGY_DATA, by="mia"
                    ),
                    UpstreamCallReceived(at=START, event_id=EVENT, upstream="u", call_id=f"c-{seq}", digest="d"),
                    UpstreamTold(at=START, event_id=EVENT, upstream="u", call_id=f"c-{seq}", what="received"),
                    statements(),
                ]
    return facts


@given(histories())
@settings(max_examples=60)
def test_replay__equals_the_live_book(history: list[Fact]) -> None:
    live = Book()
    for fact in history:
        live.check(fact)
        live.apply(fact)

    again = Book.replay(decode_fact(fact_kind(fact), encode_fact(fact)) for fact in history)

    assert again == live


@pytest.mark.parametrize("kind", EventKind)
def test_apply__takes_the_states_in_order(kind: EventKind) -> None:
    last = EventStep.CERTIFY if kind is EventKind.DRILL else EventStep.SETTLE
    steps = [EventStep.ACTIVATE, EventStep.RELEASE, EventStep.VERIFY, last]

    record = record_of(*(advanced(step) for step in steps), kind=kind)

    names = [state.value for state, _ in record.states]
    invitation = [] if kind is EventKind.EMERGENCY else ["invited"]
    final = "certified" if kind is EventKind.DRILL else "settled"
    assert names == ["draft", "approved", *invitation, "committed", "active", "releasing", "verifying", final]
    assert not record.live


@pytest.mark.parametrize(
    ("fact", "message"),
    [
        (invited(), "event 'event-1' is 'committed': 'invite' is not allowed"),
        (committed(), "event 'event-1' is 'committed': 'commit' is not allowed"),
        (advanced(EventStep.SETTLE), r"'settle' is not allowed \(allowed: activate, cancel\)"),
    ],
)
def test_check__refuses_steps_that_the_table_does_not_have(fact: Fact, message: str) -> None:
    book = Book.replay(committed_facts())
    before = list(book.event(EVENT).states)

    with pytest.raises(IllegalTransitionError, match=message):
        book.check(fact)
    with pytest.raises(IllegalTransitionError, match=message):
        book.apply(fact)
    assert book.event(EVENT).states == before


def test_check__refuses_unknown_events_and_taken_ids() -> None:
    with pytest.raises(UnknownThingError, match="unknown event 'event-1'"):
        Book().check(committed())
    with pytest.raises(UnknownThingError, match="unknown event ''"):
        Book().event(None)
    with pytest.raises(InputError, match="event id 'event-1' is taken"):
        Book.replay(committed_facts()).check(declared())


def test_apply__a_kind_without_a_rule_is_a_broken_promise() -> None:
    with pytest.raises(InvariantError, match="the book does not know the fact Fact"):
        Book().apply(Fact(at=START))


def test_apply__only_reading_facts_move_the_streams() -> None:
    book = Book.replay([stored(7), acked(3)])

    assert (book.telemetry_seq, book.ack_seq) == ({"gw-1": 7}, {"gw-1": 3})


def test_apply__a_restarted_gateway_goes_on_and_one_without_its_disk_begins_anew() -> None:
    book = Book.replay([stored(7), acked(3), gateway_start(8, 4, boot=2)])
    assert (book.telemetry_seq, book.ack_seq) == ({"gw-1": 7}, {"gw-1": 3})

    book.apply(gateway_start(1, 1))
    assert (book.telemetry_seq, book.ack_seq) == ({"gw-1": 0}, {"gw-1": 0})


def test_apply__sequence_begins_anew_with_each_epoch() -> None:
    book = Book.replay([*committed_facts(), issued(sample_command("line-1", 5, [1.0], [2.0]))])
    assert (book.epoch, book.sequence) == (1, 5)

    book.apply(ControllerStarted(at=START, epoch=2))
    assert (book.epoch, book.sequence) == (2, 0)


def test_apply__applied_is_kept_when_the_command_expires() -> None:
    record = record_of(
        issued(sample_command("line-1", 1, [1.0], [2.0])),
        acked(1, ("c1", "line-1", AckState.APPLIED)),
        acked(2, ("c1", "line-1", AckState.EXPIRED)),
    )

    assert (record.commands["line-1"][0].state, record.commands["line-1"][0].applied) == (AckState.EXPIRED, True)


def test_end__a_cancellation_ends_the_event_early() -> None:
    at = START + timedelta(minutes=20)

    assert record_of().end == END
    assert record_of(advanced(EventStep.ACTIVATE), advanced(EventStep.CANCEL, at)).end == at
    assert record_of(advanced(EventStep.CANCEL, START - timedelta(hours=1))).end == START - timedelta(hours=1)


def test_in_force__newest_that_covers_the_interval() -> None:
    old, new = (
        sample_command("line-1", 1, [60.0] * 4, [100.0] * 4),
        sample_command("line-1", 2, [70.0], [100.0], first=START + INTERVAL),
    )
    record = record_of(issued(old), issued(new))

    held = [record.in_force("line-1", interval) for interval in record.grid]

    assert [entry.command.sequence for entry in held if entry] == [1, 2, 1, 1]
    assert record.in_force("line-2", START) is None
    assert record.in_force("line-1", END) is None


def test_baseline_kw__names_what_is_missing() -> None:
    with pytest.raises(InvariantError, match="event 'event-1': no frozen baseline for 'cool-1'"):
        record_of(frozen(BASELINES)).baseline_kw("cool-1")
    assert record_of(frozen(BASELINES)).baseline_kw("line-2").tolist() == [80.0] * 12


def test_target_kw__is_zero_before_approval() -> None:
    assert Book.replay([declared()]).event(EVENT).target_kw.tolist() == [0.0] * 4
    assert record_of().target_kw.tolist() == [50.0] * 4


def test_step_facts__are_the_three_with_figures() -> None:
    assert [type(make()) for make in STEP_FACTS.values()] == [EventApproved, ParticipantsInvited, EventCommitted]
