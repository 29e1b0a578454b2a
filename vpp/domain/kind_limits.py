"""The limits of each kind of resource, checked in plain arithmetic on many rows at once.

Part of the plan's independent check: states (energy, temperature, charge) are rebuilt from the responses alone. Rows
are taken in slices, so that a fleet of a million needs little more memory than its plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeVar, assert_never

import numpy as np

from vpp.domain.block_runs import broken_runs
from vpp.domain.columns import (
    BlockColumns,
    ChargingColumns,
    CoolingColumns,
    CurtailableColumns,
    DispatchColumns,
    Flags,
    Index,
    StorageColumns,
)
from vpp.domain.events import Direction
from vpp.domain.flexibility import Series
from vpp.domain.timegrid import INTERVAL_H
from vpp.domain.violations import KELVIN, KWH, TOLERANCE_KW, TOLERANCE_KWH, Report

SLICE_ROWS = 50_000

KindColumns = CurtailableColumns | BlockColumns | ChargingColumns | CoolingColumns | StorageColumns
K = TypeVar("K", CurtailableColumns, BlockColumns, ChargingColumns, CoolingColumns, StorageColumns)


@dataclass(frozen=True, slots=True, eq=False)
class _Sense:
    """What the asked direction means for powers and for words.

    Attributes:
        sign: Power is ``forecast_kw - sign * response``.
    """

    event: int
    sign: float
    energy: str
    temperature: str


def check_kinds(columns: DispatchColumns, response_kw: Series, report: Report) -> None:
    """Adds what the responses, shape (N, H), break of the resources' own limits to ``report``."""
    _reserved(columns, response_kw, report)
    curtails = columns.direction is Direction.CURTAIL
    sense = _Sense(
        columns.event_intervals,
        float(columns.direction.sign),
        "curtailed" if curtails else "added",
        "rise" if curtails else "drop",
    )
    for part in _parts(columns):
        if report.room <= 0:
            return
        _check_part(part, response_kw[part.index], sense, report)


def _reserved(columns: DispatchColumns, response_kw: Series, report: Report) -> None:
    index = np.flatnonzero(columns.reserved)
    if index.size:
        what = "response of a resource held back as reserve"
        report.above(index, "reserved", np.abs(response_kw[index]), 0.0, what)


def _parts(columns: DispatchColumns) -> Iterator[KindColumns]:
    """All resources not held back, kind by kind, in slices."""
    yield from _slices(columns.curtailable, columns.reserved)
    yield from _slices(columns.block, columns.reserved)
    yield from _slices(columns.charging, columns.reserved)
    yield from _slices(columns.cooling, columns.reserved)
    yield from _slices(columns.storage, columns.reserved)


def _slices(kind: K, reserved: Flags) -> Iterator[K]:
    held = reserved[kind.index]
    rows = np.flatnonzero(~held) if held.any() else None
    for begin in range(0, len(kind.index) if rows is None else rows.size, SLICE_ROWS):
        piece = slice(begin, begin + SLICE_ROWS)
        yield rows_of(kind, piece if rows is None else rows[piece])


def rows_of(kind: K, rows: slice | Index) -> K:
    """Some rows of a kind's columns."""
    return type(kind)(*(getattr(kind, field.name)[rows] for field in fields(kind)))


def _check_part(part: KindColumns, r: Series, sense: _Sense, report: Report) -> None:
    match part:
        case CurtailableColumns():
            _curtailable(part, r, sense, report)
        case BlockColumns():
            _block(part, r, sense, report)
        case ChargingColumns():
            _charging(part, r, sense, report)
        case CoolingColumns():
            _cooling(part, r, sense, report)
        case StorageColumns():
            _storage(part, r, sense, report)
        case other:
            assert_never(other)


def _only_in_event(index: Index, r: Series, event: int, report: Report) -> None:
    if r.shape[1] > event:
        outside = np.abs(r)
        outside[:, :event] = 0.0
        report.above(index, "event_only", outside, 0.0, "response after the event")


def _curtailable(f: CurtailableColumns, r: Series, sense: _Sense, report: Report) -> None:
    within = r[:, : sense.event]
    _only_in_event(f.index, r, sense.event, report)
    report.below(f.index, "sign", r, 0.0, "response")
    report.above(f.index, "available", within, f.segment_1_kw + f.segment_2_kw, "response")
    energy_kwh = within.sum(axis=1) * INTERVAL_H
    for row in np.flatnonzero(energy_kwh > f.energy_max_kwh + TOLERANCE_KWH)[: report.room].tolist():
        text = f"{sense.energy} energy {energy_kwh[row]:.3f} kWh above {f.energy_max_kwh[row]:.3f} kWh"
        report.add(int(f.index[row]), "energy", None, text)


def _block(f: BlockColumns, r: Series, sense: _Sense, report: Report) -> None:
    within = r[:, : sense.event]
    _only_in_event(f.index, r, sense.event, report)
    report.below(f.index, "sign", r, 0.0, "response")
    report.above(f.index, "available", within, f.available_kw, "response")
    called = within > TOLERANCE_KW
    report.below(f.index, "minimum", np.where(called, within, f.minimum_kw), f.minimum_kw, "response of a call")
    optional = ~called & (f.minimum_kw <= TOLERANCE_KW)
    for broken in broken_runs(f, called, optional):
        if report.room <= 0:
            return
        report.add(int(f.index[broken.row]), broken.limit, broken.interval, broken.text)


def _charging(f: ChargingColumns, r: Series, sense: _Sense, report: Report) -> None:
    power_kw = f.forecast_kw - sense.sign * r
    energy_kwh = np.cumsum(power_kw, axis=1) * INTERVAL_H
    report.below(f.index, "power_min", power_kw, f.power_min_kw, "power")
    report.above(f.index, "power_max", power_kw, f.power_max_kw, "power")
    report.below(f.index, "energy_floor", energy_kwh, f.energy_floor_kwh, "charged energy", measure=KWH)
    report.above(f.index, "energy_ceiling", energy_kwh, f.energy_ceiling_kwh, "charged energy", measure=KWH)


def _cooling(f: CoolingColumns, r: Series, sense: _Sense, report: Report) -> None:
    available = np.zeros(r.shape)
    available[:, : sense.event] = f.available_kw
    report.above(f.index, "available", r, available, "response")
    report.below(f.index, "payback", r, -f.payback_max_kw[:, None], "response")
    theta, undisturbed = np.empty(r.shape), np.empty(r.shape)
    theta_k, decayed_k = f.theta_0_k, f.theta_0_k
    for t in range(r.shape[1]):
        theta_k = f.retention * theta_k + f.gain_k_per_kw * r[:, t]
        decayed_k = f.retention * decayed_k
        theta[:, t], undisturbed[:, t] = theta_k, decayed_k
    what = f"temperature {sense.temperature}"
    report.above(f.index, "band", theta, np.maximum(f.band_k[:, None], undisturbed), what, measure=KELVIN)
    report.below(f.index, "undercooling", theta, 0.0, what, measure=KELVIN)
    end_k = np.full(r.shape, np.inf)
    end_k[:, -1] = np.maximum(0.25 * f.band_k, undisturbed[:, -1])
    report.above(f.index, "end", theta, end_k, f"{what} at the horizon's end", measure=KELVIN)


def _storage(f: StorageColumns, r: Series, sense: _Sense, report: Report) -> None:
    power_kw = f.forecast_kw - sense.sign * r
    charge_kw, discharge_kw = np.maximum(power_kw, 0.0), np.maximum(-power_kw, 0.0)
    report.above(f.index, "power", np.abs(power_kw), f.power_max_kw[:, None], "power")
    home = ~f.export_allowed
    report.below(f.index[home], "export", power_kw[home], 0.0, "power of a storage that may not export")
    efficiency = f.efficiency[:, None]
    flow_kw = efficiency * charge_kw - discharge_kw / efficiency
    soc_kwh = f.soc_kwh[:, None] + np.cumsum(flow_kw, axis=1) * INTERVAL_H
    report.below(f.index, "soc_min", soc_kwh, f.soc_min_kwh[:, None], "state of charge", measure=KWH)
    report.above(f.index, "capacity", soc_kwh, f.capacity_kwh[:, None], "state of charge", measure=KWH)
    end_kwh = np.full(r.shape, -np.inf)
    end_kwh[:, -1] = f.soc_end_kwh
    report.below(f.index, "soc_end", soc_kwh, end_kwh, "state of charge at the horizon's end", measure=KWH)
