from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import numpy as np
import pytest

from tests.vpp.domain.table_samples import NOW, notices_s, table_problem
from vpp.domain.capability_table import (
    DURATIONS,
    NOTICES,
    STARTS,
    CapabilityTable,
    Reachable,
    capability_table,
    rows_of,
    starts_of,
)
from vpp.domain.columns import columns_of
from vpp.domain.errors import InputError


@cache
def reachable() -> Reachable:
    problem = table_problem(40)
    return Reachable(columns_of(problem), notices_s(problem), np.full(len(problem.resources), 0.05))


@cache
def table() -> CapabilityTable:
    return capability_table(reachable(), NOW)


def test_table__has_a_cell_for_every_start_duration_and_notice() -> None:
    assert table().prob90_kw.shape == (4, 4, 96)
    assert table().cost_cny_per_kwh.shape == (4, 4, 96, 5)
    assert table().starts[0] == datetime(2026, 7, 20, 2, 15, tzinfo=UTC)
    assert table().starts[-1] == table().starts[0] + timedelta(hours=23, minutes=45)


def test_table__is_empty_only_where_a_call_comes_too_late() -> None:
    now = table().as_of
    for n, notice in enumerate(NOTICES):
        # The day ahead begins at midnight in Tianjin, 16:00 UTC.
        if notice.lead is None:
            late = [start < datetime(2026, 7, 20, 16, tzinfo=UTC) for start in table().starts]
        else:
            late = [start - now < notice.lead for start in table().starts]
        for values in (table().prob50_kw, table().prob90_kw, table().rebound_kw):
            assert np.isnan(values[n]).tolist() == [late] * len(DURATIONS)


def test_table__more_notice_and_a_shorter_call_reach_no_less() -> None:
    slack_kw = 0.02 * np.nanmax(table().prob50_kw)
    for longer, shorter in ((3, 2), (2, 1), (1, 0)):
        less = table().prob50_kw[:, shorter] - table().prob50_kw[:, longer]
        assert np.nanmin(less) > -slack_kw
    assert np.nanmin(table().prob50_kw[1] - table().prob50_kw[0]) > -slack_kw
    assert np.nanmin(table().prob50_kw[2] - table().prob50_kw[1]) > -slack_kw


def test_table__what_is_sure_is_less_and_what_comes_back_is_negative() -> None:
    known = np.isfinite(table().prob50_kw)

    assert (table().prob90_kw[known] < table().prob50_kw[known]).all()
    assert (table().prob90_kw[known] > 0).all()
    assert (table().rebound_kw[known] <= 0).all()
    assert table().rebound_kw[2, 3, 40] < -1.0


def test_table__cost_never_falls_along_a_curve() -> None:
    curves = table().cost_cny_per_kwh[np.isfinite(table().prob50_kw)]

    assert np.isfinite(curves).all()
    assert (np.diff(curves, axis=1) >= -1e-9).all()


def test_table__a_call_of_the_day_before_counts_who_has_the_time_left() -> None:
    # An hour of notice is there from the first cell of the day ahead on: everybody counts, as with four hours.
    day_ahead, four_hours = table().prob50_kw[3], table().prob50_kw[2]

    known = np.isfinite(day_ahead)
    assert day_ahead[known] == pytest.approx(four_hours[known])


def test_table__what_is_not_free_at_a_start_is_left_out_there_alone() -> None:
    free = np.ones((STARTS, reachable().columns.count), dtype=np.bool_)
    free[8] = False

    rows = rows_of(replace(reachable(), free=free), NOW, DURATIONS[0])

    assert rows.prob50_kw[0, 8] == 0.0
    assert np.isnan(rows.cost_cny_per_kwh[0, 8]).all()
    assert rows.prob50_kw[0, 9] == pytest.approx(table().prob50_kw[0, 0, 9])


def test_table__another_grid_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"made at 2026-07-20T03:05:00Z needs a grid from 2026-07-20T03:00:00Z with 112"
    ):
        rows_of(reachable(), NOW + timedelta(hours=1), 1)


def test_starts_of__on_the_quarter_hour_the_next_one_is_the_first() -> None:
    quarter = datetime(2026, 7, 20, 2, 15, tzinfo=UTC)

    assert starts_of(quarter)[0] == quarter + timedelta(minutes=15)
