"""The Chinese working-day calendar."""

from datetime import date

from vpp.domain.working_days import DayType
from vpp.infra.chinese_calendar import chinese_working_days


def test_chinese_working_days__holiday_weekend_and_make_up_day() -> None:
    national_day, sunday, make_up_saturday = date(2025, 10, 1), date(2025, 7, 20), date(2025, 10, 11)

    calendar = chinese_working_days([national_day, sunday, make_up_saturday])

    assert calendar.type_of(national_day) is DayType.HOLIDAY
    assert calendar.type_of(sunday) is DayType.WEEKEND
    assert make_up_saturday.weekday() == 5
    assert calendar.type_of(make_up_saturday) is DayType.WORKING
    assert calendar.findings == ()


def test_chinese_working_days__year_without_notice_is_weekends_only_and_says_so() -> None:
    calendar = chinese_working_days([date(2090, 10, 2), date(2090, 10, 7)])

    assert calendar.type_of(date(2090, 10, 2)) is DayType.WORKING
    assert calendar.type_of(date(2090, 10, 7)) is DayType.WEEKEND
    assert calendar.findings == (
        "working days of 2090: weekends only, the Chinese holiday calendar of that year is not known",
    )
