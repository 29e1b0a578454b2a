"""A capability table as the API shows it: rows by notice and duration, gaps as nulls, watts and tenths of a cent."""

from typing import Any

import numpy as np

from vpp.api.schemas_district import TableRowShown, TableShown
from vpp.domain.capability_table import CapabilityTable
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_S
from vpp.services.capability_tables import TableView
from vpp.services.decisions import Reason
from vpp.services.reachability import LeftOut

DIGITS_KW = 3
DIGITS_CNY = 4


def table_shown(view: TableView) -> TableShown:
    """The whole table."""
    return TableShown(
        as_of=view.table.as_of,
        node_id=view.node_id,
        direction=view.direction.value,
        reference_peak_kw=view.reference_peak_kw,
        resources=view.resources,
        covered_until=view.covered_until,
        left_out=[left_out_shown(line) for line in view.left_out],
        starts=list(view.table.starts),
        rows=_rows(view.table),
    )


def left_out_shown(line: LeftOut) -> Any:  # noqa: ANN401 - pydantic reads it off
    """Resources that could not be called, with the reason in both languages."""
    return {"reason": Reason.of(line.code), "resources": line.resources, "rated_kw": line.rated_kw}


def _rows(table: CapabilityTable) -> list[TableRowShown]:
    return [
        TableRowShown(
            notice=notice.name,
            notice_s=None if notice.lead is None else notice.lead.total_seconds(),
            duration_s=duration * INTERVAL_S,
            reachable_kw_prob50=_gappy(table.prob50_kw[n, d]),
            reachable_kw_prob90=_gappy(table.prob90_kw[n, d]),
            cost_cny_per_kwh=[
                None if np.isnan(steps).any() else [round(float(x), DIGITS_CNY) for x in steps]
                for steps in table.cost_cny_per_kwh[n, d]
            ],
            rebound_kw=_gappy(table.rebound_kw[n, d]),
        )
        for n, notice in enumerate(table.notices)
        for d, duration in enumerate(table.durations)
    ]


def _gappy(values: Series) -> list[float | None]:
    return [round(float(x), DIGITS_KW) if np.isfinite(x) else None for x in values]
