"""Past use of resources as the book knows it."""

from datetime import date

from tests.vpp.domain.event_samples import EVENT, START, issued, record_of, sample_command
from vpp.domain.book import EventRecord
from vpp.domain.calls import calls_by_resource, event_days, use_hours
from vpp.domain.timegrid import INTERVAL
from vpp.domain.use_limits import Call, Season

SEASON = Season(date(2026, 6, 1), date(2026, 9, 30))


def called() -> list[EventRecord]:
    line = sample_command("line-1", 1, [80.0, 60.0, 80.0, 60.0], [80.0] * 4)
    idle = sample_command("line-2", 2, [80.0] * 4, [80.0] * 4)
    return [record_of(issued(line, idle))]


def test_calls_by_resource__one_call_per_event_and_resource() -> None:
    assert calls_by_resource(called()) == {"line-1": [Call(START + INTERVAL, START + 4 * INTERVAL)]}
    assert calls_by_resource(called(), but=EVENT) == {}


def test_event_days__one_entry_per_event() -> None:
    assert event_days([*called(), *called()]) == [date(2026, 7, 22), date(2026, 7, 22)]


def test_use_hours__of_the_season_only() -> None:
    curtailed, capable = use_hours([*called(), *called()], SEASON)

    assert curtailed == {"line-1": 1.0, "line-2": 0.0}
    assert capable == {"line-1": 2.0, "line-2": 2.0, "cool-1": 2.0, "bat-1": 2.0}
    assert use_hours(called(), Season(date(2026, 8, 1), date(2026, 9, 30))) == ({}, {})
