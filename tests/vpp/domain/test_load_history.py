"""Load history and event hours."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from vpp.domain.errors import InputError
from vpp.domain.load_history import EventHours, LoadHistory
from vpp.domain.timegrid import TimeGrid

DAYS = (date(2026, 7, 16), date(2026, 7, 17))


def test_summed__is_missing_where_any_meter_is() -> None:
    power_kw = np.ones((2, 2, 96))
    power_kw[1, 0, 7] = np.nan
    answered = np.array([[False, True], [False, False]])

    total = LoadHistory.of(["a", "b"], DAYS, power_kw, event_days=answered).summed("sum")

    assert total.meter_ids == ("sum",)
    assert np.isnan(total.power_kw[0, 0, 7])
    assert total.power_kw[0, 1, 7] == 2.0
    assert total.event_days.tolist() == [[False, True]]


def test_load_history__refuses_wrong_shape() -> None:
    with pytest.raises(InputError, match=r"power_kw is for \(1, 2\) \(meters, days\), expected \(2, 2\)"):
        LoadHistory.of(["a", "b"], DAYS, np.ones((1, 2, 96)))


def test_load_history__refuses_unordered_days() -> None:
    with pytest.raises(InputError, match="days must ascend without repeats"):
        LoadHistory.of(["a"], DAYS[::-1], np.ones((1, 2, 96)))


def test_event_hours__refuses_an_event_over_midnight() -> None:
    grid = TimeGrid(datetime(2026, 7, 20, 15, tzinfo=UTC), 8)  # 23:00 to 01:00 in the district

    with pytest.raises(InputError, match="event passes the end of trading day 2026-07-20"):
        EventHours.of_grid(grid)


def test_event_hours__refuses_an_empty_event() -> None:
    with pytest.raises(InputError, match="event on 2026-07-20 has no interval"):
        EventHours(date(2026, 7, 20), np.array([], dtype=np.intp))
