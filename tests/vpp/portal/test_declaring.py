from datetime import timedelta

import pytest

from tests.vpp.api.district_at_work import NOW
from tests.vpp.portal.portal_rig import Portal
from vpp.portal.declaring import asked_of, flaws_of, read_local, read_number
from vpp.portal.language import Language
from vpp.portal.texts import text

FREE_DAY = {"start": "2026-07-25T09:00", "end": "2026-07-25T10:00", "target_percent": "5"}


async def test_asked_of__defaults_are_15_minutes_ahead_one_hour_and_5_percent(portal: Portal) -> None:
    asked = asked_of({}, portal.api.door)

    assert (asked.start, asked.end) == ("2026-07-22T16:45", "2026-07-22T17:45")
    assert (asked.target_percent, asked.target_mw) == ("5", "")
    assert asked.program_id == "beichen-demo"
    assert asked.target_kw(60_000.0) == 3000.0


FLAWS: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"start": ""}, "start", "Enter date and time of the start."),
    ({"start": "2026-07-22T16:15"}, "start", "This is not after the controller's present time, 2026-07-22 16:22."),
    ({"start": "2026-07-25T09:05"}, "start", "Intervals begin at :00, :15, :30 and :45."),
    ({"end": "2026-07-25T09:50"}, "end", "Intervals begin at :00, :15, :30 and :45."),
    ({"end": "2026-07-25T09:00"}, "end", "The end must lie after the start."),
    ({"end": "2026-07-25T14:15"}, "end", "The programme allows 4 h at most."),
    ({"end": "2026-07-27T09:00"}, "end", "The programme allows 24 h at most."),
    ({"target_percent": ""}, "target_percent", "Give one of the two targets."),
    ({"target_mw": "2"}, "target_percent", "Give one of the two targets."),
    ({"target_percent": "101"}, "target_percent", "101 % is not more than 0 and at most 100."),
    ({"target_percent": "", "target_mw": "-1"}, "target_mw", "-1 MW is not more than 0."),
    ({"program_id": "none"}, "program_id", "There is no such programme."),
    ({"direction": "fill"}, "direction", "The programme cannot be called in this direction."),
)


async def test_flaws_of__each_is_named_at_its_field(portal: Portal) -> None:
    door = portal.api.door
    for changes, field, sentence in FLAWS:
        found = flaws_of(asked_of(FREE_DAY | {"program_id": "beichen-demo"} | changes, door), door)

        said = {name: text(Language.ENGLISH, key, **values) for name, (key, values) in found.items()}
        assert said == {field: sentence}


async def test_flaws_of__too_short_a_notice_names_both_figures(portal: Portal) -> None:
    portal.api.clock.move_to(NOW + timedelta(days=3, minutes=14, seconds=30))

    asked = asked_of({**FREE_DAY, "start": "2026-07-25T16:45", "end": "2026-07-25T17:00"}, portal.api.door)

    key, values = flaws_of(asked, portal.api.door)["start"]
    assert text(Language.ENGLISH, key, **values) == "8 minutes ahead; the programme asks for 10 minutes of notice."


async def test_flaws_of__a_full_day_names_the_limit(portal: Portal) -> None:
    key, values = flaws_of(asked_of({}, portal.api.door), portal.api.door)["start"]

    assert text(Language.ENGLISH, key, **values) == "There are 2 events on this day already; the programme allows 2."


@pytest.mark.parametrize("typed", ["", "soon", "2026-07-23T09:00+08:00", "2026-13-01T00:00"])
def test_read_local__anything_but_a_local_instant_is_none(typed: str) -> None:
    assert read_local(typed) is None


@pytest.mark.parametrize("typed", ["", "five", "inf", "nan"])
def test_read_number__only_finite_numbers(typed: str) -> None:
    assert read_number(typed) is None
