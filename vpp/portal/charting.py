"""The figures of a chart as plain data; ``static/charts.js`` draws them with BokehJS.

BokehJS knows no time zones: instants are given as if Beijing's wall clock were UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vpp.domain.timegrid import DISTRICT_ZONE, INTERVAL
from vpp.portal.formats import interval
from vpp.services.contributions import LoadView
from vpp.services.event_figures import WaterfallView

KW_PER_MW = 1000.0
SHOWN_BEFORE = timedelta(hours=6)
SHOWN_AFTER = timedelta(hours=3)
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Series:
    """One drawn series; ``name`` is its colour's and its text's.

    Attributes:
        style: ``bar``, ``step``, ``broad`` (a step that shows behind another) or ``dash``.
    """

    name: str
    style: str
    values: Values


def local_ms(instant: datetime) -> float:
    """Milliseconds since 1970, counted as if Beijing's wall clock were UTC."""
    shift = instant.astimezone(DISTRICT_ZONE).utcoffset() or timedelta()
    return (instant.timestamp() + shift.total_seconds()) * 1000.0


def delivered_chart(view: WaterfallView, labels: dict[str, str]) -> dict[str, Any]:
    """Target against what was asked and verified, per interval in MW."""
    shown = (
        Series("verified", "bar", view.verified_kw),
        Series("commanded", "broad", view.commanded_kw),
        Series("acknowledged", "step", view.acknowledged_kw),
        Series("target", "dash", view.target_kw),
    )
    return _chart(view.interval_starts, shown, labels, unit="MW", bands=())


def load_chart(view: LoadView, labels: dict[str, str], bands: Iterable[tuple[datetime, datetime]]) -> dict[str, Any]:
    """A participant's load against its baseline in kW, around the present."""
    near = [
        place
        for place, start in enumerate(view.interval_starts)
        if view.as_of - SHOWN_BEFORE <= start < view.as_of + SHOWN_AFTER
    ]
    starts = [view.interval_starts[place] for place in near]
    shown = [Series("load", "step", [view.actual_kw[place] for place in near])]
    baseline = [view.baseline_kw[place] for place in near]
    if any(value is not None for value in baseline):
        shown.append(Series("baseline", "dash", baseline))
    if not starts:
        return _chart(starts, shown, labels, unit="kW", bands=())
    first, last = starts[0], starts[-1] + INTERVAL
    seen = [(max(start, first), min(end, last)) for start, end in bands if start < last and end > first]
    return _chart(starts, shown, labels, unit="kW", bands=seen)


def _chart(
    starts: Sequence[datetime],
    shown: Sequence[Series],
    labels: dict[str, str],
    *,
    unit: str,
    bands: Iterable[tuple[datetime, datetime]],
) -> dict[str, Any]:
    scale = KW_PER_MW if unit == "MW" else 1.0
    return {
        "unit": unit,
        "digits": 2 if unit == "MW" else 1,
        "step_ms": INTERVAL.total_seconds() * 1000.0,
        "starts": [local_ms(start) for start in starts],
        "labels": [interval(start) for start in starts],
        "from_zero": unit == "MW",
        "bands": [[local_ms(start), local_ms(end)] for start, end in bands],
        "series": [
            {
                "name": series.name,
                "label": labels[series.name],
                "style": series.style,
                "values": [None if value is None else value / scale for value in series.values],
            }
            for series in shown
        ],
    }
