"""Working days of mainland China, make-up working days included, from the ``chinesecalendar`` package."""

from collections.abc import Iterable
from datetime import date

import chinese_calendar

from vpp.domain.working_days import DayType, WorkingDays, weekday_type


def chinese_working_days(days: Iterable[date]) -> WorkingDays:
    """Day types of ``days`` by the State Council's yearly notices.

    The notice for a year appears in the autumn before; for years that the package does not know yet only weekends are
    told apart, and ``findings`` names those years.
    """
    types: dict[date, DayType] = {}
    unknown_years: set[int] = set()
    for day in days:
        try:
            is_holiday, name = chinese_calendar.get_holiday_detail(day)
        except NotImplementedError:
            unknown_years.add(day.year)
            types[day] = weekday_type(day)
            continue
        if not is_holiday:
            types[day] = DayType.WORKING
        else:
            types[day] = DayType.HOLIDAY if name else DayType.WEEKEND
    findings = tuple(
        f"working days of {year}: weekends only, the Chinese holiday calendar of that year is not known"
        for year in sorted(unknown_years)
    )
    return WorkingDays("chinese calendar", types, findings)
