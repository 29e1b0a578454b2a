"""Stages of a command, and the order of commands."""

import pytest

from tests.vpp.domain.event_samples import sample_command
from vpp.domain.commands import ACK_TRANSITIONS, AckState, advance_ack
from vpp.domain.errors import IllegalTransitionError

A = AckState
LATER = {
    None: set(A),
    A.RECEIVED: {A.ACCEPTED, A.AWAITING_PERSON, A.APPLIED, A.REFUSED, A.EXPIRED},
    A.ACCEPTED: {A.AWAITING_PERSON, A.APPLIED, A.REFUSED, A.EXPIRED},
    A.AWAITING_PERSON: {A.APPLIED, A.REFUSED, A.EXPIRED},
    A.APPLIED: {A.EXPIRED},
    A.REFUSED: set(),
    A.EXPIRED: set(),
}


@pytest.mark.parametrize("state", [None, *A])
@pytest.mark.parametrize("new", A)
def test_advance_ack__follows_the_table_or_refuses(state: AckState | None, new: AckState) -> None:
    assert set(ACK_TRANSITIONS) == set(LATER)
    if new in LATER[state]:
        assert advance_ack("c1", state, new) is new
    else:
        with pytest.raises(IllegalTransitionError, match=f"command 'c1' is '{state}': '{new}' is not allowed"):
            advance_ack("c1", state, new)


def test_advance_ack__message_lists_what_is_allowed() -> None:
    with pytest.raises(IllegalTransitionError, match=r"'applied': 'received' is not allowed \(allowed: expired\)"):
        advance_ack("c1", A.APPLIED, A.RECEIVED)


def test_order__epoch_before_sequence() -> None:
    assert sample_command("r", 7, [1.0], [1.0]).order == (1, 7)
