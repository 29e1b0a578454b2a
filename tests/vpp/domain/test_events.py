"""The event's state table, step by step, and what a declaration refuses."""

from datetime import timedelta

import pytest

from tests.vpp.domain.event_samples import END, START, sample_declaration
from vpp.domain.errors import IllegalTransitionError, InputError
from vpp.domain.events import FINAL_STATES, EventKind, EventState, EventStep, next_state, reply_deadline, steps_from

S, P, K = EventState, EventStep, EventKind
COMMON = {
    (S.DRAFT, P.APPROVE): S.APPROVED,
    (S.DRAFT, P.CANCEL): S.CANCELLED,
    (S.APPROVED, P.CANCEL): S.CANCELLED,
    (S.INVITED, P.COMMIT): S.COMMITTED,
    (S.INVITED, P.CANCEL): S.CANCELLED,
    (S.COMMITTED, P.ACTIVATE): S.ACTIVE,
    (S.COMMITTED, P.CANCEL): S.CANCELLED,
    (S.ACTIVE, P.RELEASE): S.RELEASING,
    (S.ACTIVE, P.CANCEL): S.RELEASING,
    (S.RELEASING, P.VERIFY): S.VERIFYING,
}
LEGAL = {
    K.ECONOMIC: COMMON | {(S.APPROVED, P.INVITE): S.INVITED, (S.VERIFYING, P.SETTLE): S.SETTLED},
    K.EMERGENCY: COMMON | {(S.APPROVED, P.COMMIT): S.COMMITTED, (S.VERIFYING, P.SETTLE): S.SETTLED},
    K.DRILL: COMMON | {(S.APPROVED, P.INVITE): S.INVITED, (S.VERIFYING, P.CERTIFY): S.CERTIFIED},
}
ALL = [(kind, state, step) for kind in K for state in S for step in P]


@pytest.mark.parametrize(("kind", "state", "step"), ALL)
def test_next_state__follows_the_table_or_refuses_by_name(kind: EventKind, state: EventState, step: EventStep) -> None:
    if (state, step) in LEGAL[kind]:
        assert next_state("e7", state, step, kind) is LEGAL[kind][state, step]
        return
    with pytest.raises(IllegalTransitionError) as refusal:
        next_state("e7", state, step, kind)
    allowed = [s.value for s in P if (state, s) in LEGAL[kind]]
    message = str(refusal.value)
    assert message.startswith(f"event 'e7' is {state.value!r}: {step.value!r} is not allowed (allowed: ")
    assert set(message.partition("(allowed: ")[2].rstrip(")").split(", ")) == set(allowed or ["nothing"])


def test_next_state__message_in_full() -> None:
    message = r"^event 'e7' is 'verifying': 'settle' is not allowed \(allowed: certify\)$"
    with pytest.raises(IllegalTransitionError, match=message):
        next_state("e7", S.VERIFYING, P.SETTLE, K.DRILL)


@pytest.mark.parametrize("state", [S.SETTLED, S.CERTIFIED, S.CANCELLED])
def test_final_states__have_no_way_out(state: EventState) -> None:
    assert state in FINAL_STATES
    assert all(steps_from(state, kind) == {} for kind in K)


@pytest.mark.parametrize("state", [S.DRAFT, S.APPROVED, S.INVITED, S.COMMITTED])
def test_cancel__before_active_pays_nothing(state: EventState) -> None:
    assert next_state("e", state, P.CANCEL, K.ECONOMIC) is S.CANCELLED


def test_cancel__while_active_is_released_and_verified() -> None:
    state = next_state("e", S.ACTIVE, P.CANCEL, K.ECONOMIC)

    assert next_state("e", state, P.VERIFY, K.ECONOMIC) is S.VERIFYING


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_id": ""}, "event id '' must have 1 to 64 characters"),
        ({"event_id": "x" * 65}, "must have 1 to 64 characters"),
        ({"end": START}, "has 0 15-minute intervals; 1 to 96 are allowed"),
        ({"end": START + timedelta(hours=25)}, "has 100 15-minute intervals; 1 to 96 are allowed"),
        ({"end": START - timedelta(hours=1)}, "end 2026-07-22T05:00:00Z lies before start 2026-07-22T06"),
        ({"start": START + timedelta(minutes=7), "end": END + timedelta(minutes=7)}, "is not on a 15-minute boundary"),
        ({"end": END + timedelta(minutes=1)}, "is not a whole number of 15-minute intervals after the start"),
        ({"target_mw": 50.0}, "event 'event-1': give exactly one of target_percent and target_mw"),
        ({"target_percent": None}, "give exactly one of target_percent and target_mw"),
        ({"target_percent": 0.0}, r"target 0.0 % is not in \(0, 100\]"),
        ({"target_percent": 100.5}, r"target 100.5 % is not in \(0, 100\]"),
        ({"target_percent": float("nan")}, "target nan % is not in"),
        ({"target_percent": None, "target_mw": -1.0}, "target -1.0 MW is not a positive number"),
        ({"target_percent": None, "target_mw": float("inf")}, "target inf MW is not a positive number"),
    ],
)
def test_declaration__refuses(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        sample_declaration(**changes)


def test_target_kw__percent_of_the_peak_or_megawatts() -> None:
    assert sample_declaration().target_kw(1_000_000.0) == pytest.approx(50_000.0)
    assert sample_declaration(target_percent=None, target_mw=12.5).target_kw(1_000_000.0) == 12_500.0


def test_recovery_end__lies_behind_the_event() -> None:
    assert sample_declaration().recovery_end(8) == END + timedelta(hours=2)


@pytest.mark.parametrize(
    ("minutes_left", "window"),
    [(120, 25.0), (50, 25.0), (40, 20.0), (15, 7.5), (10, 5.0), (1, 0.5), (0, 0.0), (-3, 0.0)],
)
def test_reply_deadline__half_of_what_is_left_and_never_after_the_start(minutes_left: float, window: float) -> None:
    invited_at = START - timedelta(minutes=minutes_left)

    assert reply_deadline(invited_at, START) - invited_at == timedelta(minutes=window)
