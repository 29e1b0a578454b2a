"""Facts as ledgers of earlier versions hold them keep their bytes, and say what they said."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.vpp.domain.event_samples import EARLY, EVENT, approved, planned
from vpp.domain.events import EventStep
from vpp.domain.facts import LATER_FIELDS, EventAdvanced, Fact, InvitationAnswered, ParticipantOptedOut
from vpp.infra.fact_codec import decode_fact, encode_fact, fact_kind

OLDER: list[tuple[Fact, bytes]] = [
    (
        InvitationAnswered(at=EARLY, event_id=EVENT, participant_id="mall", accepted=True),
        b'{"accepted":true,"at":"2026-07-22T04:00:00Z","event_id":"event-1","participant_id":"mall"}',
    ),
    (
        ParticipantOptedOut(at=EARLY, event_id=EVENT, participant_id="mall", reason="ill"),
        b'{"at":"2026-07-22T04:00:00Z","event_id":"event-1","participant_id":"mall","reason":"ill"}',
    ),
    (
        EventAdvanced(at=EARLY, event_id=EVENT, step=EventStep.CANCEL, reason="rain"),
        b'{"at":"2026-07-22T04:00:00Z","event_id":"event-1","reason":"rain","step":"cancel"}',
    ),
    (
        planned({"line-1": [40.0] * 4}),
        (
            b'{"aim_kw":[53.0,53.0,53.0,53.0],"at":"2026-07-22T04:00:00Z","before_kw":null,"binding":[],'
            b'"event_id":"event-1","expected_kw":[53.0,53.0,53.0,53.0],"first_interval":"2026-07-22T06:00:00Z",'
            b'"forecast_kw":{},"gap":0.0,"margin_kw":3.0,"offered_kw":[100.0,100.0,100.0,100.0],"outcome":"planned",'
            b'"reason":"a test","reasons":{},"response_kw":{"line-1":[40.0,40.0,40.0,40.0]},"revision":1,'
            b'"shortfall_kw":[0.0,0.0,0.0,0.0],"source":"exact","status":"Optimal","wall_s":0.1}'
        ),
    ),
    (
        approved(),
        (
            b'{"at":"2026-07-22T04:00:00Z","event_id":"event-1","reference_peak_date":"2026-07-01",'
            b'"reference_peak_kw":1000.0,"reference_peak_source":"a test","target_kw":[50.0,50.0,50.0,50.0]}'
        ),
    ),
]


def test_encode_fact__an_older_plan_says_nothing_of_its_probability() -> None:
    older = planned({"line-1": [20.0] * 4})
    newer = replace(older, delivery_mean_kw=(17.0,) * 4, delivery_q05_kw=(12.0,) * 4, joint_probability=0.94)

    assert b"delivery_mean_kw" not in encode_fact(older)
    assert decode_fact("PlanIssued", encode_fact(older)) == older
    assert decode_fact("PlanIssued", encode_fact(newer)) == newer


@pytest.mark.parametrize(("fact", "written"), OLDER, ids=[fact_kind(fact) for fact, _ in OLDER])
def test_encode_fact__as_an_earlier_version_wrote_it(fact: Fact, written: bytes) -> None:
    assert encode_fact(fact) == written
    assert decode_fact(fact_kind(fact), written) == fact
    assert not [name for name in LATER_FIELDS if f'"{name}"'.encode() in written]


def test_encode_fact__what_a_later_field_says_is_kept() -> None:
    bid = InvitationAnswered(
        at=EARLY,
        event_id=EVENT,
        participant_id="mall",
        accepted=True,
        by="mia",
        quantity_kw=12.5,
        price_cny_per_kwh=Decimal("0.80"),
    )

    written = encode_fact(bid)

    assert b'"by":"mia"' in written
    assert b'"price_cny_per_kwh":"0.80","quantity_kw":12.5' in written
    assert decode_fact("InvitationAnswered", written) == bid
