"""Refuses figures that are not finite or outside their range, column by column; the first wrong one is named."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vpp.domain.columns import DispatchColumns, Index
from vpp.domain.errors import InputError
from vpp.domain.flexibility import Series

Range = tuple[float, float]

NOT_NEGATIVE: Range = (0.0, np.inf)
LEAST_EFFICIENCY = 0.01

_EVENT_SERIES = {
    "curtailable": ("segment_1_kw", "segment_2_kw"),
    "block": ("available_kw", "minimum_kw"),
    "cooling": ("available_kw",),
}
_SERIES = {"charging": ("power_min_kw", "power_max_kw", "energy_floor_kwh", "energy_ceiling_kwh")}
_FORECASTS = ("charging", "storage")
_FIGURES: dict[str, dict[str, Range]] = {
    "curtailable": dict.fromkeys(("cost_1_cny_per_kwh", "cost_2_cny_per_kwh", "energy_max_kwh"), NOT_NEGATIVE),
    "block": {
        **dict.fromkeys(("cost_cny_per_kwh", "start_cost_cny"), NOT_NEGATIVE),
        **dict.fromkeys(("min_run", "max_run", "max_calls", "running_intervals"), NOT_NEGATIVE),
        "min_rest": (1.0, np.inf),
    },
    "charging": {"cost_cny_per_kwh": NOT_NEGATIVE},
    "cooling": {
        **dict.fromkeys(("payback_max_kw", "gain_k_per_kw", "band_k", "theta_0_k"), NOT_NEGATIVE),
        **dict.fromkeys(("cost_cny_per_kwh", "discomfort_cny_per_kh"), NOT_NEGATIVE),
        "retention": (0.0, 1.0),
    },
    "storage": {
        **dict.fromkeys(("power_max_kw", "capacity_kwh", "soc_kwh", "soc_min_kwh", "soc_end_kwh"), NOT_NEGATIVE),
        "cost_cny_per_kwh": NOT_NEGATIVE,
        "efficiency": (LEAST_EFFICIENCY, 1.0),
    },
}


def check_kind_figures(columns: DispatchColumns) -> None:
    """Refuses the first wrong figure of any kind's columns; their ``index`` is sound."""
    event, count = columns.event_intervals, columns.intervals
    for name, ranges in _FIGURES.items():
        kind = getattr(columns, name)
        for field in _EVENT_SERIES.get(name, ()):
            _check_rows(columns, kind.index, field, getattr(kind, field), event, least=0.0)
        for field in _SERIES.get(name, ()):
            _check_rows(columns, kind.index, field, getattr(kind, field), count, least=0.0)
        if name in _FORECASTS:
            _check_rows(columns, kind.index, "forecast_kw", kind.forecast_kw, count, least=-np.inf)
        for field, within in ranges.items():
            check_figures(columns, kind.index, field, getattr(kind, field), within)


def check_length(name: str, values: Sequence[object] | NDArray[np.generic], count: int) -> None:
    """Refuses anything but a series of ``count`` values."""
    shape = values.shape if isinstance(values, np.ndarray) else (len(values),)
    if shape != (count,):
        raise InputError(f"{name} has shape {shape}, expected ({count},)")


def check_figure(name: str, value: float) -> None:
    """Refuses a value that is not finite or below 0."""
    if not (np.isfinite(value) and value >= 0.0):
        raise InputError(f"{name} is {value}, expected a finite number within [0, inf]")


def check_series(name: str, series: Series, count: int, *, least: float = -np.inf) -> None:
    """Refuses a series of the wrong length, or with a value that is not finite or below ``least``."""
    check_length(name, series, count)
    at = _first_wrong(np.asarray(series)[None, :], least, infinite=False)
    if at is not None:
        raise InputError(f"{name}[{at[1]}] is {series[at[1]]}, {_expected(least)}")


def check_table(  # noqa: PLR0913 - a series' name, its owners and what it may hold
    name: str, subjects: Sequence[str], rows: Series, count: int, *, least: float = -np.inf, infinite: bool = False
) -> None:
    """Refuses rows, one per subject, with a wrong shape, or with a value that is not finite or below ``least``."""
    if rows.shape != (len(subjects), count):
        raise InputError(f"{name} has shape {rows.shape}, expected {(len(subjects), count)}")
    at = _first_wrong(rows, least, infinite=infinite)
    if at is not None:
        raise InputError(f"{subjects[at[0]]} {name}[{at[1]}] is {rows[at]}, {_expected(least)}")


def check_figures(  # noqa: PLR0913 - a figure's name, its owners and its range
    columns: DispatchColumns,
    index: Index,
    name: str,
    values: NDArray[np.generic],
    within: Range = NOT_NEGATIVE,
    *,
    above: bool = False,
) -> None:
    """Refuses figures, one per resource of ``index``, outside ``within``; ``above`` leaves the lower end out."""
    check_length(f"{name} of resources", values, len(index))
    least, most = within
    figures = np.asarray(values, dtype=np.float64)
    sound = np.isfinite(figures) & (figures > least if above else figures >= least) & (figures <= most)
    if sound.all():
        return
    i = int(np.argmin(sound))
    subject = f"resource {columns.ids[index[i]]!r}"
    if above:
        raise InputError(f"{subject}: {name} {values[i]} is outside ({least:g}, {most:g}]")
    raise InputError(f"{subject} {name} is {values[i]}, expected a finite number within [{least:g}, {most:g}]")


def _check_rows(  # noqa: PLR0913 - as check_table
    columns: DispatchColumns, index: Index, name: str, rows: Series, width: int, *, least: float
) -> None:
    if rows.shape != (len(index), width):
        raise InputError(f"{name} has shape {rows.shape}, expected {(len(index), width)}")
    at = _first_wrong(rows, least, infinite=False)
    if at is not None:
        subject = f"resource {columns.ids[index[at[0]]]!r}"
        raise InputError(f"{subject} {name}[{at[1]}] is {rows[at]}, {_expected(least)}")


def _first_wrong(rows: Series, least: float, *, infinite: bool) -> tuple[int, int] | None:
    """Row and column of the first wrong value; the extremes alone tell that there is none, NaN being one of both."""
    if rows.size == 0:
        return None
    lowest, highest = float(rows.min()), float(rows.max())
    if np.isfinite(lowest) and lowest >= least and (np.isfinite(highest) or (infinite and not np.isnan(highest))):
        return None
    wrong = np.isnan(rows) | (rows < least) | (np.isinf(rows) & (not infinite))
    if not wrong.any():
        return None
    row = int(np.argmax(wrong.any(axis=1)))
    return row, int(np.argmax(wrong[row]))


def _expected(least: float) -> str:
    return "expected a finite number" if least == -np.inf else f"expected a finite number and at least {least:g}"
