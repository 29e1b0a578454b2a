"""Finds resources whose own limits contradict each other, so that no plan exists at all, and says which limits do.

Filling changes none of these: the limits bind power and energy, not responses.
"""

from collections.abc import Iterator

import numpy as np

from optimizer.envelope import charging_envelope, storage_floor
from vpp.domain.columns import BlockColumns, ChargingColumns, DispatchColumns, Flags, StorageColumns
from vpp.domain.dispatch import BindingLimit
from vpp.domain.timegrid import INTERVAL_H

SLACK_KWH = 1e-6
MOST_NAMED = 1000
SLICE_ROWS = 50_000

Found = tuple[int, str, int | None, str]
"""Position of the resource, name of the limit, interval, text."""


def contradictions(columns: DispatchColumns) -> tuple[BindingLimit, ...]:
    """One limit per resource that contradicts itself, in the order of resources, ``MOST_NAMED`` of them at most."""
    found = [*_block(columns.block, columns.event_intervals), *_storage(columns.storage, columns.intervals)]
    for begin in range(0, len(columns.charging.index), SLICE_ROWS):
        found += _charging(columns.charging, slice(begin, begin + SLICE_ROWS))
    open_to_all = [entry for entry in found if not columns.reserved[entry[0]]]
    return tuple(
        BindingLimit(f"resource:{columns.ids[i]}:{name}", interval, f"resource {columns.ids[i]!r}: {text}")
        for i, name, interval, text in sorted(open_to_all, key=lambda entry: entry[0])[:MOST_NAMED]
    )


def _block(f: BlockColumns, event: int) -> Iterator[Found]:
    above: Flags = np.asarray(f.minimum_kw > f.available_kw + SLACK_KWH)
    crossed: Flags = np.asarray(above.any(axis=1))
    runs: Flags = np.asarray(f.min_run > f.max_run)
    left = np.where(f.running_intervals > 0, f.min_run - f.running_intervals, 0)
    for i in np.flatnonzero(crossed | runs | (left > event)).tolist():
        position = int(f.index[i])
        if crossed[i]:
            at = int(np.argmax(above[i]))
            least_kw, most_kw = f.minimum_kw[i, at], f.available_kw[i, at]
            text = f"least response {least_kw:g} kW above available {most_kw:g} kW in interval {at}"
            yield position, "minimum", at, text
        elif runs[i]:
            yield position, "runs", None, f"min run {f.min_run[i]} above max run {f.max_run[i]} intervals"
        else:
            yield position, "runs", None, f"running call needs {left[i]} more intervals, event has {event}"


def _charging(f: ChargingColumns, rows: slice) -> Iterator[Found]:
    index, least_kw, most_kw = f.index[rows], f.power_min_kw[rows], f.power_max_kw[rows]
    floor_kwh, ceiling_kwh = f.energy_floor_kwh[rows], f.energy_ceiling_kwh[rows]
    low_kwh, high_kwh = charging_envelope(least_kw, most_kw, floor_kwh, ceiling_kwh)
    power, energy = least_kw > most_kw, low_kwh > high_kwh + SLACK_KWH
    for i in np.flatnonzero((power | energy).any(axis=1)).tolist():
        position = int(index[i])
        if power[i].any():
            at = int(np.argmax(power[i]))
            text = f"least power {least_kw[i, at]:g} kW above most power {most_kw[i, at]:g} kW in interval {at}"
            yield position, "power", at, text
            continue
        at = int(np.argmax(energy[i]))
        text = (
            f"charged energy must be at least {low_kwh[i, at]:g} kWh and at most {high_kwh[i, at]:g} kWh by the end of "
            f"interval {at} (floor {floor_kwh[i, at]:g}, ceiling {ceiling_kwh[i, at]:g} kWh)"
        )
        yield position, "energy", at, text


def _storage(f: StorageColumns, count: int) -> Iterator[Found]:
    if len(f.index) == 0:
        return
    step_kwh = f.power_max_kw * f.efficiency * INTERVAL_H
    low_kwh = storage_floor(f.soc_min_kwh, f.soc_end_kwh, np.repeat(step_kwh[:, None], count, axis=1))
    first_kwh, most_kwh = low_kwh[:, 0], low_kwh.max(axis=1)
    full = f.soc_kwh > f.capacity_kwh + SLACK_KWH
    asked = most_kwh > f.capacity_kwh + SLACK_KWH
    late = f.soc_kwh + step_kwh < first_kwh - SLACK_KWH
    for i in np.flatnonzero(full | asked | late).tolist():
        position, capacity = int(f.index[i]), f"above capacity {f.capacity_kwh[i]:g} kWh"
        if full[i]:
            yield position, "soc", None, f"state of charge {f.soc_kwh[i]:g} kWh {capacity}"
        elif asked[i]:
            yield position, "soc", None, f"state of charge {most_kwh[i]:g} kWh is asked for, {capacity}"
        else:
            text = (
                f"state of charge {f.soc_kwh[i]:g} kWh cannot reach {f.soc_end_kwh[i]:g} kWh at the end or stay above "
                f"{f.soc_min_kwh[i]:g} kWh with {f.power_max_kw[i]:g} kW"
            )
            yield position, "soc_end", None, text
