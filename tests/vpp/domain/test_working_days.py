"""Day types as a value."""

from datetime import date

import pytest

from vpp.domain.errors import InputError
from vpp.domain.working_days import DayType, days_between, weekends_only


def test_weekends_only__knows_weekends_and_says_what_it_does_not_know() -> None:
    days = days_between(date(2026, 7, 17), date(2026, 7, 20))

    calendar = weekends_only(days)

    assert [calendar.type_of(day) for day in days] == [
        DayType.WORKING,
        DayType.WEEKEND,
        DayType.WEEKEND,
        DayType.WORKING,
    ]
    assert calendar.findings == ("working days: weekends only, public holidays are not known",)


def test_weekends_only__listed_holidays_win() -> None:
    calendar = weekends_only([date(2026, 7, 17)], [date(2026, 7, 17)])

    assert calendar.type_of(date(2026, 7, 17)) is DayType.HOLIDAY
    assert calendar.findings == ()


def test_type_of__refuses_a_day_it_does_not_cover() -> None:
    with pytest.raises(InputError, match="calendar 'weekends only' does not cover 2026-07-18"):
        weekends_only([date(2026, 7, 17)]).type_of(date(2026, 7, 18))
